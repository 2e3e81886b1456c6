"""The position that a chess program describes, with the moves that led to it."""

from __future__ import annotations

from typing import Optional, Sequence, Tuple

from pawnzero.errors import UsageError
from pawnzero.games.base import REPETITION, Game
from pawnzero.games.chess.rules import FIFTY_MOVES, INSUFFICIENT_MATERIAL
from pawnzero.games.line import Line


def parse_place(game: Game, words: Sequence[str]) -> Tuple[Line, str]:
    """What follows ``position``: ``startpos`` or ``fen …``, then perhaps ``moves …``.

    Returns the line and "", or where a move cannot be played the line up to there and what is wrong with it. Raises UsageError
    where the start is no position.
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
    """`line` with a move more. Where neither side can mate, which ends the game by our rules alone, the line after it knows no
    past. Raises UsageError for what is no legal move."""
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
    """`line`, or where a draw has come about that chess programs only count once a player claims it, a line that goes on.

    After fifty moves that is a new line, which knows no past and counts them anew.
    """
    if line.ending == REPETITION:
        line.go_on()
    if line.ending == FIFTY_MOVES:
        fields = line.game.format(line.state).split()
        return Line(line.game, line.game.parse(" ".join([*fields[:4], "0", fields[5]])))
    return line


def any_move(line: Line) -> Optional[str]:
    """A move where our rules have ended the game though chess programs may not have (neither side can mate); None after mate
    and stalemate."""
    import chess

    moves = list(chess.Board(line.game.format(line.state)).legal_moves)
    return moves[0].uci() if moves else None
