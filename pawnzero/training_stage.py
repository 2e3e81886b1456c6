"""How an agent trains its net on its replay buffer: the part of an iteration, and alone; on after an interruption."""

from __future__ import annotations

from typing import Any, Dict, NamedTuple, Optional

from pawnzero.agent import Agent
from pawnzero.config import Config
from pawnzero.files import read_json
from pawnzero.prechecks import precheck
from pawnzero.progress import Progress
from pawnzero.selfplay_stage import open_replay, untrained_net
from pawnzero.train import train
from pawnzero.train.ratio import steps_worth
from pawnzero.train.state import saved_step
from pawnzero.train.team import ALONE, Team

_OF_TRAINING = ("batch_size", "grad_accum_steps", "trainer", "keep_checkpoints", "seed", "replay_capacity")
"""How the settings begin that training alone uses."""
_OF_ALL_PARTS = ("stage_steps", "stage_samples")
"""Figures of training from which an iteration's record is made; one call of it alone has the same as its own."""


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
    """Train the agent's net for `epochs` × `trainer_iters` steps more on what its replay buffer holds.

    team: the processes that do it together, all of which call this alike; the one that leads holds the agent's lock.
    """
    progress = progress or Progress()
    if not team.leads:
        stage, until_step = team.tell(("", 0))
        config = agent.adopt(config, progress)
        return _alone(_train_until(agent, config, stage, until_step, device, use_amp, progress, team=team))
    with agent.lock():
        config = agent.adopt(config, progress)
        precheck(agent.game, agent.experiments, progress)
        agent.keep_settings(config, progress, _OF_TRAINING)
        steps = epochs * config.trainer_iters
        reached = step_reached(agent)
        agent.keep_what_training_lacks(reached)
        open_replay(agent, config, progress).close()  # of the size that is wanted, before the others open it
        stage, until_step = team.tell((f"from step {reached}", reached + steps))
        return _alone(_train_until(agent, config, stage, until_step, device, use_amp, progress, team=team))


class Plan(NamedTuple):
    """How far an iteration trains.

    steps:        that it makes
    until_step:   by which they are done
    samples_owed: what the replay ratio leaves to the next iteration; None where none is set
    """

    steps: int
    until_step: int
    samples_owed: Optional[float]


def plan_training(agent: Agent, config: Config, positions: int) -> Plan:
    """How far an iteration with so many new positions trains, fixed when its training begins."""
    steps, left = config.trainer_iters, None
    if config.trainer.replay_ratio > 0.0:
        owed = agent.metadata.get("samples_owed", 0.0)
        steps, left = steps_worth(positions, config.trainer.replay_ratio, _effective(config), owed)
    return Plan(steps, step_reached(agent) + steps, left)


def iteration_training(
    agent: Agent,
    config: Config,
    number: int,
    until_step: int,
    steps: Optional[int],
    positions: int,
    device: str,
    use_amp: bool,
    progress: Progress,
) -> Dict[str, Any]:
    """Training of iteration `number`, which played `positions`, until `until_step`, or the rest of it.

    Returns its figures, which are complete, with the steps and samples of all its parts. `interrupted`: whether a signal came
    as its last step was saved. Raises KeyboardInterrupt where one came before.

    steps: that it was to make in all; None where the version that began it did not note that.
    replay_ratio, of the figures: samples for each position; None where none was played. Steps that latest.pt does not
    know of, since other training came between, are taken to have been of as many samples as one is now.
    """
    trained = _train_until(agent, config, f"iteration {number}", until_step, device, use_amp, progress, epoch_steps=steps)
    known = trained["stage_steps"]
    done = max(known, steps or 0)
    samples = trained["stage_samples"] + (done - known) * _effective(config)
    ratio = round(samples / positions, 4) if positions else None
    return {**_figures(trained), "steps_done": done, "samples": samples, "replay_ratio": ratio}


def step_reached(agent: Agent) -> int:
    """The step of the agent's latest net. Raises PawnzeroError where it cannot be read."""
    return saved_step(agent.checkpoints, agent.game, agent.model)


def _effective(config: Config) -> int:
    """Samples of a step."""
    return config.batch_size * config.grad_accum_steps


def _alone(trained: Dict[str, Any]) -> Dict[str, Any]:
    """The figures of training that is complete. Raises KeyboardInterrupt where a signal came as its last step was saved."""
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
    team: Team = ALONE,
) -> Dict[str, Any]:
    """Train, or go on with it. Returns the figures; raises KeyboardInterrupt where a signal stopped it before `until_step`."""
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
            team=team,
        )
    if report.step < until_step:
        raise KeyboardInterrupt
    figures = report.to_json()
    log = agent.experiments / "train.json"
    if not report.steps_done and log.exists():  # killed after the last step: what it found stands in the log
        last = read_json(log)[-1]
        figures.update({name: last[name] for name, value in figures.items() if value is None and name in last})
    return figures
