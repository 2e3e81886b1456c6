"""Openings of arena games: distinct and balanced, and determined by the seed.

Chess has a list of its own (`data/openings_chess.txt`; its header says how it was made). For a game without a list, the
openings are the positions a few plies from the start, as many plies as it takes to have enough positions that differ by the
game's symmetries: players that treat mirror images alike would play the same game twice. A user's file may hold

* PGN games, of which the moves of each main line are an opening, or the given plies where a header ``GivenPlies`` counts them,
  as in games written by the arena and self-play; in games other than chess only those can be read,
* or one opening per line: a position (EPD or FEN in chess, the game's own text form otherwise), or the moves from the starting
  position in the game's notation, separated by spaces. Empty lines and what follows ``#`` outside quotes are skipped.

An opening is a `Line`, so that nets see its moves as history.
"""

from __future__ import annotations

import io
import logging
import re
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Callable, Dict, Hashable, Iterable, Iterator, List, NamedTuple, Optional, Set, TextIO, Tuple, cast

import numpy as np

from pawnzero.arena.pgn import games_in, given_plies, in_san, moves_of
from pawnzero.config import SelfplayConfig
from pawnzero.errors import UsageError
from pawnzero.files import reading
from pawnzero.games.base import ONGOING, Game
from pawnzero.games.duplicates import position_keys
from pawnzero.games.line import Line

logging.getLogger("chess.pgn").addHandler(logging.NullHandler())  # otherwise it would also report a file's errors

_DATA = Path(__file__).parent.parent / "data"
_STREAM = 0x0BE9
"""Separates these random numbers from other uses of the same seed."""
_COMMENT = re.compile(r'("[^"]*")|#.*')
"""A quoted string, which is kept, or a comment."""
_OPERATION = re.compile(r'(?:"[^"]*"|[^;])+')
"""One of EPD's operations, which end with ";" outside quotes."""
_COUNTERS = re.compile(r"([0-9]+) ([0-9]+)(?=[ ;]|$)")
"""The two counters of a FEN, after the position's four fields."""


class Opening(NamedTuple):
    """An opening as text: its source (`file: line 7`), the starting position ("" for the usual one), the moves."""

    place: str
    start: str
    moves: Tuple[str, ...]


def openings(
    game: Game, count: int, seed: int, file: Optional[Path] = None, *, max_plies: int = SelfplayConfig.max_plies
) -> List[Line]:
    """`count` openings in an order determined by `seed`; all different if there are enough, otherwise repeated.

    For a game without a list, openings that are equal by symmetry are used only if there are too few otherwise, and come last.

    max_plies: of the games that begin with them. Our own openings are shortened to leave a move to play

    Raises UsageError that names the file, and the line of an opening that cannot be read, is not legal, ends the game or
    leaves no move to play.
    """
    assert count >= 0, "a count below zero"
    order = np.random.default_rng([_STREAM, seed])
    own = _DATA / f"openings_{game.name}.txt"
    if file is None and not own.exists():
        return [Line.from_actions(game, actions[: max_plies - 1]) for actions in _enumerated(game, order, count)]
    if file is not None:
        lines = list(_distinct(_play(game, opening, max_plies) for opening in read_openings(file, game)))
        if not lines:
            raise UsageError(f"{file}: holds no opening")
        return [lines[index] for index in _indices(order, len(lines), count)]
    listed = list(read_openings(own, game))
    cut = [one._replace(moves=one.moves[: max_plies - 1]) for one in listed]
    return [_play(game, cut[index], max_plies) for index in _indices(order, len(cut), count)]


def read_openings(path: Path, game: Game) -> Iterator[Opening]:
    """The openings of a file, in its order, as text that is not checked yet (except chess PGN). Raises as `openings` does."""
    text = _read_text(path)
    if path.suffix.lower() != ".pgn" and not text.lstrip().startswith("["):
        yield from _read_lines(path, text, game)
    elif in_san(game):
        yield from _read_pgn(path, text)
    else:
        yield from _read_written(path, text)


def _read_text(path: Path) -> str:
    """A file's text, in UTF-8 or else in ISO 8859-1, the PGN standard's encoding; without a trailing DOS end-of-file mark."""
    with reading(path, UsageError):
        data = path.read_bytes()
    if b"\0" in data:
        raise UsageError(f"{path}: is not text, expected openings as EPD or PGN")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return io.StringIO(text, newline=None).read().rstrip("\x1a")


def _read_lines(path: Path, text: str, game: Game) -> Iterator[Opening]:
    for number, line in enumerate(text.split("\n"), 1):
        fields = _COMMENT.sub(r"\1", line).split()
        place, whole = f"{path}: line {number}", " ".join(fields)
        moves = tuple(moves_of(whole))
        if not moves:
            continue
        if _reads(partial(game.parse_action, game.initial(), moves[0])):
            yield Opening(place, "", moves)
        elif _reads(partial(game.parse, whole)):
            yield Opening(place, whole, ())
        elif "/" in fields[0]:
            yield Opening(place, _position_text(fields), ())
        else:
            yield Opening(place, "", moves)


def _reads(read: Callable[[], object]) -> bool:
    try:
        read()
    except UsageError:
        return False
    return True


def _read_written(path: Path, text: str) -> Iterator[Opening]:
    for number, written in enumerate(games_in(text), 1):
        start, moves = written.headers.get("FEN", ""), written.moves[: given_plies(written.headers)]
        if start or moves:
            yield Opening(f"{path}: game {number}", start, tuple(moves))


def _position_text(fields: List[str]) -> str:
    """A FEN without EPD's operations: four fields, and the two counters as a FEN or as operations (else 0 and 1)."""
    if len(fields) < 4:
        return " ".join(fields)
    rest = " ".join(fields[4:])
    counters = _COUNTERS.match(rest)
    if counters:
        return " ".join([*fields[:4], *counters.groups()])
    parts = _OPERATION.findall(rest)
    operations = dict((operation.split(None, 1) + [""])[:2] for operation in parts if operation.strip())
    return " ".join(fields[:4] + [operations.get("hmvc", "0").strip(), operations.get("fmvn", "1").strip()])


class _Counted:
    """A text stream that counts the lines read from it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.lines = 0

    def readline(self) -> str:
        line = self._stream.readline()
        self.lines += bool(line)
        return line


def _read_pgn(path: Path, text: str) -> Iterator[Opening]:
    import chess.pgn  # here, since it takes a while to load and most matches do not need it

    counted = _Counted(io.StringIO(text))
    while True:
        place = f"{path}: the game after line {counted.lines}" if counted.lines else f"{path}: the first game"
        try:
            game = chess.pgn.read_game(cast(TextIO, counted))  # it only calls readline
        except ValueError as error:
            raise UsageError(f"{place}: {error}") from None
        if game is None:
            return
        if not _is_chess(game.headers):
            raise UsageError(f"{place}: a game of {game.headers['Variant']}, expected one of chess")
        if game.errors:
            raise UsageError(f"{place}, before line {counted.lines + 1}: {game.errors[0]}")
        start = game.headers.get("FEN", "")
        moves = tuple(move.uci() for move in game.mainline_moves())[: given_plies(game.headers)]
        if start or moves:
            yield Opening(place, start, moves)


def _is_chess(headers: Any) -> bool:
    """Whether the "Variant" in a game's headers (`chess.pgn.Headers`), if any, is one of the many names of standard chess."""
    import chess

    try:
        return headers.variant() is chess.Board and not headers.is_chess960()
    except ValueError:  # an unknown variant
        return False


def _play(game: Game, opening: Opening, max_plies: int) -> Line:
    """The line of an opening for games of at most `max_plies`. Raises UsageError that names the opening's source."""
    try:
        line = Line(game, game.parse(opening.start) if opening.start else None)
        for move in opening.moves:
            line.push(game.parse_action(line.state, move))
    except UsageError as error:
        raise UsageError(f"{opening.place}: {error}") from None
    if line.over:
        raise UsageError(f"{opening.place}: the game is over after the opening ({game.endings[line.ending]})")
    if len(line.actions) >= max_plies:
        raise UsageError(
            f"{opening.place}: an opening of {len(line.actions)} plies, expected fewer than max_plies, which is {max_plies}"
        )
    return line


def _distinct(lines: Iterable[Line]) -> Iterator[Line]:
    """The lines whose final position no earlier line has."""
    seen = set()
    for line in lines:
        if line.keys[-1] not in seen:
            seen.add(line.keys[-1])
            yield line


def _indices(order: np.random.Generator, available: int, count: int) -> Iterable[int]:
    """`count` of `available` indices: all of them shuffled, repeated in the same order if that is not enough."""
    return islice(cycle(order.permutation(available).tolist()), count)


def _enumerated(game: Game, order: np.random.Generator, count: int) -> List[Tuple[int, ...]]:
    """`count` lines of equal length: shuffled, those that differ by symmetry before the others, repeated if too few."""
    kinds, images = _enumerate(game, count)
    shuffled = [some[index] for some in (kinds, images) for index in order.permutation(len(some)).tolist()]
    return list(islice(cycle(shuffled), count))


_Level = Dict[int, Tuple[Tuple[int, ...], np.ndarray]]
"""The positions of one ply that are not over: by key, the actions that lead to each, and its state."""


def _enumerate(game: Game, count: int) -> Tuple[List[Tuple[int, ...]], List[Tuple[int, ...]]]:
    """Lines of equal length to distinct positions that are not over: one of each kind up to symmetry, and further ones.

    They are the shortest with `count` kinds, and then there are no further ones. If no length has so many kinds, they are the
    shortest with `count` positions, symmetric images included; failing that, those of the length with the most positions.
    """
    level: _Level = {0: ((), game.initial())}
    best = level
    while level:
        kinds = _kinds(game, level)[0]
        if len(kinds) >= count:
            return kinds, []
        if len(best) < count:
            if len(level) < len(best):
                break
            best = level
        level = _next_level(game, level)
    return _kinds(game, best)


def _kinds(game: Game, level: _Level) -> Tuple[List[Tuple[int, ...]], List[Tuple[int, ...]]]:
    """The lines to positions that are not symmetric images of earlier ones, and the others."""
    seen: Set[Hashable] = set()
    kinds: List[Tuple[int, ...]] = []
    images: List[Tuple[int, ...]] = []
    keys = position_keys(game, np.stack([state for _, state in level.values()]))
    for key, (actions, _) in zip(keys, level.values()):
        (images if key in seen else kinds).append(actions)
        seen.add(key)
    return kinds, images


def _next_level(game: Game, level: _Level) -> _Level:
    """The positions one ply later."""
    found: _Level = {}
    for actions, state in level.values():
        here = game.look(state)
        legal = here.legal[0, : here.count[0]]
        after = game.allocate(len(legal))
        game.step(np.repeat(state[np.newaxis], len(legal), axis=0), legal, after)
        for index, action in enumerate(legal.tolist()):
            if after.ending[index] == ONGOING:
                found.setdefault(int(after.key[index]), (actions + (action,), after.state[index].copy()))
    return found
