"""Tables of a board's symmetries, and the kernel that applies them to encoded positions.

Symmetry k of a game maps cell c to ``cell_map[k, c]`` and action a to ``action_map[k, a]``; symmetry 0 is the identity.
"""

from __future__ import annotations

import numpy as np

from pawnzero.bits import lowest
from pawnzero.native import kernel

_ZERO = np.uint64(0)
_ONE = np.uint64(1)


def mirrored(columns: int) -> np.ndarray:
    """Return the cell maps of the identity and the left-right reflection: [2, 64] uint8. Cells off the board are not moved."""
    maps = np.tile(np.arange(64, dtype=np.uint8), (2, 1))
    rows = np.arange(0, 64, 8)[:, np.newaxis]
    maps[1, rows + np.arange(columns)] = rows + np.arange(columns)[::-1]
    return maps


def square(side: int) -> np.ndarray:
    """Return the cell maps of all 8 symmetries of a square board: [8, 64] uint8. Cells off the board are not moved."""
    maps = np.tile(np.arange(64, dtype=np.uint8), (8, 1))
    cells = 8 * np.arange(side)[:, np.newaxis] + np.arange(side)
    for k in range(8):
        turned = np.rot90(cells, k % 4)
        maps[k, cells] = turned if k < 4 else turned.T
    return maps


@kernel
def turn(
    bits: np.ndarray, legal: np.ndarray, count: np.ndarray, which: np.ndarray, cell_map: np.ndarray, action_map: np.ndarray
) -> None:
    """Apply a symmetry to each position, in place.

    bits [B, P] uint64 are changed, and the first count [B] of each row of legal [B, M] int16. which [B] uint8 is the symmetry
    of each position; cell_map [K, 64] uint8 and action_map [K, A] int16 are the game's. Arrays in the order of `legal`, such as
    a policy, need no change.
    """
    for b in range(len(which)):
        k = which[b]
        if k == 0:
            continue
        for plane in range(bits.shape[1]):
            left = bits[b, plane]
            turned = _ZERO
            while left != _ZERO:
                turned |= _ONE << np.uint64(cell_map[k, lowest(left)])
                left &= left - _ONE
            bits[b, plane] = turned
        for i in range(count[b]):
            legal[b, i] = action_map[k, legal[b, i]]
