"""Text forms of chess: FEN, UCI and SAN, and a board of letters. Not for hot paths."""

from __future__ import annotations

import re
from typing import Any, List, Sequence

import numpy as np

from pawnzero.errors import UsageError
from pawnzero.games.chess import actions
from pawnzero.games.chess.moves import generate
from pawnzero.games.chess.state import (
    BLACK,
    CLOCK,
    CLOCK_SHIFT,
    EN_PASSANT,
    EN_PASSANT_SHIFT,
    KINGS,
    META,
    NUMBER,
    NUMBER_SHIFT,
    PAWNS,
    US,
)

MAX_LEGAL = 218
"""The largest number of legal moves in any position that a game can reach."""

START = "rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1"

_LETTERS = "pnbrqk"
_FILES = "abcdefgh"
_UCI = re.compile("([a-h][1-8])([a-h][1-8])([nbrq]?)")
_CASTLED_KING = {actions.KINGSIDE_CASTLING: 6, actions.QUEENSIDE_CASTLING: 2}
"""The king's square after castling, by action."""


def parse_position(text: str) -> np.ndarray:
    """Parse a FEN (its counters may be missing) or "startpos" → state [S] uint64.

    Accepts positions that no game reaches if both sides can continue to play and a state can hold them: each side has no more
    pieces than its pawns could have become, and castling rights only with king and rook at home. Raises UsageError that says
    what is wrong.
    """
    import chess

    try:
        board = chess.Board(START if text.strip() == "startpos" else text.strip())
    except ValueError as error:
        raise UsageError(f"{text!r} is no chess position: expected a FEN or startpos ({error})") from None
    problem = _problem(board)
    if problem:
        raise UsageError(f"{text!r} is no chess position: {problem}")
    state = _from_board(board)
    if generate(state[np.newaxis], 0, None, 0)[0] > MAX_LEGAL:
        raise UsageError(f"{text!r} is no chess position: more than {MAX_LEGAL} legal moves")
    return state


def _problem(board: Any) -> str:
    """Why a python-chess board is rejected, or "" if it is not."""
    import chess

    status = board.status()
    reasons = [
        (chess.STATUS_EMPTY, "the board is empty"),
        (chess.STATUS_NO_WHITE_KING, "White has no king"),
        (chess.STATUS_NO_BLACK_KING, "Black has no king"),
        (chess.STATUS_TOO_MANY_KINGS, "a side has more than one king"),
        (chess.STATUS_PAWNS_ON_BACKRANK, "a pawn stands on the first or last rank"),
        (chess.STATUS_OPPOSITE_CHECK, "the side that is not to move is in check"),
        (chess.STATUS_BAD_CASTLING_RIGHTS, "castling rights without king and rook at home"),
        (chess.STATUS_INVALID_EP_SQUARE, "no pawn has just passed the en-passant square"),
    ]
    for bit, reason in reasons:
        if status & bit:
            return reason
    for color, name in ((chess.WHITE, "White"), (chess.BLACK, "Black")):
        # Every piece beyond those of the starting position is a promoted pawn.
        men = [len(board.pieces(piece, color)) for piece in chess.PIECE_TYPES]
        promoted = sum(max(0, count - first) for count, first in zip(men[1:5], (2, 2, 2, 1)))
        if men[0] + promoted > 8:
            return f"{name} has more men than eight pawns can become"
    if board.halfmove_clock > int(CLOCK):
        return f"halfmove clock {board.halfmove_clock}, expected at most {int(CLOCK)}"
    if board.fullmove_number > int(NUMBER):
        return f"move number {board.fullmove_number}, expected at most {int(NUMBER)}"
    return ""


def _from_board(board: Any) -> np.ndarray:
    import chess

    black = board.turn == chess.BLACK
    words = [board.pawns, board.knights, board.bishops, board.rooks, board.queens, board.kings, board.occupied_co[board.turn]]
    if black:
        words = [chess.flip_vertical(word) for word in words]
    meta = board.halfmove_clock << int(CLOCK_SHIFT) | board.fullmove_number << int(NUMBER_SHIFT)
    for place, color in enumerate((board.turn, not board.turn)):
        meta |= int(board.has_kingside_castling_rights(color)) << 2 * place
        meta |= int(board.has_queenside_castling_rights(color)) << 2 * place + 1
    if board.has_legal_en_passant():
        meta |= 1 + chess.square_file(board.ep_square) << int(EN_PASSANT_SHIFT)
    if black:
        meta |= int(BLACK)
    return np.array(words + [meta], np.uint64)


def is_black(state: np.ndarray) -> bool:
    """Return whether Black is to move in state [S]."""
    return bool(int(state[META]) & int(BLACK))


def _letters(state: np.ndarray) -> List[str]:
    """The 64 squares from a1 to h8, from White's view: a piece's letter, upper case for White, or "."."""
    words, black = [int(word) for word in state], is_black(state)
    squares = ["."] * 64
    for letter, word in zip(_LETTERS, words[PAWNS : KINGS + 1]):
        while word:
            square = (word & -word).bit_length() - 1
            word &= word - 1
            white = bool(words[US] >> square & 1) != black
            squares[square ^ 56 if black else square] = letter.upper() if white else letter
    return squares


def format_position(state: np.ndarray) -> str:
    """Return the FEN of state [S]; it names an en-passant square only if such a capture is legal."""
    squares, meta, black = _letters(state), int(state[META]), is_black(state)
    ranks = ["".join(squares[8 * rank : 8 * rank + 8]) for rank in range(7, -1, -1)]
    placement = re.sub(r"\.+", lambda gap: str(len(gap.group())), "/".join(ranks))
    rights = (meta >> 2 & 3) | (meta & 3) << 2 if black else meta & 15
    castling = "".join(letter for bit, letter in enumerate("KQkq") if rights >> bit & 1) or "-"
    file = meta >> int(EN_PASSANT_SHIFT) & int(EN_PASSANT)
    en_passant = f"{_FILES[file - 1]}{3 if black else 6}" if file else "-"
    clock, number = meta >> int(CLOCK_SHIFT) & int(CLOCK), meta >> int(NUMBER_SHIFT) & int(NUMBER)
    return f"{placement} {'b' if black else 'w'} {castling} {en_passant} {clock} {number}"


def _square_name(square: int, black: bool) -> str:
    return f"{_FILES[square % 8]}{8 - square // 8 if black else 1 + square // 8}"


def _square(name: str, black: bool) -> int:
    rank = int(name[1]) - 1
    return _FILES.index(name[0]) + 8 * (7 - rank if black else rank)


def _own(state: np.ndarray, word: int, square: int) -> bool:
    """Whether the mover has a piece of this word on `square`."""
    return bool(int(state[word]) & int(state[US]) & 1 << square)


def format_action(state: np.ndarray, action: int) -> str:
    """Return a legal action in UCI notation; castling is the king's own move (e1g1)."""
    origin, square, promotion = int(actions.FROM[action]), int(actions.TO[action]), int(actions.PROMOTION[action])
    black = is_black(state)
    if square >= 56 and not promotion and _own(state, PAWNS, origin):
        promotion = actions.KNIGHT
    if _own(state, US, square):
        square = _CASTLED_KING[int(action)]
    return _square_name(origin, black) + _square_name(square, black) + (_LETTERS[promotion] if promotion else "")


def describe_action(state: np.ndarray, action: int) -> str:
    """Return a legal action in standard algebraic notation (Nf3, exd5, O-O, e8=Q+)."""
    import chess

    return chess.Board(format_position(state)).san(chess.Move.from_uci(format_action(state, action)))


def parse_action(state: np.ndarray, legal: Sequence[int], text: str) -> int:
    """Parse one of the `legal` actions of state [S] from UCI (castling as e1g1 or e1h1) or SAN.

    Raises UsageError if the move is illegal or ambiguous.
    """
    stripped = text.strip()
    match = _UCI.fullmatch(stripped)
    found = _by_squares(state, match.groups()) if match else _by_name(state, stripped)
    if found not in legal:
        place = format_position(state)
        raise UsageError(f"{text!r} is not a legal move in {place}: expected UCI (e2e4, e7e8q) or SAN (Nf3, exd5, O-O)")
    return found


def _by_squares(state: np.ndarray, parts: Sequence[str]) -> int:
    """The action between two named squares; -1 if there is none."""
    black = is_black(state)
    origin, square, piece = _square(parts[0], black), _square(parts[1], black), parts[2]
    promotes = square >= 56 and _own(state, PAWNS, origin)
    if promotes != bool(piece):
        return -1
    if origin == 4 and _own(state, KINGS, origin):
        for action, destination in _CASTLED_KING.items():
            if square == destination:
                return action
    return int(actions.INDEX[origin, square, _LETTERS.index(piece) if piece else 0])


def _by_name(state: np.ndarray, san: str) -> int:
    """The action of a move in standard algebraic notation; -1 if it is illegal, ambiguous or not a move."""
    import chess

    try:
        uci = chess.Board(format_position(state)).parse_san(san).uci()
    except ValueError:
        return -1
    match = _UCI.fullmatch(uci)
    return _by_squares(state, match.groups()) if match else -1


def draw_position(state: np.ndarray) -> str:
    """Return the board as lines of text, White at the bottom, with coordinates."""
    squares = _letters(state)
    ranks = [f"{rank + 1}  " + " ".join(squares[8 * rank : 8 * rank + 8]) for rank in range(7, -1, -1)]
    return "\n".join(ranks + ["", "   " + " ".join(_FILES)])
