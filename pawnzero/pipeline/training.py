"""Training of an agent's net on its replay buffer, within an iteration or alone; both resume after an interruption."""

from __future__ import annotations

from typing import Any, Dict, Optional

from pawnzero.agent import Agent
from pawnzero.agent.under_way import UnderWay
from pawnzero.checks.prechecks import precheck
from pawnzero.config import Config, TrainConfig
from pawnzero.files.numbered import numbered_path
from pawnzero.pipeline.selfplay import open_replay, untrained_net
from pawnzero.progress import Progress
from pawnzero.train import train
from pawnzero.train.log import read_log
from pawnzero.train.ratio import steps_worth
from pawnzero.train.stage import positions_to_learn
from pawnzero.train.state import saved_step
from pawnzero.train.team import ALONE, Team
from pawnzero.words import counted

_OF_TRAINING = ("batch_size", "grad_accum_steps", "trainer", "keep_checkpoints", "seed", "replay_capacity")
"""Prefixes of the settings that training uses when it runs alone."""
_OF_ALL_PARTS = ("stage_steps", "stage_samples")
"""Figures used only to compute an iteration's record, and left out of the results."""


def train_stage(
    agent: Agent,
    config: Config,
    *,
    epochs: int = 1,
    device: str = "auto",
    use_amp: bool = False,
    progress: Optional[Progress] = None,
    team: Team = ALONE,
) -> Dict[str, Any]:
    """Train the agent's net for another `epochs` × `trainer_iters` steps on its replay buffer. Returns the figures.

    team: the processes that train together; all make the same call, and the leader holds the agent's lock.

    Raises KeyboardInterrupt if a signal interrupted it, PawnzeroError if a precheck fails, otherwise as `pawnzero.train.train`.
    """
    progress = progress or Progress()
    if not team.leads:
        stage, until_step = team.tell(("", 0))
        config = agent.adopt(config, progress)
        return _unless_interrupted(_train_until(agent, config, stage, until_step, device, use_amp, progress, team=team))
    with agent.lock():
        config = agent.adopt(config, progress)
        precheck(agent.game, agent.experiments, progress)
        agent.keep_settings(config, progress, _OF_TRAINING)
        steps = epochs * config.trainer_iters
        reached = step_reached(agent)
        agent.keep_what_training_lacks(reached)
        open_replay(agent, config, progress).close()  # resized as configured, before the other processes open it
        stage, until_step = team.tell((f"from step {reached}", reached + steps))
        return _unless_interrupted(_train_until(agent, config, stage, until_step, device, use_amp, progress, team=team))


def plan_training(agent: Agent, config: Config, under_way: UnderWay, progress: Progress) -> None:
    """Set how far an iteration trains, once its games are played: `steps`, `until_step`, `reset` and `samples_owed`."""
    assert under_way.selfplay is not None, "an iteration trains when it has played"
    under_way.steps = config.trainer_iters
    if _resets(under_way.iteration, config.trainer):
        under_way.reset = True
        with open_replay(agent, config, progress) as buffer:
            positions = positions_to_learn(buffer, config)
        under_way.steps, _ = steps_worth(positions, config.trainer.reset_ratio, config.step_samples)
        progress.note(f"{agent.name}'s net starts anew and learns from {counted(positions, 'positions')}")
    elif config.trainer.replay_ratio > 0.0:
        positions, owed = under_way.selfplay["positions"], agent.metadata.get("samples_owed", 0.0)
        under_way.steps, under_way.samples_owed = steps_worth(positions, config.trainer.replay_ratio, config.step_samples, owed)
    under_way.until_step = step_reached(agent) + under_way.steps


def _resets(iteration: int, config: TrainConfig) -> bool:
    """Whether an iteration starts the net anew."""
    if config.reset_every == 0 or 0 < config.reset_until < iteration:
        return False
    return iteration > 0 and iteration % config.reset_every == 0


def iteration_training(
    agent: Agent, config: Config, under_way: UnderWay, device: str, use_amp: bool, progress: Progress
) -> Dict[str, Any]:
    """Train until the iteration's `until_step`, or resume that training.

    Returns the figures of the complete training, with the steps and samples of all its parts. Among them, `interrupted` says
    whether a signal came during the last step or its save. Raises KeyboardInterrupt if a signal came before that, otherwise as
    `pawnzero.train.train`.

    The figure `reset` says whether it began with a new net. `replay_ratio` is samples per position that the iteration played;
    None if it played none. Steps that latest.pt has no record of, because other training came between, are assumed to have had
    as many samples each as a step has now.
    """
    assert under_way.selfplay is not None, "an iteration trains when it has played"
    assert under_way.steps is not None, "how many steps it trains is planned before"
    assert under_way.until_step is not None, "how far it trains is planned before"
    name, steps, positions = f"iteration {under_way.iteration}", under_way.steps, under_way.selfplay["positions"]
    trained = _train_until(
        agent, config, name, under_way.until_step, device, use_amp, progress, epoch_steps=steps, reset=bool(under_way.reset)
    )
    known = trained["stage_steps"]
    done = max(known, steps)
    samples = trained["stage_samples"] + (done - known) * config.step_samples
    ratio = round(samples / positions, 4) if positions else None
    return {
        **_figures(trained),
        "steps_done": done,
        "samples": samples,
        "replay_ratio": ratio,
        "reset": under_way.reset is not None,
    }


def step_reached(agent: Agent) -> int:
    """The step of the agent's latest net. Raises PawnzeroError if it cannot be read."""
    return saved_step(agent.checkpoints, agent.game, agent.model)


def _unless_interrupted(trained: Dict[str, Any]) -> Dict[str, Any]:
    """The figures of complete training. Raises KeyboardInterrupt if a signal came during the last step or its save."""
    if trained["interrupted"]:
        raise KeyboardInterrupt
    return _figures(trained)


def _figures(trained: Dict[str, Any]) -> Dict[str, Any]:
    return {name: value for name, value in trained.items() if name not in _OF_ALL_PARTS}


def _train_until(
    agent: Agent,
    config: Config,
    stage: str,
    until_step: int,
    device: str,
    use_amp: bool,
    progress: Progress,
    epoch_steps: Optional[int] = None,
    reset: bool = False,
    team: Team = ALONE,
) -> Dict[str, Any]:
    """Train, or resume. Returns the figures; raises KeyboardInterrupt if a signal stopped training before `until_step`."""
    with open_replay(agent, config, progress) as buffer:
        report = train(
            buffer,
            config,
            checkpoints=agent.checkpoints,
            until_step=until_step,
            device=device,
            use_amp=use_amp,
            log=agent.experiments / "train.json",
            progress=progress,
            net=None if agent.latest.exists() else untrained_net(agent),
            epoch_steps=epoch_steps,
            stage=stage,
            reset=reset,
            team=team,
        )
    if report.step < until_step:
        raise KeyboardInterrupt
    figures = report.to_json()
    if not report.steps_done and report.stage_steps:  # not where other training has come between
        known = _found_by_then(agent, report.step, progress)
        figures.update({name: known[name] for name, value in figures.items() if value is None and name in known})
    return figures


def _found_by_then(agent: Agent, step: int, progress: Progress) -> Dict[str, Any]:
    """Figures of training that was killed after its last step, as the log and the checkpoints have them."""
    last = next(iter(read_log(agent.experiments / "train.json", step, progress)[-1:]), {})
    known = {**last, "last_loss": last["loss"]} if "loss" in last else dict(last)
    numbered = numbered_path(agent.checkpoints, step)
    return {**known, "checkpoint": str(numbered)} if numbered.exists() else known
