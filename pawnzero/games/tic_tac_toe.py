"""Tic-tac-toe: three in a row on a 3 × 3 board.

Cells, as actions and as bits of a bitboard; people number them from 1 in the same order:

    0 1 2         0  1  2
    3 4 5         8  9 10
    6 7 8        16 17 18

A position is two words: the mover's pieces and the opponent's; they change places with every move. Player 0 is x.
Positions are written as `pawnzero.games.grid` says: ``x.o/.../... x``; ``startpos`` or nothing is the empty board.
"""

from __future__ import annotations

from typing import ClassVar, Tuple

import numpy as np

from pawnzero.bits import popcount
from pawnzero.errors import UsageError
from pawnzero.games.base import COMMON_ENDING_VALUES, COMMON_ENDINGS, FIRST_OWN_ENDING, ONGOING, Game, Positions
from pawnzero.games.grid import draw_board, read_board, write_board
from pawnzero.games.symmetry import square
from pawnzero.native import kernel

LINE = FIRST_OWN_ENDING
BOARD_FULL = FIRST_OWN_ENDING + 1

CELL = np.array([1 << (8 * (cell // 3) + cell % 3) for cell in range(9)], np.uint64)
"""[9] uint64: the cells' bits."""
LINES = np.array(
    [0x7 << (8 * row) for row in range(3)] + [0x10101 << column for column in range(3)] + [0x040201, 0x010204], np.uint64
)
"""[8] uint64: rows, columns and the two diagonals."""
FULL = np.uint64(0x070707)

CELL_MAP = square(3)
_TURNED = CELL_MAP[:, [8 * (cell // 3) + cell % 3 for cell in range(9)]].astype(np.int16)
ACTION_MAP = _TURNED // 8 * 3 + _TURNED % 8
"""[8, 9] int16: where a turned or mirrored board has each cell."""


@kernel
def has_line(pieces: np.uint64) -> bool:
    """Whether a bitboard holds three in a row."""
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


class TicTacToe(Game):
    """The rules of tic-tac-toe; see the module's text for cells and words."""

    name = "tic_tac_toe"
    state_words = 2
    num_actions = 9
    max_legal = 9
    order_version = 1
    max_reversible = 0

    board_shape = (3, 3)
    history = 1
    bit_planes = 2  # the mover's pieces, the opponent's
    scalar_planes = 1  # ones, by which a convolution sees where the board ends
    plane_scale: ClassVar[np.ndarray] = np.ones(3, np.float32)
    policy_planes = 1
    policy_index: ClassVar[np.ndarray] = np.arange(9, dtype=np.int32)

    symmetries = 8
    cell_map: ClassVar[np.ndarray] = CELL_MAP
    action_map: ClassVar[np.ndarray] = ACTION_MAP

    endings = COMMON_ENDINGS + ("line", "board full")
    ending_values: ClassVar[np.ndarray] = np.array(COMMON_ENDING_VALUES + (-1, 0), np.int8)

    def initial(self) -> np.ndarray:
        return np.zeros(2, np.uint64)

    def step(self, states: np.ndarray, actions: np.ndarray, out: Positions) -> None:
        assert len(states) == len(actions) == len(out), "a batch's arrays differ in length"
        _step(states, actions, out.state)
        self.inspect(out)

    def inspect(self, positions: Positions) -> None:
        p = positions
        _inspect(p.state, p.legal, p.count, p.ending, p.key, p.reversible)

    def encode(
        self, history: np.ndarray, repeated: np.ndarray, length: np.ndarray, bits: np.ndarray, scalars: np.ndarray
    ) -> None:
        bits[:] = history[:, 0]
        scalars[:] = 1.0

    def player(self, state: np.ndarray) -> int:
        return int(popcount(state[0]) != popcount(state[1]))

    def parse(self, text: str) -> np.ndarray:
        if text in ("", "startpos"):
            return self.initial()
        pieces = read_board(text, 3, 3)
        state = np.array(pieces, np.uint64)
        if self.player(state) == 1:
            state = state[::-1].copy()
        if has_line(state[0]):
            raise UsageError(f"position {text!r}: the side to move already has three in a row, expected the game to end there")
        return state

    def format(self, state: np.ndarray) -> str:
        return write_board(self._pieces(state), 3, 3)

    def parse_action(self, state: np.ndarray, text: str) -> int:
        positions = self.look(state)
        names = [str(action + 1) for action in positions.legal[0, : positions.count[0]]]
        if text not in names:
            raise UsageError(
                f"move {text!r} in {self.format(state)}: expected a free cell ({', '.join(names) or 'none is left'})"
            )
        return int(text) - 1

    def format_action(self, state: np.ndarray, action: int) -> str:
        return str(int(action) + 1)

    def draw(self, state: np.ndarray) -> str:
        return draw_board(self._pieces(state), 3, 3, "")

    def _pieces(self, state: np.ndarray) -> Tuple[int, int]:
        mine, theirs = int(state[0]), int(state[1])
        return (theirs, mine) if self.player(state) else (mine, theirs)


GAME = TicTacToe()
