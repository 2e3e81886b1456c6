"""Games as text that other programs read: PGN in chess, the same shape with the game's own notation elsewhere."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Callable, Dict, Iterable, Mapping

from pawnzero.errors import PawnzeroError
from pawnzero.files import replacing
from pawnzero.games.base import Game
from pawnzero.games.line import Line

RESULTS = {1: "1-0", 0: "1/2-1/2", -1: "0-1"}
"""How a result for player 0 is written."""


def format_game(game: Game, headers: Mapping[str, str], line: Line, result: int) -> str:
    """One game with its headers, ending in an empty line; `result` is 1, 0 or -1 for player 0.

    Adds the result, and the starting position where it is not the usual one.
    """
    tags = {**headers, "Result": RESULTS[result]}
    start = game.format(line.states[0])
    if start != game.format(game.initial()):
        tags.update(SetUp="1", FEN=start)
    written = "".join(f'[{name} "{_tag_value(value)}"]\n' for name, value in tags.items())
    moves = _MOVETEXT.get(game.name, _plain_moves)(line)
    return written + "\n" + textwrap.fill(f"{moves} {RESULTS[result]}".strip(), 80) + "\n\n"


def append_games(path: Path, games: Iterable[str]) -> None:
    """Add games to the end of `path`, which is made where it is missing. Raises PawnzeroError where it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise PawnzeroError(f"{path}: cannot be written ({error.strerror})") from None
    with replacing(path) as stream:
        stream.write(before + "".join(games).encode())


def _tag_value(value: str) -> str:
    """On one line and without double quotes, whose escaped form not every reader undoes."""
    return " ".join(value.split()).replace('"', "'")


def _plain_moves(line: Line) -> str:
    return " ".join(line.game.format_action(state, action) for state, action in zip(line.states, line.actions))


def _san_moves(line: Line) -> str:
    import chess  # here, since other games do without

    board = chess.Board(line.game.format(line.states[0]))
    return board.variation_san(chess.Move.from_uci(text) for text in _plain_moves(line).split())


_MOVETEXT: Dict[str, Callable[[Line], str]] = {"chess": _san_moves}
"""Games whose moves are written another way than `Game.format_action` does."""
