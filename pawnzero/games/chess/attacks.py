"""Which squares a piece attacks: tables for kings, knights and pawns, arithmetic for sliders.

Squares are 0 (a1) to 63 (h8) from the view of the player to move; a bitboard has bit ``square`` set. Sliders use hyperbola
quintessence on files and diagonals (subtract the slider from the blockers, once as is and once byte-swapped) and a small table
on ranks. All of it fits in the L1 cache beside the search's own data; magic bitboard tables would not.
"""

from __future__ import annotations

from typing import Iterable, Tuple

import numpy as np

from pawnzero.bits import byteswap, lowest
from pawnzero.native import inner_kernel

ZERO = np.uint64(0)
ONE = np.uint64(1)
TWO = np.uint64(2)
SEVEN = np.uint64(7)
EIGHT = np.uint64(8)
NINE = np.uint64(9)
SIXTEEN = np.uint64(16)
RANK_MASK = np.uint64(56)
SIX_BITS = np.uint64(63)

FILE_A = np.uint64(0x0101010101010101)
FILE_H = np.uint64(0x8080808080808080)
FILES_AB = np.uint64(0x0303030303030303)
FILES_GH = np.uint64(0xC0C0C0C0C0C0C0C0)

_DIRECTIONS = ((0, 1), (1, 0), (1, 1), (1, -1), (0, -1), (-1, 0), (-1, -1), (-1, 1))


def _board(squares: Iterable[Tuple[int, int]]) -> int:
    return sum(1 << (8 * row + column) for row, column in squares if 0 <= row < 8 and 0 <= column < 8)


def _jumps(steps: Iterable[Tuple[int, int]]) -> np.ndarray:
    steps = tuple(steps)
    return np.array([_board((s // 8 + row, s % 8 + column) for row, column in steps) for s in range(64)], np.uint64)


def _lines(row_step: int, column_step: int) -> np.ndarray:
    """[64] uint64: the full line through each square in this direction, without the square itself."""
    return _jumps((k * row_step, k * column_step) for k in range(-7, 8) if k)


def _rank_attacks() -> np.ndarray:
    table = np.zeros((8, 64), np.uint8)
    for column in range(8):
        for inner in range(64):
            for step in (1, -1):
                at = column + step
                while 0 <= at < 8:
                    table[column, inner] |= 1 << at
                    if inner << 1 >> at & 1:
                        break
                    at += step
    return table


def _between_and_line() -> Tuple[np.ndarray, np.ndarray]:
    between, line = np.zeros((64, 64), np.uint64), np.zeros((64, 64), np.uint64)
    for row_step, column_step in _DIRECTIONS:
        full = _lines(row_step, column_step)
        for start in range(64):
            path, row, column = 0, start // 8 + row_step, start % 8 + column_step
            while 0 <= row < 8 and 0 <= column < 8:
                end = 8 * row + column
                between[start, end] = path
                line[start, end] = int(full[start]) | 1 << start
                path |= 1 << end
                row, column = row + row_step, column + column_step
    return between, line


KNIGHT = _jumps(((1, 2), (2, 1), (2, -1), (1, -2), (-1, -2), (-2, -1), (-2, 1), (-1, 2)))
"""[64] uint64: a knight's attacks."""
KING = _jumps(_DIRECTIONS)
"""[64] uint64: a king's attacks."""
PAWN = _jumps(((1, -1), (1, 1)))
"""[64] uint64: attacks of a pawn of the player to move; equally, the squares from which an opponent's pawn attacks the square.
"""
BETWEEN, LINE = _between_and_line()
"""[64, 64] uint64: the squares strictly between two squares; the full line through both. 0 if no line joins them."""
_FILE = _lines(1, 0)
_DIAGONAL = _lines(1, 1)
_ANTIDIAGONAL = _lines(1, -1)
_RANK = _rank_attacks()


@inner_kernel
def _slide(square: np.int64, occupied: np.uint64, line: np.uint64) -> np.uint64:
    """Attacks along a line that has at most one square on each rank (hyperbola quintessence, Aleks Peshkov and others)."""
    blockers = occupied & line
    upward = blockers - (TWO << np.uint64(square))
    downward = byteswap(byteswap(blockers) - (TWO << (np.uint64(square) ^ RANK_MASK)))
    return (upward ^ downward) & line


@inner_kernel
def bishop_attacks(square: np.int64, occupied: np.uint64) -> np.uint64:
    """Return the squares that a bishop on `square` attacks."""
    return _slide(square, occupied, _DIAGONAL[square]) | _slide(square, occupied, _ANTIDIAGONAL[square])


@inner_kernel
def rook_attacks(square: np.int64, occupied: np.uint64) -> np.uint64:
    """Return the squares that a rook on `square` attacks."""
    first = np.uint64(square) & RANK_MASK
    inner = np.int64((occupied >> (first + ONE)) & SIX_BITS)
    return _slide(square, occupied, _FILE[square]) | (np.uint64(_RANK[square & 7, inner]) << first)


@inner_kernel
def knights_attack(knights: np.uint64) -> np.uint64:
    """Return the squares attacked by any of `knights`."""
    near = ((knights >> ONE) & ~FILE_H) | ((knights << ONE) & ~FILE_A)
    far = ((knights >> TWO) & ~FILES_GH) | ((knights << TWO) & ~FILES_AB)
    return (near << SIXTEEN) | (near >> SIXTEEN) | (far << EIGHT) | (far >> EIGHT)


@inner_kernel
def opponent_pawns_attack(pawns: np.uint64) -> np.uint64:
    """Return the squares attacked by any of the opponent's `pawns`, which move down the board.

    These are also the squares from which the mover's own pawns would attack `pawns`.
    """
    return ((pawns >> NINE) & ~FILE_H) | ((pawns >> SEVEN) & ~FILE_A)


@inner_kernel
def all_attacks(
    them: np.uint64,
    occupied: np.uint64,
    pawns: np.uint64,
    knights: np.uint64,
    diagonal: np.uint64,
    straight: np.uint64,
    kings: np.uint64,
) -> np.uint64:
    """Return the squares that the opponent's pieces `them` attack, including those of its own pieces; `occupied` block sliders.

    `diagonal` are bishops and queens, `straight` rooks and queens, each of both colours like the other piece bitboards.
    """
    attacked = opponent_pawns_attack(pawns & them) | knights_attack(knights & them) | KING[lowest(kings & them)]
    sliders = diagonal & them
    while sliders:
        attacked |= bishop_attacks(lowest(sliders), occupied)
        sliders &= sliders - ONE
    sliders = straight & them
    while sliders:
        attacked |= rook_attacks(lowest(sliders), occupied)
        sliders &= sliders - ONE
    return attacked
