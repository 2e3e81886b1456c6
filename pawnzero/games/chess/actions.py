"""The 1858 moves in lc0's numbering, with their squares.

An action is a from-square, a to-square (0 = a1 to 63 = h8, from the mover's side) and a promotion. The order is lc0's: from
each square in turn, the squares that a queen or a knight reaches on an empty board, ascending (1792); then, for each pawn move
from the seventh rank to the eighth, the promotions to queen, rook and bishop, in this order (66). A promotion to a knight is
the plain move. Castling is the king capturing its own rook.
"""

from __future__ import annotations

from typing import List, Tuple

import numpy as np

NUM_ACTIONS = 1858
FIRST_PROMOTION = 1792

KNIGHT, BISHOP, ROOK, QUEEN = 1, 2, 3, 4
"""Promotion pieces, as the index of the state word that holds such pieces. 0 for no promotion or promotion to a knight."""

_KNIGHT_JUMPS = ((1, 2), (2, 1), (2, -1), (1, -2), (-1, -2), (-2, -1), (-2, 1), (-1, 2))


def _reaches(start: int, end: int) -> bool:
    rows, columns = abs(end // 8 - start // 8), abs(end % 8 - start % 8)
    straight = rows == 0 or columns == 0 or rows == columns
    return start != end and (straight or (rows, columns) in _KNIGHT_JUMPS)


def _list_actions() -> List[Tuple[int, int, int]]:
    plain = [(start, end, 0) for start in range(64) for end in range(64) if _reaches(start, end)]
    promotions = [
        (start, end, piece)
        for start in range(48, 56)
        for end in range(56, 64)
        if abs(end % 8 - start % 8) <= 1
        for piece in (QUEEN, ROOK, BISHOP)
    ]
    return plain + promotions


_ACTIONS = _list_actions()

FROM = np.array([start for start, _, _ in _ACTIONS], np.uint8)
"""[1858] uint8: the from-square of each action."""
TO = np.array([end for _, end, _ in _ACTIONS], np.uint8)
"""[1858] uint8: the to-square; the rook's square in castling."""
PROMOTION = np.array([piece for _, _, piece in _ACTIONS], np.uint8)
"""[1858] uint8: QUEEN, ROOK or BISHOP, or 0."""

INDEX = np.full((64, 64, 5), -1, np.int16)
"""[64, 64, 5] int16: the action by from-square, to-square and promotion (0 or KNIGHT: the plain move); -1 if there is none."""
INDEX[FROM, TO, PROMOTION] = np.arange(NUM_ACTIONS)
_promotes = INDEX[:, :, QUEEN] >= 0
INDEX[_promotes, KNIGHT] = INDEX[_promotes, 0]

MIRRORED = INDEX[FROM ^ 7, TO ^ 7, PROMOTION]
"""[1858] int16: the action on a board mirrored left to right. Castling maps to a king's move that is never legal."""

PLAIN_INDEX = np.ascontiguousarray(INDEX[:, :, 0]).reshape(-1)
"""[4096] int16: the action without promotion at ``64 * from + to``; -1 if there is none."""

KINGSIDE_CASTLING = int(INDEX[4, 7, 0])
QUEENSIDE_CASTLING = int(INDEX[4, 0, 0])

assert len(_ACTIONS) == NUM_ACTIONS
assert _ACTIONS[FIRST_PROMOTION] == (48, 56, QUEEN)
assert KINGSIDE_CASTLING == 103
