"""Tic-tac-toe: three in a row on a 3 × 3 board.

Cells as actions (left) and as bits of a bitboard (right); people number them from 1 in the same order:

    0 1 2         0  1  2
    3 4 5         8  9 10
    6 7 8        16 17 18

State words and notation are those of `pawnzero.games.grid`.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from pawnzero.games.base import COMMON_ENDINGS, ONGOING, Positions
from pawnzero.games.grid import BOARD_FULL, LINE, GridGame
from pawnzero.games.symmetry import square
from pawnzero.native import kernel

CELL = np.array([1 << (8 * (cell // 3) + cell % 3) for cell in range(9)], np.uint64)
"""[9] uint64: the bit of each cell."""
LINES = np.array(
    [0x7 << (8 * row) for row in range(3)] + [0x10101 << column for column in range(3)] + [0x040201, 0x010204], np.uint64
)
"""[8] uint64: rows, columns and the two diagonals."""
FULL = np.uint64(0x070707)

CELL_MAP = square(3)
_TURNED = CELL_MAP[:, [8 * (cell // 3) + cell % 3 for cell in range(9)]].astype(np.int16)
ACTION_MAP = _TURNED // 8 * 3 + _TURNED % 8
"""[8, 9] int16: the cell to which each symmetry moves each cell."""


@kernel
def has_line(pieces: np.uint64) -> bool:
    """Return whether a bitboard has three in a row."""
    found = False
    for index in range(len(LINES)):
        found |= pieces & LINES[index] == LINES[index]
    return found


@kernel
def _inspect(
    state: np.ndarray, legal: np.ndarray, count: np.ndarray, ending: np.ndarray, key: np.ndarray, reversible: np.ndarray
) -> None:
    for b in range(len(state)):
        mine = state[b, 0]
        theirs = state[b, 1]
        taken = mine | theirs
        key[b] = mine | theirs << np.uint64(32)
        reversible[b] = 0
        count[b] = 0
        if has_line(theirs):
            ending[b] = LINE
        elif taken == FULL:
            ending[b] = BOARD_FULL
        else:
            ending[b] = ONGOING
            n = 0
            for cell in range(9):
                if taken & CELL[cell] == np.uint64(0):
                    legal[b, n] = cell
                    n += 1
            count[b] = n


@kernel
def _step(states: np.ndarray, actions: np.ndarray, state: np.ndarray) -> None:
    for b in range(len(states)):
        mine = states[b, 0] | CELL[actions[b]]
        state[b, 0] = states[b, 1]
        state[b, 1] = mine


class TicTacToe(GridGame):
    """The rules of tic-tac-toe; see the module docstring for cells."""

    name = "tic_tac_toe"
    num_actions = 9
    max_legal = 9
    order_version = 1

    board_shape = (3, 3)
    policy_index: ClassVar[np.ndarray] = np.arange(9, dtype=np.int32)

    symmetries = 8
    cell_map: ClassVar[np.ndarray] = CELL_MAP
    action_map: ClassVar[np.ndarray] = ACTION_MAP

    endings = COMMON_ENDINGS + ("three in a row", "board full")

    def step(self, states: np.ndarray, actions: np.ndarray, out: Positions) -> None:
        assert len(states) == len(actions) == len(out), "a batch's arrays differ in length"
        _step(states, actions, out.state)
        self.inspect(out)

    def inspect(self, positions: Positions) -> None:
        p = positions
        _inspect(p.state, p.legal, p.count, p.ending, p.key, p.reversible)


GAME = TicTacToe()
