"""One iteration of an agent: self-play → train → evaluate → promote; and the endless run of them.

Every stage can be interrupted and goes on from what it has finished: training from its last step, self-play from the games that
have ended; a match begins anew. What is finished lies in the agent's files, and metadata.json's `stage` says which iteration is
under way, the `name` of its stage, and what was `found` by then:

    iteration          its number
    frozen             what its games go by to their end, also after an interruption (`selfplay_stage.begin_games`)
    selfplay           figures of its self-play, once all games have ended
    steps, until_step  the steps that it trains, and the one that is the last; fixed as training begins
    samples_owed       what the replay ratio leaves to the next iteration
    lacks              steps still to make where other training came between, from which until_step is reckoned anew
    train, arena       figures of its training and its match
    spent              seconds so far

When it is finished, number, figures and seconds become a line of iterations.jsonl; the rest has done its work.
"""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional

from pawnzero.agent import Agent
from pawnzero.checks import run_checks
from pawnzero.config import Config, SelfplayConfig
from pawnzero.errors import PawnzeroError, UsageError
from pawnzero.files import read_json
from pawnzero.games import get_game
from pawnzero.nets import make_model
from pawnzero.nets.evaluator import NetEvaluator
from pawnzero.prechecks import precheck
from pawnzero.progress import Progress
from pawnzero.promote import best_net, evaluate_and_promote
from pawnzero.selfplay import Workload, play_games
from pawnzero.selfplay_stage import begin_games, iteration_games, open_replay, untrained_net
from pawnzero.train import train
from pawnzero.train.ratio import steps_worth
from pawnzero.train.state import saved_step
from pawnzero.train.team import ALONE, Team

_OF_TRAINING = ("batch_size", "grad_accum_steps", "trainer", "keep_checkpoints", "seed", "replay_capacity")
"""How the settings begin that training alone uses."""
_OF_ALL_PARTS = ("stage_steps", "stage_samples")
"""Figures of training from which an iteration's record is made; one call of it alone has the same as its own."""


def run_iteration(
    agent_dir: Path,
    config: Config,
    *,
    iteration: Optional[int] = None,
    device: str = "auto",
    use_amp: bool = False,
    progress: Optional[Progress] = None,
) -> Dict[str, Any]:
    """Do one iteration, or the rest of it. Returns what each stage found: iteration, selfplay, train, arena, promoted, and
    the `alarms` of them all (`pawnzero.alarms`).

    iteration: its number; None: the one under way or the next. One that was finished is only reported (`already_done`); a
    later one than the next raises UsageError that names the next.

    Raises UsageError for settings of self-play that do not fit together.
    """
    progress = progress or Progress()
    if iteration and not (agent_dir / "metadata.json").exists():
        raise UsageError(f"iteration {iteration}: {agent_dir} is no agent yet; its first iteration is 0")
    if iteration is not None and (agent_dir / "metadata.json").exists():
        agent = Agent.open(agent_dir)  # without its lock: what is finished may be asked of a folder that cannot be written
        if iteration < agent.metadata["next_iteration"]:
            return _reported(agent, iteration, progress)
    with _writing(agent_dir, config, progress) as agent:
        number = agent.metadata["next_iteration"]
        if iteration is not None and iteration > number:
            raise UsageError(f"iteration {iteration}: {agent.directory} is at iteration {number}; run that one next")
        if iteration is not None and iteration < number:  # another process has just finished it
            return _reported(agent, iteration, progress)
        return _next_iteration(agent, config, device, use_amp, progress)


def _reported(agent: Agent, iteration: int, progress: Progress) -> Dict[str, Any]:
    """What a finished iteration found, and a line that says so."""
    number = agent.metadata["next_iteration"]
    progress.note(f"iteration {iteration} of {agent.name} is finished; nothing to do (the next is {number})")
    for found in agent.iterations:
        if found["iteration"] == iteration:
            return {**found, "already_done": True}
    lost = dict.fromkeys(("selfplay", "train", "arena", "promoted"))
    return {"iteration": iteration, **lost, "already_done": True}


@contextmanager
def _writing(agent_dir: Path, config: Config, progress: Progress) -> Iterator[Agent]:
    """The agent, made where there is none, and locked."""
    config.check_selfplay()
    agent = Agent.open_or_create(agent_dir, config, progress)
    with agent.lock():
        yield agent


def _next_iteration(agent: Agent, config: Config, device: str, use_amp: bool, progress: Progress) -> Dict[str, Any]:
    config = agent.adopt(config, progress)
    _step_reached(agent)  # a net that cannot be read is told now, not when all has been played and trained
    best_net(agent)
    precheck(agent.game, agent.experiments, progress)
    found = _begin(agent, agent.metadata["next_iteration"], config, progress)
    with _timed(agent, found) as enter:
        _iterate(agent, config, found, enter, device, use_amp, progress)
    return _complete(agent, found)


def _iterate(
    agent: Agent,
    config: Config,
    found: Dict[str, Any],
    enter: Callable[[str], None],
    device: str,
    use_amp: bool,
    progress: Progress,
) -> None:
    """The stages that an iteration still lacks, in their order. `enter` keeps what was found before the stage of that name."""
    number = found["iteration"]
    if "selfplay" not in found:
        if "frozen" not in found:
            found["frozen"] = begin_games(agent, config, progress)
        enter("selfplay")
        found["selfplay"] = iteration_games(agent, config, number, found["frozen"], device, progress)
        enter("train")
    if "train" not in found:
        if "until_step" not in found:
            found.update(_training_plan(agent, config, found["selfplay"]["positions"]))
            enter("train")
        elif "lacks" in found:
            found["until_step"] = _step_reached(agent) + found.pop("lacks")
            enter("train")
        asked, until = f"iteration {number}", found["until_step"]
        trained = _train_until(agent, config, asked, until, device, use_amp, progress, found.get("steps"))
        found["train"] = _of_all_parts(trained, found, config)
        enter("arena")
        _heed_interruption(trained)
    found["arena"] = evaluate_and_promote(
        agent,
        games=config.eval_games,
        threshold=config.eval_threshold,
        simulations=config.mcts_sims,
        device=device,
        seed=config.seed + number,
        iteration=number,
        config=config,
        progress=progress,
    )


@contextmanager
def _timed(agent: Agent, found: Dict[str, Any]) -> Iterator[Callable[[str], None]]:
    """Add what the block takes to the iteration's `spent` seconds; where it is interrupted they are kept with the stage.

    Gives what enters a stage by its name: it keeps what was found and the seconds so far, so that a kill loses no more of
    them than those of the stage under way.
    """
    began, before = time.monotonic(), found.get("spent", 0.0)

    def spent() -> float:
        return before + time.monotonic() - began

    def enter(name: str) -> None:
        found["spent"] = spent()
        agent.update(stage={"iteration": found["iteration"], "name": name, "found": found})

    try:
        yield enter
    except BaseException:
        stage = agent.metadata["stage"]
        if stage is not None:
            with suppress(PawnzeroError, OSError):  # what ended the block is told, not this
                agent.update(stage={**stage, "found": {**stage["found"], "spent": spent()}})
        raise
    found["spent"] = spent()


def run_until(
    agent_dir: Path,
    config: Config,
    *,
    hours: Optional[float] = None,
    iterations: Optional[int] = None,
    device: str = "auto",
    use_amp: bool = False,
    progress: Optional[Progress] = None,
    each: Optional[Callable[[Dict[str, Any]], None]] = None,
) -> Dict[str, Any]:
    """Iterate until so many more iterations are done, or start none after so many hours. Returns {"iterations": [...]}.

    `each` is told what an iteration found as soon as it is finished. Nobody else writes to the agent meanwhile, between
    iterations neither.
    """
    assert (hours is None) != (iterations is None)
    progress = progress or Progress()
    started = time.monotonic()
    done: List[Dict[str, Any]] = []
    with _writing(agent_dir, config, progress) as agent:
        while len(done) < iterations if iterations is not None else time.monotonic() - started < 3600 * (hours or 0.0):
            done.append(_next_iteration(agent, config, device, use_amp, progress))
            if each is not None:
                each(done[-1])
    return {"iterations": done, "seconds": round(time.monotonic() - started, 3)}


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
        return _heed_interruption(_train_until(agent, config, stage, until_step, device, use_amp, progress, team=team))
    with agent.lock():
        config = agent.adopt(config, progress)
        precheck(agent.game, agent.experiments, progress)
        agent.keep_settings(config, progress, _OF_TRAINING)
        steps = epochs * config.trainer_iters
        reached = _step_reached(agent)
        agent.keep_what_training_lacks(reached)
        open_replay(agent, config, progress).close()  # of the size that is wanted, before the others open it
        stage, until_step = team.tell((f"from step {reached}", reached + steps))
        return _heed_interruption(_train_until(agent, config, stage, until_step, device, use_amp, progress, team=team))


def smoke(*, device: str = "auto", progress: Optional[Progress] = None) -> Dict[str, Any]:
    """Prechecks, then one quick game of a small net against itself, looked at closely. Touches no agent: what it writes lies in
    the cache folder.

    Returns figures with `ok`; what is wrong with the game is in `faults`.
    """
    progress = progress or Progress()
    report = run_checks("quick", progress=progress)
    game = get_game("chess")
    net = make_model("cpu", channels=16, blocks=2)
    config = Config(mcts_sims=16, selfplay=SelfplayConfig(max_plies=60))
    workload = Workload()
    started = time.monotonic()
    progress.start("one quick game", 1, "games")
    (record,) = play_games(
        game,
        NetEvaluator(net, device, progress=progress),
        [0],
        simulations=config.mcts_sims,
        search=config.search,
        settings=config.selfplay,
        seed=config.seed,
        workload=workload,
    )
    progress.advance(1)
    progress.finish()
    faults = [f"check {row.name}: {row.found}, expected {row.expected}" for row in report.rows if not row.ok]
    faults += record.faults(game)
    return {
        "ok": not faults,
        "faults": faults,
        "checks": len(report.rows),
        "plies": len(record),
        "ending": game.endings[record.ending],
        "simulations": workload.simulations,
        "seconds": round(time.monotonic() - started, 3),
    }


def _begin(agent: Agent, number: int, config: Config, progress: Progress) -> Dict[str, Any]:
    """What the iteration under way has found so far; a fresh start where none is under way."""
    stage = agent.metadata["stage"]
    if stage is not None and stage["iteration"] == number:
        until = None if stage["name"] != "train" or "lacks" in stage["found"] else stage["found"].get("until_step")
        begun = "" if until is None else f", to step {until} as it was begun"
        progress.note(f"iteration {number} of {agent.name} goes on with: {stage['name']}{begun}")
        agent.keep_settings(config, progress)
        return dict(stage["found"])
    agent.keep_settings(config, progress)
    return {"iteration": number}


def _complete(agent: Agent, found: Dict[str, Any]) -> Dict[str, Any]:
    owed = found.pop("samples_owed", agent.metadata.get("samples_owed", 0.0))
    for bookkeeping in ("until_step", "steps", "frozen"):
        found.pop(bookkeeping, None)
    found["seconds"] = round(found.pop("spent"), 3)
    found["promoted"] = found["arena"]["promoted"]
    found["alarms"] = [alarm for name in ("selfplay", "train") for alarm in found[name].get("alarms", ())]
    agent.finish(found, samples_owed=owed)
    return found


def _training_plan(agent: Agent, config: Config, positions: int) -> Dict[str, Any]:
    """How far an iteration with so many new positions trains, fixed when its training begins.

    steps, and until_step, by which they are done; samples_owed: what the replay ratio leaves to the next iteration.
    """
    plan: Dict[str, Any] = {"steps": config.trainer_iters}
    if config.trainer.replay_ratio > 0.0:
        owed = agent.metadata.get("samples_owed", 0.0)
        plan["steps"], plan["samples_owed"] = steps_worth(positions, config.trainer.replay_ratio, _effective(config), owed)
    return {**plan, "until_step": _step_reached(agent) + plan["steps"]}


def _of_all_parts(trained: Dict[str, Any], found: Dict[str, Any], config: Config) -> Dict[str, Any]:
    """The figures of an iteration's training, which is complete, with the steps and samples of all its parts.

    replay_ratio: samples for each position that the iteration played; None where it played none. Steps that latest.pt does not
    know of, since other training came between, are taken to have been of as many samples as one is now.
    """
    figures = {name: value for name, value in trained.items() if name not in _OF_ALL_PARTS}
    known, positions = trained["stage_steps"], found["selfplay"]["positions"]
    steps = max(known, found.get("steps", known))
    samples = trained["stage_samples"] + (steps - known) * _effective(config)
    ratio = round(samples / positions, 4) if positions else None
    return {**figures, "steps_done": steps, "samples": samples, "replay_ratio": ratio, "interrupted": False}


def _effective(config: Config) -> int:
    """Samples of a step."""
    return config.batch_size * config.grad_accum_steps


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


def _heed_interruption(trained: Dict[str, Any]) -> Dict[str, Any]:
    """The figures of training that is complete. Raises KeyboardInterrupt where a signal came as its last step was saved."""
    if trained["interrupted"]:
        raise KeyboardInterrupt
    return {name: value for name, value in trained.items() if name not in _OF_ALL_PARTS}


def _step_reached(agent: Agent) -> int:
    return saved_step(agent.checkpoints, agent.game, agent.model)
