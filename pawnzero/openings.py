"""Where arena games begin: distinct balanced openings, the same for everyone who gives the same seed.

Chess has a list of its own (`data/openings_chess.txt`; its header says how it was made). For a game without a list the
openings are the positions a few plies from the start, as many plies as it takes to have enough that no symmetry of the game
makes of each other: players to whom a mirror image is the same would play one game twice. A user's file may hold

* PGN games: the moves of each main line are an opening; of other games than chess what the arena and self-play wrote, of which
  the plies that were given are,
* or a line each: a position (EPD or FEN; the game's own text form elsewhere), or the moves from the starting position in the
  game's notation, with spaces between. Empty lines and what follows ``#`` outside quotes are skipped.

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

from pawnzero.config import SelfplayConfig
from pawnzero.errors import UsageError
from pawnzero.files import reading
from pawnzero.games.alike import position_keys
from pawnzero.games.base import ONGOING, Game
from pawnzero.games.line import Line
from pawnzero.pgn import games_in, in_san, moves_of

logging.getLogger("chess.pgn").addHandler(logging.NullHandler())  # else its complaints about a file come beside ours

_DATA = Path(__file__).parent / "data"
_STREAM = 0x0BE9
"""Keeps these random numbers apart from other uses of the same seed."""
_COMMENT = re.compile(r'("[^"]*")|#.*')
"""A quoted text, which is kept, or a comment."""
_OPERATION = re.compile(r'(?:"[^"]*"|[^;])+')
"""One of EPD's operations, which end with ";" outside quotes."""
_COUNTERS = re.compile(r"([0-9]+) ([0-9]+)(?=[ ;]|$)")
"""A FEN's, after a position's four fields."""


class Opening(NamedTuple):
    """An opening as text: where it was read (`file: line 7`), the starting position ("" for the usual one), the moves."""

    place: str
    start: str
    moves: Tuple[str, ...]


def openings(
    game: Game, count: int, seed: int, file: Optional[Path] = None, *, max_plies: int = SelfplayConfig.max_plies
) -> List[Line]:
    """`count` openings in an order that `seed` fixes; different ones as long as there are enough, then the same again.

    Of a game without a list, those that are alike by its symmetries come after one of each kind, where there are too few kinds.

    max_plies: of the games that are to begin with them. Our own openings are cut where they leave no move to play

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
    """The openings of a file, in its order, as text that is not checked yet (chess's PGN is). Raises as `openings` does."""
    text = _read_text(path)
    if path.suffix.lower() != ".pgn" and not text.lstrip().startswith("["):
        yield from _read_lines(path, text, game)
    elif in_san(game):
        yield from _read_pgn(path, text)
    else:
        yield from _read_written(path, text)


def _read_text(path: Path) -> str:
    """A file's text, in UTF-8 or else in ISO 8859-1, as the PGN standard has it; without DOS's end of a file."""
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
        start, moves = written.headers.get("FEN", ""), written.moves[: written.given_plies]
        if start or moves:
            yield Opening(f"{path}: game {number}", start, tuple(moves))


def _position_text(fields: List[str]) -> str:
    """A position without the operations of EPD: four fields and a FEN's two counters, as a FEN or the operations have them (0
    and 1 where neither does)."""
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
    """A text stream that knows how many lines were read from it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.lines = 0

    def readline(self) -> str:
        line = self._stream.readline()
        self.lines += bool(line)
        return line


def _read_pgn(path: Path, text: str) -> Iterator[Opening]:
    import chess.pgn  # here, since it takes a while to load and most matches do without

    counted = _Counted(io.StringIO(text))
    while True:
        place = f"{path}: the game after line {counted.lines}" if counted.lines else f"{path}: the first game"
        try:
            game = chess.pgn.read_game(cast(TextIO, counted))  # it reads by readline alone
        except ValueError as error:
            raise UsageError(f"{place}: {error}") from None
        if game is None:
            return
        if not _is_chess(game.headers):
            raise UsageError(f"{place}: a game of {game.headers['Variant']}, expected one of chess")
        if game.errors:
            raise UsageError(f"{place}, before line {counted.lines + 1}: {game.errors[0]}")
        start = game.headers.get("FEN", "")
        moves = tuple(move.uci() for move in game.mainline_moves())
        if start or moves:
            yield Opening(place, start, moves)


def _is_chess(headers: Any) -> bool:
    """Whether the "Variant" of a game's headers (`chess.pgn.Headers`), if it has one, is chess itself, which has many names."""
    import chess

    try:
        return headers.variant() is chess.Board and not headers.is_chess960()
    except ValueError:  # a variant that nobody knows
        return False


def _play(game: Game, opening: Opening, max_plies: int) -> Line:
    """The line of an opening for games of at most `max_plies`. Raises UsageError that names its place."""
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
    """The lines that end where no earlier one does."""
    seen = set()
    for line in lines:
        if line.keys[-1] not in seen:
            seen.add(line.keys[-1])
            yield line


def _indices(order: np.random.Generator, available: int, count: int) -> Iterable[int]:
    """`count` of `available` indices: all of them shuffled, and again in the same order when that is not enough."""
    return islice(cycle(order.permutation(available).tolist()), count)


def _enumerated(game: Game, order: np.random.Generator, count: int) -> List[Tuple[int, ...]]:
    """`count` lines of one length that are not alike by the game's symmetries; where there are fewer, then such as are alike,
    and where there are fewer still the same again."""
    kinds, images = _enumerate(game, count)
    shuffled = [some[index] for some in (kinds, images) for index in order.permutation(len(some)).tolist()]
    return list(islice(cycle(shuffled), count))


_Level = Dict[int, Tuple[Tuple[int, ...], np.ndarray]]
"""By key, positions that have not ended, each with a line to it."""


def _enumerate(game: Game, count: int) -> Tuple[List[Tuple[int, ...]], List[Tuple[int, ...]]]:
    """Lines of the same length to positions that differ and go on: one of each kind, and those to turned images of these.

    They are as short as it takes to have `count` kinds; where no length has as many, to have `count` positions, with the
    images; and else as long as there are most.
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
    """The lines to positions that no symmetry makes of an earlier one, and the others."""
    seen: Set[Hashable] = set()
    kinds: List[Tuple[int, ...]] = []
    images: List[Tuple[int, ...]] = []
    keys = position_keys(game, np.stack([state for _, state in level.values()]))
    for key, (actions, _) in zip(keys, level.values()):
        (images if key in seen else kinds).append(actions)
        seen.add(key)
    return kinds, images


def _next_level(game: Game, level: _Level) -> _Level:
    """The positions one ply on."""
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
