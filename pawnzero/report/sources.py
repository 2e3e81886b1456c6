"""What an agent's files say about its run, and what is missing: everything a report shows, read without writing or locking.

The agent may be in training meanwhile: its JSON files are replaced atomically, and in a table that is being appended to, the
last line is ignored until it is complete. A file that is missing or unreadable only adds a sentence to `missing`, and so does a
row of a table, an iteration or a ladder player with unexpected values.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Tuple

from pawnzero.agent import Agent
from pawnzero.arena.stats import OUTCOMES
from pawnzero.errors import PawnzeroError
from pawnzero.files import in_shell, read_json, reading
from pawnzero.files.journal import Journal
from pawnzero.ladder.file import LADDER_FILE, read_ladder

_TEXTS = ("time", "opponent")
"""Text columns of arena.csv."""
_STAGES = ("selfplay", "train", "arena")
_STANDING = ("elo", "elo_low", "elo_high", "step", "positions", "hours")
"""Fields of a ladder player that are a number or null."""

Figures = Mapping[str, Any]


@dataclass(frozen=True)
class Run:
    """A run as its files describe it.

    agent:      the agent
    iterations: figures of each iteration, oldest first, as the agent stores them; includes the one under way once its self-play
                is done
    under_way:  metadata's `stage`: the unfinished iteration, its stage and what it has found; None between iterations
    so_far:     games and positions that the self-play under way has finished; None outside self-play
    training:   records of train.json in order of step
    matches:    rows of arena.csv, oldest first: numbers, texts, `promoted` true or false, `pairs` five counts; None for an
                empty cell
    ladder:     ladder.json without malformed players, pairings and anchor; None if there is none
    missing:    a sentence for each thing that could not be shown
    """

    agent: Agent
    iterations: List[Dict[str, Any]]
    under_way: Optional[Dict[str, Any]]
    so_far: Optional[Dict[str, Any]]
    training: List[Dict[str, Any]]
    matches: List[Dict[str, Any]]
    ladder: Optional[Dict[str, Any]]
    missing: List[str]

    @property
    def alarms(self) -> List[Tuple[int, str]]:
        """(iteration, text) of every alarm, newest first."""
        found = [(one["iteration"], text) for one in self.iterations for text in _alarms(one)]
        return found[::-1]

    @property
    def positions(self) -> int:
        """Positions of all iterations' self-play."""
        return int(sum(value for _, value in self.series("selfplay", "positions")))

    @property
    def games(self) -> int:
        """Games of all iterations' self-play."""
        return int(sum(value for _, value in self.series("selfplay", "games")))

    @property
    def hours(self) -> float:
        """Wall-clock hours of the finished iterations."""
        return sum(number(one.get("seconds")) or 0.0 for one in self.iterations) / 3600

    @property
    def steps(self) -> int:
        """Training steps made."""
        logged = [int(record["step"]) for record in self.training[-1:]]
        return max(logged + [int(value) for _, value in self.series("train", "step")], default=0)

    def series(self, stage: str, name: str) -> List[Tuple[int, float]]:
        """(iteration, value) of a figure of a stage; iterations without it are left out."""
        pairs = [(one["iteration"], number((one.get(stage) or {}).get(name))) for one in self.iterations]
        return [(iteration, value) for iteration, value in pairs if value is not None]


def read_run(agent: Agent) -> Run:
    """Read everything that the agent's files say about its run."""
    missing: List[str] = []
    stage = agent.metadata.get("stage")
    under_way = stage if isinstance(stage, dict) else None
    return Run(
        agent=agent,
        iterations=_iterations(agent, under_way, missing),
        under_way=under_way,
        so_far=_so_far(agent, under_way or {}, missing),
        training=_training(agent.experiments / "train.json", missing),
        matches=_matches(agent.experiments / "arena.csv", missing),
        ladder=_ladder(agent, missing),
        missing=missing,
    )


def number(value: Any) -> Optional[float]:
    """`value` if it is a finite number, else None."""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return value
    return None


def _iterations(agent: Agent, under_way: Optional[Figures], missing: List[str]) -> List[Dict[str, Any]]:
    finished: List[Dict[str, Any]] = []
    try:
        finished = agent.iterations
        if agent.iterations_lost:
            missing.append(f"iterations.jsonl: {agent.iterations_lost} of the finished iterations are not in it.")
    except PawnzeroError as error:
        missing.append(f"{error}.")
    found = (under_way or {}).get("found")
    begun = [found] if isinstance(found, dict) and "selfplay" in found else []
    return [
        *_sound(finished, _is_iteration, "iterations.jsonl", "iterations", missing),
        *_sound(begun, _is_iteration, "metadata.json", "iterations under way", missing),
    ]


def _is_iteration(one: Figures) -> bool:
    """Whether everything that is drawn or mentioned has the expected type. (The iteration's number is already checked.)"""
    stages = [one.get(stage) or {} for stage in _STAGES]
    if not all(isinstance(stage, dict) for stage in stages):
        return False
    endings = stages[0].get("endings") or {}
    alarms = [part.get("alarms", []) for part in (one, *stages)]
    return (
        isinstance(endings, dict)
        and all(number(count) is not None for count in endings.values())
        and all(isinstance(listed, list) and all(map(_is_alarm, listed)) for listed in alarms)
    )


def _is_alarm(alarm: Any) -> bool:
    return isinstance(alarm, dict) and "text" in alarm


def _sound(
    listed: List[Any], is_sound: Callable[[Any], bool], file: str, what: str, missing: List[str]
) -> List[Dict[str, Any]]:
    """The sound items; adds a sentence to `missing` if others are left out."""
    sound = [one for one in listed if is_sound(one)]
    if len(sound) < len(listed):
        lost = len(listed) - len(sound)
        missing.append(f"{file}: {lost} of {len(listed)} {what} hold unexpected values and are left out.")
    return sound


def _so_far(agent: Agent, under_way: Figures, missing: List[str]) -> Optional[Dict[str, Any]]:
    """Games and positions in the self-play journal for the iteration under way, each game once; None in another stage."""
    if under_way.get("name") != "selfplay":
        return None
    path = agent.experiments / "selfplay.jsonl"
    positions = {}
    try:
        for line in Journal(path).lines():
            game_id, count = line.get("game_id"), number(line.get("positions"))
            if isinstance(game_id, int) and game_id >> 32 == under_way.get("iteration") and count is not None:
                positions[game_id] = int(count)
    except PawnzeroError as error:
        missing.append(f"{error}.")
        return None
    return {"games": len(positions), "positions": sum(positions.values())}


def _alarms(one: Figures) -> Iterator[str]:
    """Texts of an iteration's alarms; for one under way, those of its stages so far."""
    stages = (one.get(stage) or {} for stage in ("selfplay", "train"))
    for alarm in one["alarms"] if "alarms" in one else [alarm for stage in stages for alarm in stage.get("alarms", ())]:
        yield str(alarm["text"])


def _training(path: Path, missing: List[str]) -> List[Dict[str, Any]]:
    records = _kept(path, _read_records, "Nothing has been trained yet", missing) or []
    sound = [record for record in records if isinstance(record, dict) and number(record.get("step")) is not None]
    if len(sound) < len(records):
        missing.append(f"{path.name}: {len(records) - len(sound)} of {len(records)} records have no step and are left out.")
    return sorted(sound, key=lambda record: int(record["step"]))


def _read_records(path: Path) -> List[Any]:
    records = read_json(path)
    if not isinstance(records, list):
        raise PawnzeroError(f"{path}: expected a JSON array")
    return records


def _ladder(agent: Agent, missing: List[str]) -> Optional[Dict[str, Any]]:
    path = agent.experiments / LADDER_FILE
    command = f"pawnzero ladder {in_shell(agent.directory)}"
    why = f"No ladder has been played yet: `{command}` measures the checkpoints against fixed players"
    ladder = _kept(path, read_ladder, why, missing)
    if ladder is None:
        return None
    pairings, anchor = ladder.get("pairings"), ladder.get("anchor")
    if not isinstance(anchor, (dict, type(None))):
        missing.append(f"{path.name}: anchor {anchor!r}, expected an object.")
        anchor = None
    return {
        **ladder,
        "players": _sound(ladder["players"], _is_rated, path.name, "players", missing),
        "pairings": _sound(pairings if isinstance(pairings, list) else [], _is_pairing, path.name, "pairings", missing),
        "anchor": anchor,
    }


def _is_rated(player: Any) -> bool:
    """Whether a player has a name, and numbers or None in its fields."""
    return (
        isinstance(player, dict)
        and isinstance(player.get("name"), str)
        and all(_number_or_none(player.get(name)) for name in _STANDING)
    )


def _number_or_none(value: Any) -> bool:
    return value is None or number(value) is not None


def _is_pairing(one: Any) -> bool:
    """Whether a pairing names two players and has the five counts of their pairs."""
    if not isinstance(one, dict) or not all(isinstance(one.get(side), str) for side in ("first", "second")):
        return False
    return _are_pairs(one.get("pairs"))


def _are_pairs(pairs: Any) -> bool:
    return isinstance(pairs, list) and len(pairs) == OUTCOMES and all(isinstance(n, int) and n >= 0 for n in pairs)


def _kept(path: Path, read: Callable[[Path], Any], without: str, missing: List[str]) -> Any:
    """What `read` returns for the file; None, with a sentence in `missing`, if it does not exist or PawnzeroError is raised."""
    if not path.exists():
        missing.append(f"{without} ({path.name} does not exist).")
        return None
    try:
        return read(path)
    except PawnzeroError as error:
        missing.append(f"{error}.")
        return None


def _matches(path: Path, missing: List[str]) -> List[Dict[str, Any]]:
    if not path.exists():
        missing.append(f"No match has been played yet ({path.name} does not exist).")
        return []
    try:
        with reading(path):
            text = path.read_text(encoding="utf-8", errors="replace")
    except PawnzeroError as error:
        missing.append(f"{error}.")
        return []
    whole = text[: text.rfind("\n") + 1]
    try:
        rows = [row for row in map(_match, csv.DictReader(whole.splitlines())) if row is not None]
    except csv.Error as error:
        missing.append(f"{path}: cannot be read ({error}).")
        return []
    lost = len(text.splitlines()) - 1 - len(rows)
    if lost > 0:
        missing.append(f"{path.name}: {lost} of {lost + len(rows)} rows are incomplete or damaged and are left out.")
    elif not rows:
        missing.append(f"{path.name}: holds no match.")
    return rows


def _match(row: Mapping[Any, Any]) -> Optional[Dict[str, Any]]:
    """A row of arena.csv with parsed values; None if something that a report relies on is missing or malformed."""
    found: Dict[str, Any] = {}
    for name, cell in row.items():
        if isinstance(name, str) and isinstance(cell, str):
            found[name] = (cell or None) if name in _TEXTS else _value(name, cell)
    whole = all(number(found.get(name)) is not None for name in ("games", "wins", "draws", "losses", "score"))
    return found if whole and _is_match(found) else None


def _is_match(row: Figures) -> bool:
    """Whether the values can be those of a match. Pairs are optional."""
    games, pairs = row["games"], row.get("pairs")
    return (
        games >= 1
        and games % 1 == 0
        and 0 <= row["score"] <= 1
        and all(_number_or_none(row.get(name)) for name in ("score_low", "score_high"))
        and (not pairs or (_are_pairs(pairs) and 2 * sum(pairs) <= games))
    )


def _value(name: str, cell: str) -> Any:
    if cell in ("true", "false"):
        return cell == "true"
    try:
        if name == "pairs":
            return [int(count) for count in cell.split()]
        return float(cell) if cell else None
    except ValueError:
        return cell
