"""Parsing ``position``: a position with the moves that led to it."""

from __future__ import annotations

from typing import Optional, Sequence, Tuple

from pawnzero.errors import UsageError
from pawnzero.games.base import REPETITION, Game
from pawnzero.games.chess.rules import FIFTY_MOVES, INSUFFICIENT_MATERIAL
from pawnzero.games.line import Line


def parse_place(game: Game, words: Sequence[str]) -> Tuple[Line, str]:
    """Parse the words after ``position``: ``startpos`` or ``fen …``, then optionally ``moves …``.

    Returns the line and "". If a move cannot be played, returns the line before it and a message. Raises UsageError if the
    start is not a valid position.
    """
    at = words.index("moves") if "moves" in words else len(words)
    start, moves = list(words[:at]), words[at + 1 :]
    if start == ["startpos"]:
        line = Line(game)
    elif start[:1] == ["fen"]:
        line = Line(game, game.parse(" ".join(start[1:])))
    else:
        raise UsageError(f"position {' '.join(start)}: expected startpos or fen FEN, then moves MOVE …")
    for number, text in enumerate(moves, 1):
        line = playable(line)
        try:
            line = _moved(line, text)
        except UsageError as error:
            return playable(line), f"position: move {number} cannot be played, so the position before it is kept ({error})"
    return playable(line), ""


def _moved(line: Line, text: str) -> Line:
    """`line` with one more move. Raises UsageError for an illegal move.

    If neither side can mate, our rules have ended the game but a chess program may play on; the result is then a new line
    without history.
    """
    if line.ending != INSUFFICIENT_MATERIAL:
        line.push(line.game.parse_action(line.state, text))
        return line
    import chess

    board = chess.Board(line.game.format(line.state))
    legal = {move.uci(): move for move in board.legal_moves}
    if text not in legal:
        raise UsageError(f"illegal move {text!r} in {board.fen()}")
    board.push(legal[text])
    return Line(line.game, line.game.parse(board.fen()))


def playable(line: Line) -> Line:
    """`line`, made playable again after a draw that chess programs count only once a player claims it.

    A repetition lets the line itself continue. After fifty moves without progress the result is a new line without history, and
    the count starts from zero.
    """
    if line.ending == REPETITION:
        line.go_on()
    if line.ending == FIFTY_MOVES:
        fields = line.game.format(line.state).split()
        return Line(line.game, line.game.parse(" ".join([*fields[:4], "0", fields[5]])))
    return line


def any_move(line: Line, wanted: Sequence[str] = ()) -> Optional[str]:
    """A legal move where our rules have ended the game but a chess program may play on (neither side can mate).

    One of those `wanted`, if any is legal. None after mate and stalemate.
    """
    import chess

    moves = [move.uci() for move in chess.Board(line.game.format(line.state)).legal_moves]
    return next((move for move in moves if move in wanted), next(iter(moves), None))
