"""How an agent plays its games for training: with its latest net, into its replay buffer, and on after an interruption.

Games are known by their ids, so those that the buffer holds are not played again. What is to be said of them all is kept in a
journal beside it; a game's line is written there before the game goes into the buffer, so that a game that is in the buffer has
its line. It is emptied only when nobody goes on with its games any more; what a kill has left in it is of other ids.
"""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Set

from pawnzero.agent import Agent
from pawnzero.alarms import selfplay_alarms
from pawnzero.config import Config
from pawnzero.errors import PawnzeroError
from pawnzero.files import read_json, write_json
from pawnzero.games import get_game
from pawnzero.journal import Journal
from pawnzero.nets.device import resolve_device
from pawnzero.nets.evaluator import NetEvaluator
from pawnzero.nets.kept import load_latest
from pawnzero.nets.quantized import SAMPLE
from pawnzero.nets.resnet import PolicyValueNet
from pawnzero.progress import Progress
from pawnzero.records import OUTSIDE_ITERATIONS
from pawnzero.replay import ReplayBuffer
from pawnzero.resign import Outlooks, outlooks_of
from pawnzero.search.evaluator import Question, allocate_question
from pawnzero.selfplay import Workload, play_games
from pawnzero.summary import GamesSummary, figures_of

_OF_SELFPLAY = ("mcts_sims", "num_selfplay", "search.", "selfplay.", "seed", "replay_capacity")
"""How the settings begin that self-play alone uses."""
_NOTE_SECONDS = 5.0
"""Between two notes of what self-play has cost so far."""


def selfplay_stage(
    agent: Agent, config: Config, *, games: int, device: str = "auto", progress: Optional[Progress] = None
) -> Dict[str, Any]:
    """Play games with the agent's latest net into its replay buffer, outside any iteration.

    Where the last call was interrupted and wanted as many, this one plays those that it still lacks. Raises UsageError for
    settings of self-play that do not fit together.
    """
    config.check_selfplay()
    progress = progress or Progress()
    with agent.lock():
        config = agent.adopt(config, progress)
        journal = Journal(agent.experiments / "selfplay_alone.jsonl")
        stage = agent.metadata.get("selfplay_alone")
        if stage is None or stage["games"] != games:
            if stage is not None:  # nobody goes on with it; its games were played all the same
                _remember(agent, _read_journal(journal, _alone(stage)), progress)
            first = int(agent.metadata.get("games_outside_iterations", 0))
            stage = {"first": first, "games": games, "frozen": _freeze(agent, config, games, progress)}
            agent.update(games_outside_iterations=first + games, selfplay_alone=stage)
            journal.remove()
        agent.keep_settings(config, progress, _OF_SELFPLAY)
        figures = _play(agent, config, _alone(stage), games, journal, stage["frozen"], device, progress)
        agent.update(selfplay_alone=None)
        return figures


def _alone(stage: Dict[str, Any]) -> range:
    """The ids of the games of a stage outside iterations."""
    return range(OUTSIDE_ITERATIONS + stage["first"], OUTSIDE_ITERATIONS + stage["first"] + stage["games"])


def begin_games(agent: Agent, config: Config, progress: Progress) -> Dict[str, Any]:
    """Forget the games of the iteration before; what adapts (see `_freeze`), as it is to be for this iteration's."""
    _journal(agent).remove()
    return _freeze(agent, config, config.num_selfplay, progress)


def iteration_games(
    agent: Agent, config: Config, number: int, frozen: Dict[str, Any], device: str, progress: Progress
) -> Dict[str, Any]:
    """Self-play of iteration `number`, or the rest of it.

    Returns the figures of all its games, also of those that were stored when it was to play more.
    """
    ids = range(number << 32, (number + 1) << 32)
    return _play(agent, config, ids, config.num_selfplay, _journal(agent), frozen, device, progress)


def _journal(agent: Agent) -> Journal:
    return Journal(agent.experiments / "selfplay.jsonl")


def _freeze(agent: Agent, config: Config, games: int, progress: Progress) -> Dict[str, Any]:
    """What adapts from stage to stage, as it is to be for the next `games` games.

    archive: first and last sequence number of the positions that games may restart from (none that those games could
    overwrite meanwhile); sample: those that `_sample` draws from; resign_below: see `Outlooks.threshold`; seed: of the games.
    """
    with open_replay(agent, config, progress) as buffer:
        newest = buffer.total
        sample = [newest - len(buffer) + 1, newest] if len(buffer) >= SAMPLE else None
        first = max(newest - len(buffer) + 1, newest - buffer.capacity + 1 + games * config.selfplay.max_plies)
    if config.selfplay.restart_share > 0.0 and 0 < newest < first:
        progress.note(
            f"no game restarts from an archived position: {games} games of up to {config.selfplay.max_plies} plies could "
            f"overwrite all {newest:,} of them; lower selfplay.max_plies or raise replay_capacity"
        )
    threshold = (
        _read_outlooks(agent, progress).threshold(config.selfplay.resign_false_positives) if config.selfplay.resign else 0.0
    )
    archive = [first, newest] if 1 <= first <= newest else None
    return {"archive": archive, "sample": sample, "resign_below": threshold, "seed": config.seed}


def _sample(agent: Agent, config: Config, frozen: Dict[str, Any], progress: Progress) -> Optional[Question]:
    """Positions of the games before, on which the net is fitted to answer in 8-bit integers; None where they are too few.

    The second half is of other games than the first (but for one at most), since it is to say how near the answers are.
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
            except PawnzeroError:  # none of them may be drawn
                return None
            part = question.part(place, place + half)
            part.bits[:], part.scalars[:], part.count[:] = drawn.bits, drawn.scalars, drawn.count
            part.legal[:, : drawn.legal.shape[1]] = drawn.legal
    return question


def _play(
    agent: Agent,
    config: Config,
    ids: range,
    games: int,
    journal: Journal,
    frozen: Dict[str, Any],
    device: str,
    progress: Progress,
) -> Dict[str, Any]:
    """Play until the replay buffer has received `games` of the games `ids`; returns the figures of all that it has received."""
    noted = _read_journal(journal, ids)
    # Of games without a line the buffer may hold some with these ids too: another run's.
    stored: Set[int] = set()
    if noted.games:
        with open_replay(agent, config, progress) as buffer:
            there, oldest = set(buffer.last_game_ids(len(buffer))), buffer.total - len(buffer) + 1
        stored = {game_id for game_id, line in noted.games.items() if game_id in there or 0 < line.get("last", 0) < oldest}
    left = [game_id for game_id in ids[:games] if game_id not in stored][: max(0, games - len(stored))]
    if stored:
        progress.note(f"{len(stored)} of {len(stored) + len(left)} games were played before the interruption")
    try:
        summary = _so_far(noted, stored)
    except KeyError as error:
        raise PawnzeroError(f"{journal.path}: the line of a game lacks {error} (written by another version?)") from None
    outlooks = _remember(agent, noted, progress)
    precision = None
    if left:
        on_cpu = resolve_device(device).type == "cpu"
        sample = _sample(agent, config, frozen, progress) if on_cpu else None
        evaluator = NetEvaluator(latest_net(agent), device, progress=progress, sample=sample)
        precision = evaluator.precision
        progress.note(f"self-play with {evaluator.description}")
        progress.start("self-play", len(left), "games")
        _play_with(evaluator, agent, config, left, ids[:games], summary, outlooks, journal, frozen, progress)
        progress.finish()
    found = summary.to_json()
    earlier = [iteration["selfplay"] for iteration in agent.iterations]
    alarms = selfplay_alarms(found, earlier)
    for alarm in alarms:
        progress.note(f"alarm: {alarm.text}")
    return {
        **found,
        "alarms": [dataclasses.asdict(alarm) for alarm in alarms],
        "precision": precision,
        "resignation": outlooks.to_json(frozen["resign_below"]),
        "settings": dataclasses.asdict(config.selfplay),
    }


class _Noted(NamedTuple):
    """What a journal says of some games: the newest line of each by its id, and of each process the newest of what it cost."""

    games: Dict[int, Dict[str, Any]]
    costs: Dict[float, Dict[str, Any]]


def _read_journal(journal: Journal, ids: range) -> _Noted:
    """What `journal` says of the games `ids`; a kill may have left lines of others in it."""
    noted = _Noted({}, {})
    for line in journal.lines():
        if isinstance(line.get("game_id"), int):
            if line["game_id"] in ids:
                noted.games[line["game_id"]] = line
        elif "session" in line and line.get("first") == ids.start:
            noted.costs[line["session"]] = line
    return noted


def _so_far(noted: _Noted, stored: Set[int]) -> GamesSummary:
    """The figures of the games stored before an interruption, and of what they cost."""
    summary = GamesSummary()
    for game_id, figures in noted.games.items():
        if game_id in stored:
            summary.add(figures)
    for cost in noted.costs.values():
        summary.spent(cost)
    return summary


def _remember(agent: Agent, noted: _Noted, progress: Progress) -> Outlooks:
    """All that is known of resigning, with what the journal says: a kill may have come before that was written."""
    outlooks = _read_outlooks(agent, progress)
    for game_id, line in noted.games.items():
        outlooks.add(game_id, line.get("outlooks", ()))
    if noted.games:
        write_json(_outlooks_file(agent), outlooks.state())
    return outlooks


def _play_with(
    evaluator: NetEvaluator,
    agent: Agent,
    config: Config,
    numbers: List[int],
    asked: range,
    summary: GamesSummary,
    outlooks: Outlooks,
    journal: Journal,
    frozen: Dict[str, Any],
    progress: Progress,
) -> None:
    game, workload = get_game(config.game), Workload()
    noted = started = time.monotonic()
    session = time.time()
    before = summary.positions

    def cost() -> Dict[str, Any]:
        return {"first": asked.start, "session": session, "seconds": time.monotonic() - started, **workload.cost()}

    def tick(finished: int = 0) -> None:
        nonlocal noted
        progress.advance(finished, positions=before + workload.positions, draws=f"{summary.draw_rate:.0%}")
        if time.monotonic() - noted > _NOTE_SECONDS:
            noted = time.monotonic()
            journal.add(cost())
            write_json(_outlooks_file(agent), outlooks.state())  # who kills the process skips what comes at the end

    with open_replay(agent, config, progress) as buffer, journal:
        try:
            for record in play_games(
                game,
                evaluator,
                numbers,
                simulations=config.mcts_sims,
                search=config.search,
                settings=config.selfplay,
                seed=frozen["seed"],
                among=len(asked),
                archive=buffer.archive(frozen["archive"]) if frozen["archive"] else None,
                resign_below=frozen["resign_below"],
                workload=workload,
                tick=tick,
            ):
                figures, measured = figures_of(record, game), outlooks_of(record, game)
                last = buffer.total + len(record)  # the sequence number of its last row
                journal.add({**figures, "last": last, "outlooks": measured})
                buffer.append(record)
                summary.add(figures)
                outlooks.add(record.game_id, measured)
                tick(1)
            buffer.flush()  # before anything on the disk says that these games are played
        finally:
            spent = cost()
            summary.spent(spent)
            journal.add(spent)
            write_json(_outlooks_file(agent), outlooks.state())


def _outlooks_file(agent: Agent) -> Path:
    return agent.experiments / "resignation.json"


def _read_outlooks(agent: Agent, progress: Progress) -> Outlooks:
    path = _outlooks_file(agent)
    if path.exists():
        try:
            return Outlooks(read_json(path))
        except PawnzeroError:
            progress.note(f"{path}: damaged; what is hopeless is measured afresh")
    return Outlooks()


def open_replay(agent: Agent, config: Config, progress: Progress) -> ReplayBuffer:
    """The agent's replay buffer, of the configured capacity."""
    buffer = ReplayBuffer(agent.replay, capacity=config.replay_capacity, game=config.game)
    if buffer.capacity != config.replay_capacity:
        progress.note(f"replay buffer resized from {buffer.capacity:,} to {config.replay_capacity:,} positions")
        buffer.resize(config.replay_capacity)
    return buffer


def untrained_net(agent: Agent) -> PolicyValueNet:
    """The net that the agent starts from."""
    return PolicyValueNet(agent.model, agent.game, agent.metadata["seed"])


def latest_net(agent: Agent) -> PolicyValueNet:
    """The net that plays an agent's self-play: the latest one's averaged weights, or the untrained one."""
    latest = load_latest(agent.checkpoints, agent.game, agent.model)
    return untrained_net(agent) if latest is None else latest.make_net(averaged=True)
