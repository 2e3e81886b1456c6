"""The encoding of a chess position: lc0's classical 112 planes, packed as 104 bitboards and 8 numbers.

All planes are from the view of the player to move: square = 8 · rank + file, rank 0 being that player's first rank. The boards
of earlier positions are flipped to the same side.

=============  ==============================================================================================
plane          meaning
=============  ==============================================================================================
13 · i + 0–5   pawns, knights, bishops, rooks, queens, king of the player to move, i plies ago
13 · i + 6–11  the same for the opponent
13 · i + 12    1 everywhere if that position had occurred before in its game
104, 105       the player to move may still castle queenside, kingside
106, 107       the opponent may still castle queenside, kingside
108            1 if Black is to move
109            plies since the last capture or pawn move
110            always 0 (once the move number)
111            always 1 (shows the net where the board ends)
=============  ==============================================================================================

Positions before the start of a game are filled as lc0 does by default (its option HistoryFill=fen_only), which was determined
by querying lc0. Before the usual starting position (whatever its move counters) they are empty. Before any other start they
repeat the oldest position exactly as it is shown (the repeats do not alternate sides); if it allows an en-passant capture, the
repeats show the pawn that has just made its double step still on its home square.

Two differences from lc0 (observed in version 0.31) come from our positions, not from this encoding. lc0 accepts the en-passant
square of a FEN, and records one after every double step next to an enemy pawn, pinned or not; our positions hold one only if
the capture is legal. So if a FEN names a square without a legal capture, lc0's repeats show that pawn on its home square and
ours do not; and if a position first occurred with such an impossible capture, lc0 misses its first repetition, which the rules
count.
"""

from __future__ import annotations

import numpy as np

from pawnzero.bits import byteswap
from pawnzero.games.chess.state import (
    BLACK_SHIFT,
    CLOCK,
    CLOCK_SHIFT,
    EN_PASSANT,
    EN_PASSANT_SHIFT,
    META,
    PAWNS,
    SAME_POSITION,
    START_STATE,
    US,
)
from pawnzero.native import inner_kernel, kernel

HISTORY = 8
BIT_PLANES = 104
SCALAR_PLANES = 8

RULE50_PLANE = 109
CASTLING_SCALARS = 4
"""The number of leading scalars that hold the castling rights."""


def _plane_scale() -> np.ndarray:
    scale = np.ones(BIT_PLANES + SCALAR_PLANES, np.float32)
    scale[RULE50_PLANE] = 1 / 99
    return scale


PLANE_SCALE = _plane_scale()
"""[112] float32: factors by which nets multiply the planes. Plane 109 is divided by 99, as lc0 does in training."""

_PLANES_A_POSITION = 13

_NOTHING = np.uint64(0)
_EVERYWHERE = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
_ONE = np.uint64(1)


@inner_kernel
def _is_usual_start(history: np.ndarray, row: int, entry: int) -> bool:
    """Return whether this is the usual starting position, move counters aside."""
    difference = (history[row, entry, META] ^ START_STATE[META]) & SAME_POSITION
    for word in range(META):
        difference |= history[row, entry, word] ^ START_STATE[word]
    return bool(difference == _NOTHING)


@inner_kernel
def _show_position(history: np.ndarray, repeated: np.ndarray, row: int, entry: int, bits: np.ndarray) -> None:
    """Fill the 13 planes of one position; every second one is stored from the other player's side and is flipped."""
    base = entry * _PLANES_A_POSITION
    us = history[row, entry, US]
    for kind in range(US):
        men = history[row, entry, kind]
        ours = men & us
        theirs = men & ~us
        if entry & 1:
            ours, theirs = byteswap(theirs), byteswap(ours)
        bits[row, base + kind] = ours
        bits[row, base + US + kind] = theirs
    bits[row, base + 12] = _EVERYWHERE if repeated[row, entry] else _NOTHING


@inner_kernel
def _fill_before_start(history: np.ndarray, row: int, length: int, bits: np.ndarray) -> None:
    """Fill the planes of positions before the oldest one, from that one's planes."""
    first = length * _PLANES_A_POSITION
    oldest = first - _PLANES_A_POSITION
    if _is_usual_start(history, row, length - 1):
        for plane in range(first, BIT_PLANES):
            bits[row, plane] = _NOTHING
        return
    for plane in range(first, BIT_PLANES):
        bits[row, plane] = bits[row, plane - _PLANES_A_POSITION]
    en_passant = (history[row, length - 1, META] >> EN_PASSANT_SHIFT) & EN_PASSANT
    if en_passant == _NOTHING:
        return
    # The pawn that has just made its double step belongs to the opponent of the side to move in that position.
    file = en_passant - _ONE
    if length & 1:
        pawns = US
        there_and_back = (_ONE << (file + np.uint64(32))) | (_ONE << (file + np.uint64(48)))
    else:
        pawns = PAWNS
        there_and_back = (_ONE << (file + np.uint64(24))) | (_ONE << (file + np.uint64(8)))
    for base in range(first, BIT_PLANES, _PLANES_A_POSITION):
        bits[row, base + pawns] = bits[row, oldest + pawns] ^ there_and_back


@inner_kernel
def _show_numbers(history: np.ndarray, row: int, scalars: np.ndarray) -> None:
    """Fill planes 104 to 111."""
    meta = history[row, 0, META]
    scalars[row, 0] = np.float32((meta >> np.uint64(1)) & _ONE)
    scalars[row, 1] = np.float32(meta & _ONE)
    scalars[row, 2] = np.float32((meta >> np.uint64(3)) & _ONE)
    scalars[row, 3] = np.float32((meta >> np.uint64(2)) & _ONE)
    scalars[row, 4] = np.float32((meta >> BLACK_SHIFT) & _ONE)
    scalars[row, 5] = np.float32((meta >> CLOCK_SHIFT) & CLOCK)
    scalars[row, 6] = np.float32(0)
    scalars[row, 7] = np.float32(1)


@kernel
def _encode(history: np.ndarray, repeated: np.ndarray, length: np.ndarray, bits: np.ndarray, scalars: np.ndarray) -> None:
    for row in range(len(length)):
        count = length[row]
        for entry in range(count):
            _show_position(history, repeated, row, entry, bits)
        if count < HISTORY:
            _fill_before_start(history, row, count, bits)
        _show_numbers(history, row, scalars)


def encode(history: np.ndarray, repeated: np.ndarray, length: np.ndarray, bits: np.ndarray, scalars: np.ndarray) -> None:
    """Encode each position into `bits` and `scalars`. Releases the GIL.

    history  [B, 8, 8] uint64: the position itself, then the earlier ones, newest first, each from the side of its own
             player to move (as every position's words are)
    repeated [B, 8] uint8: 1 if that position had occurred before in its game
    length   [B] int16: how many of the 8 are valid (1 to 8); the rest would lie before the start of the game
    bits     [B, 104] uint64, filled: planes 0 to 103 as bitboards
    scalars  [B, 8] float32, filled: planes 104 to 111, each the same number everywhere; plane 109 is the unscaled
             count (callers that feed a net apply `PLANE_SCALE`)
    """
    _encode(history, repeated, length, bits, scalars)
