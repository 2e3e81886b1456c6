"""One iteration of an agent: self-play → train → evaluate → promote; and runs of many.

Every stage can be interrupted and resumes from what it has finished: training from its last step, self-play from the games that
have ended. Only a match starts over. Results are in the agent's files, and metadata.json records what is under way. A finished
iteration becomes a line of iterations.jsonl.
"""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional

from pawnzero.agent import Agent
from pawnzero.agent.under_way import ARENA, SELFPLAY, TRAIN, UnderWay
from pawnzero.checks.prechecks import precheck
from pawnzero.config import Config
from pawnzero.errors import PawnzeroError, UsageError
from pawnzero.pipeline.promote import best_net, evaluate_and_promote
from pawnzero.pipeline.selfplay import begin_games, iteration_games
from pawnzero.pipeline.training import iteration_training, plan_training, step_reached
from pawnzero.progress import Progress
from pawnzero.words import counted


def run_iteration(
    agent_dir: Path,
    config: Config,
    *,
    iteration: Optional[int] = None,
    device: str = "auto",
    use_amp: bool = False,
    progress: Optional[Progress] = None,
) -> Dict[str, Any]:
    """Run one iteration, or the rest of it.

    Returns what each stage found: iteration, selfplay, train, arena, promoted, and the `alarms` of all stages
    (`pawnzero.alarms`).

    iteration: its number; None: the one under way or the next. A finished one is only reported (`already_done`); one beyond the
    next raises UsageError that names the next.

    Raises UsageError for self-play settings that do not fit together.
    """
    progress = progress or Progress()
    if iteration and not Agent.is_at(agent_dir):
        raise UsageError(f"iteration {iteration}: {agent_dir} is not an agent yet; its first iteration is 0")
    if iteration is not None and Agent.is_at(agent_dir):
        agent = Agent.open(agent_dir)  # no lock: a finished iteration can be looked up in a read-only folder
        if iteration < agent.metadata["next_iteration"]:
            return _reported(agent, iteration, progress)
    with _writing(agent_dir, config, progress) as agent:
        number = agent.metadata["next_iteration"]
        if iteration is not None and iteration > number:
            raise UsageError(f"iteration {iteration}: {agent.directory} is at iteration {number}; run that one next")
        if iteration is not None and iteration < number:  # another process finished it before we had the lock
            return _reported(agent, iteration, progress)
        return _next_iteration(agent, config, device, use_amp, progress)


def _reported(agent: Agent, iteration: int, progress: Progress) -> Dict[str, Any]:
    """What a finished iteration found, after a note that it is finished."""
    number = agent.metadata["next_iteration"]
    progress.note(f"iteration {iteration} of {agent.name} is finished; nothing to do (the next is {number})")
    for found in agent.iterations:
        if found["iteration"] == iteration:
            return {**found, "already_done": True}
    lost = dict.fromkeys(("selfplay", "train", "arena", "promoted"))
    return {"iteration": iteration, **lost, "already_done": True}


@contextmanager
def _writing(agent_dir: Path, config: Config, progress: Progress) -> Iterator[Agent]:
    """The agent, created if necessary, and locked."""
    config.check_selfplay()
    agent = Agent.open_or_create(agent_dir, config, progress)
    with agent.lock():
        yield agent


def _next_iteration(agent: Agent, config: Config, device: str, use_amp: bool, progress: Progress) -> Dict[str, Any]:
    config = agent.adopt(config, progress)
    step_reached(agent)  # report an unreadable net now, not after self-play and training
    best_net(agent)
    precheck(agent.game, agent.experiments, progress)
    under_way = _begin(agent, agent.metadata["next_iteration"], config, progress)
    _Iteration(agent, config, under_way, device, use_amp, progress).run()
    return _complete(agent, under_way, progress)


@dataclass
class _Iteration:
    """The remaining stages of an iteration. Their results and the seconds they take are saved in the agent as they come."""

    agent: Agent
    config: Config
    under_way: UnderWay
    device: str
    use_amp: bool
    progress: Progress

    def __post_init__(self) -> None:
        self._began, self._before = time.monotonic(), self.under_way.spent

    @property
    def spent(self) -> float:
        """Seconds that the iteration has taken so far, including those before an interruption."""
        return self._before + time.monotonic() - self._began

    def run(self) -> None:
        """Run the remaining stages. If they are interrupted, the seconds spent are saved."""
        try:
            if self.under_way.selfplay is None:
                self._play()
            if self.under_way.train is None:
                self._train()
            self._match()
        except BaseException:
            stage = self.agent.metadata["stage"]
            if stage is not None:
                with suppress(PawnzeroError, OSError):  # report the original error, not this one
                    self.agent.update(stage={**stage, "found": {**stage["found"], "spent": self.spent}})
            raise
        self.under_way.spent = self.spent

    def _enter(self, name: str) -> None:
        """Save the results and the seconds so far, before the stage `name`: a kill loses the seconds of one stage at most."""
        self.under_way.spent = self.spent
        self.agent.update(stage=self.under_way.stage(name))

    def _play(self) -> None:
        under_way = self.under_way
        if under_way.frozen is None:
            under_way.frozen = begin_games(self.agent, self.config, self.progress)
        self._enter(SELFPLAY)
        under_way.selfplay = iteration_games(
            self.agent, self.config, under_way.iteration, under_way.frozen, self.device, self.progress
        )
        self._enter(TRAIN)

    def _train(self) -> None:
        under_way = self.under_way
        if under_way.steps is None:
            plan_training(self.agent, self.config, under_way, self.progress)
            self._enter(TRAIN)
        elif under_way.lacks is not None:
            if under_way.reset and under_way.lacks < under_way.steps:
                under_way.reset = False  # its new net has begun to learn, and must not be replaced again
            under_way.until_step, under_way.lacks = step_reached(self.agent) + under_way.lacks, None
            self._enter(TRAIN)
        trained = iteration_training(self.agent, self.config, under_way, self.device, self.use_amp, self.progress)
        under_way.train = {**trained, "interrupted": False}
        self._enter(ARENA)
        if trained["interrupted"]:  # training is saved; the match waits for the next call
            raise KeyboardInterrupt

    def _match(self) -> None:
        self.under_way.arena = evaluate_and_promote(
            self.agent,
            self.config,
            device=self.device,
            seed=self.config.seed + self.under_way.iteration,
            iteration=self.under_way.iteration,
            progress=self.progress,
        )


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
    """Run iterations until `iterations` more are done, or until `hours` have passed (the current one is finished).

    Returns {"iterations": [...], "seconds": …}. `each` is called with an iteration's results as soon as it is finished. The
    agent stays locked throughout, also between iterations.
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


def _begin(agent: Agent, number: int, config: Config, progress: Progress) -> UnderWay:
    """The iteration under way, or a fresh one."""
    stage = agent.metadata["stage"]
    under_way = UnderWay.of(stage)
    if under_way is not None and under_way.iteration == number:
        begun = _as_begun(under_way) if stage["name"] == TRAIN else ""
        progress.note(f"iteration {number} of {agent.name} goes on with: {stage['name']}{begun}")
        agent.keep_settings(config, progress)
        return under_way
    agent.keep_settings(config, progress)
    return UnderWay(number)


def _as_begun(under_way: UnderWay) -> str:
    """Words for how far training goes on, whatever the settings say by now; empty if that is not planned yet."""
    if under_way.lacks is None:
        steps = "" if under_way.until_step is None else f"to step {under_way.until_step}"
        if under_way.reset:
            steps += " with a new net"
    else:  # other training came between
        steps = f"the {counted(under_way.lacks, 'steps')} it lacks," if under_way.lacks > 0 else ""
    return f", {steps} as planned before the interruption" if steps else ""


def _complete(agent: Agent, under_way: UnderWay, progress: Progress) -> Dict[str, Any]:
    line, owed = under_way.finished(agent.metadata.get("samples_owed", 0.0))
    agent.finish(line, progress, samples_owed=owed)
    return line
