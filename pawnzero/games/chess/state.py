"""The layout of a chess position: eight words, always from the view of the player to move (see docs/architecture.md)."""

from __future__ import annotations

import numpy as np

STATE_WORDS = 8
PAWNS, KNIGHTS, BISHOPS, ROOKS, QUEENS, KINGS, US, META = range(STATE_WORDS)
"""The words of a state: pieces of both colours by kind, all pieces of the mover, and `meta`, what no board shows."""

KINGSIDE, QUEENSIDE = np.uint64(1), np.uint64(2)
"""Bits of `meta`: the mover's castling rights. The opponent's are two bits higher."""
CASTLING = np.uint64(15)
EN_PASSANT_SHIFT = np.uint64(4)
EN_PASSANT = np.uint64(15)
CLOCK_SHIFT = np.uint64(8)
CLOCK = np.uint64(255)
BLACK_SHIFT = np.uint64(16)
BLACK = np.uint64(1) << BLACK_SHIFT
NUMBER_SHIFT = np.uint64(32)
NUMBER = np.uint64(65535)

SAME_POSITION = BLACK | (EN_PASSANT << EN_PASSANT_SHIFT) | CASTLING
"""The part of `meta` that the repetition rule compares: everything but the counters."""

START_STATE = np.array(
    [
        0x00FF00000000FF00,
        0x4200000000000042,
        0x2400000000000024,
        0x8100000000000081,
        0x0800000000000008,
        0x1000000000000010,
        0x000000000000FFFF,
        1 << int(NUMBER_SHIFT) | int(CASTLING),
    ],
    np.uint64,
)
"""The usual starting position."""
