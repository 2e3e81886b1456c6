"""Games as text: PGN in chess, and the same format with the game's own notation in other games."""

from __future__ import annotations

import errno
import os
import re
import textwrap
from pathlib import Path
from typing import Callable, Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional

from pawnzero.errors import PawnzeroError
from pawnzero.files import reading, text_bytes
from pawnzero.games.base import Game
from pawnzero.games.line import Line

RESULTS = {1: "1-0", 0: "1/2-1/2", -1: "0-1"}
"""PGN's result by the result for player 0."""
UNFINISHED = "*"

_ROSTER = ("Event", "Site", "Date", "Round", "White", "Black")
"""The headers that every PGN game begins with, followed by the result."""

_WIDTH = 79
"""Maximum length of a line of moves (PGN standard, 8.2.1: fewer than 80)."""

_TAG = re.compile(r'\[(\w+) "(.*)"\]')
_MOVE_NUMBER = re.compile(r"^\d+\.+")


class WrittenGame(NamedTuple):
    """A game as text: its headers, and its moves in the game's notation."""

    headers: Dict[str, str]
    moves: List[str]

    def replay(self, game: Game) -> Line:
        """The game as a line. Raises UsageError that quotes an invalid position or move."""
        line = Line(game, game.parse(self.headers["FEN"]) if "FEN" in self.headers else None)
        for move in self.moves:
            line.push(game.parse_action(line.state, move))
        return line


def given_plies(headers: Mapping[str, str]) -> Optional[int]:
    """The number of moves at the beginning of a game that were given rather than chosen; None if its headers do not say."""
    given = headers.get("GivenPlies", "")
    return int(given) if given.isdecimal() else None


def format_game(game: Game, headers: Mapping[str, str], line: Line, result: Optional[int]) -> str:
    """One game with its headers, ending in an empty line; `result` is 1, 0 or -1 for player 0, None if the game is unfinished.

    Adds headers for the result, the number of plies, and the starting position if it is not the usual one.
    """
    end = UNFINISHED if result is None else RESULTS[result]
    roster = {name: headers.get(name, "?") for name in _ROSTER}
    tags = {**roster, "Result": end, **{name: value for name, value in headers.items() if name not in roster}}
    tags["PlyCount"] = str(len(line.actions))
    start = game.format(line.states[0])
    if start != game.format(game.initial()):
        tags.update(SetUp="1", FEN=start)
    written = "".join(f'[{name} "{_tag_value(value)}"]\n' for name, value in tags.items())
    return written + "\n" + textwrap.fill(f"{movetext(line)} {end}".strip(), _WIDTH) + "\n\n"


def movetext(line: Line) -> str:
    """The moves of a game in PGN notation, without the result."""
    return _MOVETEXT.get(line.game.name, _plain_moves)(line)


def in_san(game: Game) -> bool:
    """Whether the game's PGN is standard PGN, which other programs write too, with comments and variations."""
    return game.name in _MOVETEXT


def moves_of(text: str) -> List[str]:
    """The moves in a movetext, without their numbers."""
    return [move for move in (_MOVE_NUMBER.sub("", word) for word in text.split()) if move]


def read_games(path: Path) -> Iterator[WrittenGame]:
    """The games that `format_game` wrote into a file, not validated. Raises PawnzeroError if the file cannot be read."""
    with reading(path):
        text = path.read_text(encoding="utf-8", errors="replace")
    yield from games_in(text)


def games_in(text: str) -> Iterator[WrittenGame]:
    """The games that `format_game` wrote into `text`, not validated."""
    blocks = text.lstrip("\n").split("\n\n")
    for headers, moves in zip(blocks[0::2], blocks[1::2]):
        tags = dict(_TAG.findall(headers))
        yield WrittenGame(tags, [move for move in moves_of(moves) if move != tags.get("Result")])


def append_games(path: Path, games: Iterable[str]) -> None:
    """Append games to `path`, which is created if missing; all of them or, if the disk is full, none.

    Other processes may append to it at the same time. Raises PawnzeroError if it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "a+b", buffering=0) as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(0, size - 2))
            tail = stream.read()
            apart = b"" if not tail or tail == b"\n\n" else b"\n" if tail.endswith(b"\n") else b"\n\n"
            added, written = apart + text_bytes("".join(games)), 0
            try:
                written = stream.write(added)
                if written < len(added):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(stream.fileno())
            except OSError:
                if stream.seek(0, os.SEEK_END) == size + written:  # otherwise others have appended since
                    stream.truncate(size)
                raise
    except OSError as error:
        raise PawnzeroError(f"{path}: cannot be written ({error.strerror})") from None
    except UnicodeEncodeError:
        raise PawnzeroError(f"{path}: cannot be written (the file system has no such name; give another)") from None


def _tag_value(value: str) -> str:
    """The value on one line, without double quotes and backslashes, whose escapes not every reader understands."""
    return " ".join(value.split()).replace('"', "'").replace("\\", "/")


def _plain_moves(line: Line) -> str:
    return " ".join(line.game.format_action(state, action) for state, action in zip(line.states, line.actions))


def _san_moves(line: Line) -> str:
    import chess  # here, since other games do not need it

    board = chess.Board(line.game.format(line.states[0]))
    return board.variation_san(chess.Move.from_uci(text) for text in _plain_moves(line).split())


_MOVETEXT: Dict[str, Callable[[Line], str]] = {"chess": _san_moves}
"""Games whose moves are not written with `Game.format_action`."""
