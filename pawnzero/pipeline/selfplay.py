"""An agent's self-play: play games with its latest net into its replay buffer, and resume after an interruption.

Games are identified by their ids, so those in the buffer are not played again. A journal next to the buffer holds the figures
of all of them. A game's line is written there before the game is added to the buffer, so every game in the buffer has its line,
and with it what all games had cost by then. A kill in between leaves a line without its game: only another game's line after it
shows that the process got further.
The journal is emptied only when its games will not be resumed any more; lines left over after a kill have other ids and are
ignored.
"""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Set

from pawnzero.agent import Agent
from pawnzero.alarms import selfplay_alarms
from pawnzero.config import Config
from pawnzero.errors import PawnzeroError
from pawnzero.files import read_json, write_json
from pawnzero.files.journal import Journal
from pawnzero.games import get_game
from pawnzero.nets.device import resolve_device
from pawnzero.nets.evaluator import NetEvaluator
from pawnzero.nets.latest_and_best import load_latest
from pawnzero.nets.quantized import SAMPLE
from pawnzero.nets.resnet import PolicyValueNet
from pawnzero.progress import Progress
from pawnzero.replay import ReplayBuffer
from pawnzero.search.evaluator import Question, allocate_question
from pawnzero.selfplay.loop import play_games
from pawnzero.selfplay.records import OUTSIDE_ITERATIONS
from pawnzero.selfplay.resign import Outlooks, outlooks_of
from pawnzero.selfplay.summary import GamesSummary, figures_of
from pawnzero.selfplay.table import Workload

_OF_SELFPLAY = ("mcts_sims", "num_selfplay", "search.", "selfplay.", "seed", "replay_capacity")
"""Prefixes of the settings that only self-play uses."""
_SAMPLED = 16 * SAMPLE
"""Positions to draw the sample of `_sample` from, where the stage may overwrite all but fewer."""
_NOTE_SECONDS = 5.0
"""Interval at which the cost of self-play so far is saved."""


def selfplay_stage(
    agent: Agent, config: Config, *, games: int, device: str = "auto", progress: Optional[Progress] = None
) -> Dict[str, Any]:
    """Play games with the agent's latest net into its replay buffer, outside any iteration.

    If the previous call was interrupted and asked for the same number of games, play those that are missing. Raises UsageError
    for self-play settings that do not fit together.
    """
    config.check_selfplay()
    progress = progress or Progress()
    with agent.lock():
        config = agent.adopt(config, progress)
        journal = Journal(agent.experiments / "selfplay_alone.jsonl")
        stage = agent.metadata.get("selfplay_alone")
        if stage is None or stage["games"] != games:
            if stage is not None:  # it will not be resumed, but its finished games still count
                _Games.alone(agent, config, stage, journal, progress).remember()
            first = int(agent.metadata.get("games_outside_iterations", 0))
            stage = {"first": first, "games": games, "frozen": _freeze(agent, config, games, progress)}
            agent.update(games_outside_iterations=first + games, selfplay_alone=stage)
            journal.remove()
        agent.keep_settings(config, progress, _OF_SELFPLAY)
        figures = _Games.alone(agent, config, stage, journal, progress).play(device)
        agent.update(selfplay_alone=None)
        return figures


def begin_games(agent: Agent, config: Config, progress: Progress) -> Dict[str, Any]:
    """Clear the previous iteration's journal, and return the adaptive values (see `_freeze`) for this iteration's games."""
    _journal(agent).remove()
    return _freeze(agent, config, config.num_selfplay, progress)


def iteration_games(
    agent: Agent, config: Config, number: int, frozen: Dict[str, Any], device: str, progress: Progress
) -> Dict[str, Any]:
    """Run, or resume, the self-play of iteration `number`.

    Returns the figures of all its games, including those stored before an interruption.
    """
    ids = range(number << 32, (number + 1) << 32)
    sims = config.selfplay_sims(number)
    return _Games(agent, config, ids, config.num_selfplay, sims, _journal(agent), frozen, progress).play(device)


def _journal(agent: Agent) -> Journal:
    return Journal(agent.experiments / "selfplay.jsonl")


def _freeze(agent: Agent, config: Config, games: int, progress: Progress) -> Dict[str, Any]:
    """Return the values that adapt from stage to stage, fixed for the next `games` games.

    archive: first and last sequence number of the positions that games may restart from (none that those games could overwrite
    meanwhile); sample: the range that `_sample` draws from (the same, or the newest `_SAMPLED` if these are more);
    resign_below: see `Outlooks.threshold`; seed: of the games.
    """
    with open_replay(agent, config, progress) as buffer:
        newest, oldest = buffer.total, buffer.total - len(buffer) + 1
        safe = newest - buffer.capacity + 1 + games * config.selfplay.max_plies
        first = max(oldest, safe)
        sample = [max(oldest, min(safe, newest - _SAMPLED + 1)), newest] if len(buffer) >= SAMPLE else None
    if config.selfplay.restart_share > 0.0 and 0 < newest < first:
        progress.note(
            f"no game restarts from a position of the replay buffer: {games} games of up to {config.selfplay.max_plies} plies "
            f"could overwrite all {newest:,} of them; lower selfplay.max_plies or raise replay_capacity"
        )
    threshold = (
        _read_outlooks(agent, progress).threshold(config.selfplay.resign_false_positives) if config.selfplay.resign else 0.0
    )
    archive = [first, newest] if 1 <= first <= newest else None
    return {"archive": archive, "sample": sample, "resign_below": threshold, "seed": config.seed}


def _sample(agent: Agent, config: Config, frozen: Dict[str, Any], progress: Progress) -> Optional[Question]:
    """Positions of earlier games to quantize the net to 8-bit integers with; None if there are too few.

    They stay the same until the stage has overwritten some of the range that they are drawn from; then they are of its rest.
    The second half is from other games than the first (except for one game at most), because it measures the error.
    """
    if not (config.selfplay.int8 and frozen.get("sample")):
        return None
    question, half = allocate_question(get_game(config.game), SAMPLE), SAMPLE // 2
    with open_replay(agent, config, progress) as buffer:
        first, last = max(frozen["sample"][0], buffer.total - len(buffer) + 1), frozen["sample"][1]
        if last - first + 1 < SAMPLE:  # the stage's own games have overwritten them
            return None
        middle = (first + last) // 2
        for place, window in ((0, (first, middle)), (half, (middle + 1, last))):
            try:
                drawn = buffer.sampler(frozen["seed"], window).batch(0, half)
            except PawnzeroError:  # none of them may be sampled
                return None
            part = question.part(place, place + half)
            part.bits[:], part.scalars[:], part.count[:] = drawn.bits, drawn.scalars, drawn.count
            part.legal[:, : drawn.legal.shape[1]] = drawn.legal
    return question


class _Noted(NamedTuple):
    """A journal's content for some games.

    games: the newest line of each game by id
    added: those of them that surely were added to the buffer, because their process wrote the next game's line
    costs: the newest cost of each process
    """

    games: Dict[int, Dict[str, Any]]
    added: Set[int]
    costs: Dict[float, Dict[str, Any]]


@dataclass(frozen=True)
class _Games:
    """Games that an agent plays for training, in one call or, after interruptions, in several.

    ids:         the ids they may have; the first `count` of them are to be played
    simulations: of a move's full search
    journal:     figures of the finished games, and what they cost
    frozen:      values that stay fixed until all games are played, see `_freeze`
    """

    agent: Agent
    config: Config
    ids: range
    count: int
    simulations: int
    journal: Journal
    frozen: Dict[str, Any]
    progress: Progress

    @classmethod
    def alone(cls, agent: Agent, config: Config, stage: Dict[str, Any], journal: Journal, progress: Progress) -> _Games:
        """The games of a stage outside iterations, as stored in metadata.json."""
        first, count = OUTSIDE_ITERATIONS + stage["first"], stage["games"]
        sims = config.selfplay_sims(agent.metadata["next_iteration"])
        return cls(agent, config, range(first, first + count), count, sims, journal, stage["frozen"], progress)

    def play(self, device: str) -> Dict[str, Any]:
        """Play until the replay buffer has received `count` games; return the figures of all of them."""
        stored = len(self._stored)
        left = [game_id for game_id in self._asked if game_id not in self._stored][: max(0, self.count - stored)]
        if stored:
            self.progress.note(f"{stored} of {stored + len(left)} games were played before the interruption")
        summary, outlooks = self._so_far(), self.remember()
        precision = self._precision_so_far()
        if left:
            evaluator = self._evaluator(device)
            precision = evaluator.precision
            self.progress.note(f"self-play with {evaluator.description}")
            self.progress.start("self-play", len(left), "games")
            self._play_with(evaluator, left, summary, outlooks)
            self.progress.finish()
        found = summary.to_json()
        alarms = selfplay_alarms(found, [iteration["selfplay"] for iteration in self.agent.iterations])
        for alarm in alarms:
            self.progress.note(f"alarm: {alarm.text}")
        return {
            **found,
            "alarms": [dataclasses.asdict(alarm) for alarm in alarms],
            "precision": precision,
            "resignation": outlooks.to_json(self.frozen["resign_below"]),
            "settings": dataclasses.asdict(self.config.selfplay),
        }

    def remember(self) -> Outlooks:
        """Return all resignation statistics, including the journal's games, which a kill may have kept from being saved."""
        outlooks = _read_outlooks(self.agent, self.progress)
        for game_id, line in self._noted.games.items():
            outlooks.add(game_id, line.get("outlooks", ()))
        if self._noted.games:
            write_json(_outlooks_file(self.agent), outlooks.state())
        return outlooks

    @property
    def _asked(self) -> range:
        return self.ids[: self.count]

    @cached_property
    def _noted(self) -> _Noted:
        """The journal's content for these games before this call; lines of other games, left over after a kill, are ignored."""
        noted = _Noted({}, set(), {})
        newest, its_process = -1, None
        for line in self.journal.lines():
            cost = line.get("cost", line)  # in a game's line, or in one of its own
            process = cost.get("session") if isinstance(cost, dict) else None
            if process is not None and cost.get("first") == self.ids.start:
                noted.costs[process] = cost
            game_id = line.get("game_id")
            if isinstance(game_id, int) and game_id in self.ids:
                if newest in noted.games and process is not None and process == its_process:
                    noted.added.add(newest)
                noted.games[game_id] = line
                noted.added.discard(game_id)
                newest, its_process = game_id, process
        return noted

    @cached_property
    def _stored(self) -> Set[int]:
        """The games that the replay buffer received before this call, including those it has overwritten since.

        A game without a line in the journal does not count: the buffer may hold another run's games with the same ids.
        """
        noted = self._noted
        if not noted.games:
            return set()
        with open_replay(self.agent, self.config, self.progress) as buffer:
            there, oldest = set(buffer.last_game_ids(len(buffer))), buffer.total - len(buffer) + 1
        overwritten = {game_id for game_id in noted.added if 0 < noted.games[game_id].get("last", 0) < oldest}
        return overwritten | (there & set(noted.games))

    def _so_far(self) -> GamesSummary:
        """The figures of the games stored before an interruption, and their cost.

        Raises PawnzeroError if a line of the journal is incomplete.
        """
        summary = GamesSummary()
        try:
            for game_id, figures in self._noted.games.items():
                if game_id in self._stored:
                    summary.add(figures)
        except (KeyError, TypeError) as error:
            where = f"{self.journal.path}: the line of a game"
            lacks = f"lacks {error}" if isinstance(error, KeyError) else "holds unexpected values"
            raise PawnzeroError(f"{where} {lacks} (written by another version?)") from None
        for cost in self._noted.costs.values():
            summary.spent(cost)
        return summary

    def _precision_so_far(self) -> Optional[str]:
        """The number format of the newest answers before an interruption, where that is known."""
        return next((cost["precision"] for cost in reversed(list(self._noted.costs.values())) if "precision" in cost), None)

    def _evaluator(self, device: str) -> NetEvaluator:
        """An evaluator of the agent's latest net."""
        on_cpu = resolve_device(device).type == "cpu"
        sample = _sample(self.agent, self.config, self.frozen, self.progress) if on_cpu else None
        return NetEvaluator(latest_net(self.agent), device, progress=self.progress, sample=sample)

    def _play_with(self, evaluator: NetEvaluator, left: List[int], summary: GamesSummary, outlooks: Outlooks) -> None:
        """Play the games `left` into the replay buffer and the journal, and add them to `summary` and `outlooks`."""
        game, workload = get_game(self.config.game), Workload()
        noted = started = time.monotonic()
        session = time.time()
        before = summary.positions
        self.progress.advance(0, positions=before)  # the rate counts from here

        def cost() -> Dict[str, Any]:
            known_by = {"first": self.ids.start, "session": session, "precision": evaluator.precision}
            return {**known_by, "seconds": time.monotonic() - started, **workload.cost()}

        def tick(finished: int = 0) -> None:
            nonlocal noted
            self.progress.advance(finished, positions=before + workload.positions, draws=f"{summary.draw_rate:.0%}")
            if time.monotonic() - noted > _NOTE_SECONDS:
                noted = time.monotonic()
                self.journal.add(cost())
                write_json(_outlooks_file(self.agent), outlooks.state())  # a kill skips the final write

        with open_replay(self.agent, self.config, self.progress) as buffer, self.journal:
            try:
                for record in play_games(
                    game,
                    evaluator,
                    left,
                    simulations=self.simulations,
                    search=self.config.search,
                    settings=self.config.selfplay,
                    seed=self.frozen["seed"],
                    among=len(self._asked),
                    archive=buffer.archive(self.frozen["archive"]) if self.frozen["archive"] else None,
                    resign_below=self.frozen["resign_below"],
                    workload=workload,
                    tick=tick,
                ):
                    figures, measured = figures_of(record, game), outlooks_of(record, game)
                    last = buffer.total + min(len(record), buffer.capacity)  # the sequence number of its last row
                    self.journal.add({**figures, "last": last, "outlooks": measured, "cost": cost()})
                    buffer.append(record)
                    summary.add(figures)
                    outlooks.add(record.game_id, measured)
                    tick(1)
                buffer.flush()  # before anything on the disk says that these games are played
            finally:
                spent = cost()
                summary.spent(spent)
                self.journal.add(spent)
                write_json(_outlooks_file(self.agent), outlooks.state())


def _outlooks_file(agent: Agent) -> Path:
    return agent.experiments / "resignation.json"


def _read_outlooks(agent: Agent, progress: Progress) -> Outlooks:
    path = _outlooks_file(agent)
    if path.exists():
        try:
            return Outlooks(read_json(path))
        except PawnzeroError:
            progress.note(f"{path}: damaged or of another version; which scores are hopeless is measured from scratch")
    return Outlooks()


def open_replay(agent: Agent, config: Config, progress: Progress) -> ReplayBuffer:
    """Open the agent's replay buffer, resizing it to the configured capacity if needed."""
    buffer = ReplayBuffer(agent.replay, capacity=config.replay_capacity, game=config.game)
    if buffer.capacity != config.replay_capacity:
        progress.note(f"replay buffer resized from {buffer.capacity:,} to {config.replay_capacity:,} positions")
        buffer.resize(config.replay_capacity)
    return buffer


def untrained_net(agent: Agent) -> PolicyValueNet:
    """Create the net that the agent starts from."""
    return PolicyValueNet(agent.model, agent.game, agent.metadata["seed"])


def latest_net(agent: Agent) -> PolicyValueNet:
    """Return the net for an agent's self-play: the latest checkpoint's averaged weights, or the untrained net."""
    latest = load_latest(agent.checkpoints, agent.game, agent.model)
    return untrained_net(agent) if latest is None else latest.make_net(averaged=True)
