"""The index of each of the 1858 moves in lc0's convolutional policy head: 80 planes of the board, 73 of them used.

The square is the from-square; the plane tells how the piece moves, from the mover's side:

======  ====================================================================================================
plane   move
======  ====================================================================================================
0–55    like a queen: 7 planes (1 to 7 squares) for each direction, from straight ahead clockwise.
        A knight promotion is a plain pawn move here, and castling is the king's move onto its rook.
56–63   like a knight: a plane for each of the 8 jumps, clockwise from one file right and two ranks ahead
64–72   promotion to rook, bishop, queen (in that order): capturing leftwards, straight, capturing rightwards
73–79   never used
======  ====================================================================================================

`actions` numbers the moves. The map was verified against lc0 with a net whose outputs are known.
"""

from __future__ import annotations

from math import gcd

import numpy as np

from pawnzero.games.chess.actions import BISHOP, FROM, PROMOTION, QUEEN, ROOK, TO

POLICY_PLANES = 80

_DIRECTIONS = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))
_JUMPS = ((1, 2), (2, 1), (2, -1), (1, -2), (-1, -2), (-2, -1), (-2, 1), (-1, 2))
_PROMOTIONS = (ROOK, BISHOP, QUEEN)
_FIRST_JUMP = 56
_FIRST_PROMOTION = 64


def _plane(files: int, ranks: int, promotion: int) -> int:
    """The plane of a move of this many files to the right and ranks ahead."""
    if promotion:
        return _FIRST_PROMOTION + 3 * (files + 1) + _PROMOTIONS.index(promotion)
    if (files, ranks) in _JUMPS:
        return _FIRST_JUMP + _JUMPS.index((files, ranks))
    distance = gcd(files, ranks)
    return 7 * _DIRECTIONS.index((files // distance, ranks // distance)) + distance - 1


def _policy_index() -> np.ndarray:
    moves = zip(FROM.tolist(), TO.tolist(), PROMOTION.tolist())
    planes = [(_plane(end % 8 - start % 8, end // 8 - start // 8, promotion), start) for start, end, promotion in moves]
    return np.array([64 * plane + square for plane, square in planes], np.int32)


POLICY_INDEX = _policy_index()
"""[1858] int32: index of each move among the head's 80 · 64 outputs, ``64 * plane + square``."""
