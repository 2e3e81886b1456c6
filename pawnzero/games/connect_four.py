"""Connect four: pieces fall down seven columns of six cells; four in a row wins.

Bits of a bitboard, row 0 at the bottom. The eighth bit of each row and all bits from 48 up are never set, so shifts by 1, 7, 8
and 9 walk along rows, diagonals and columns without wrapping from one edge of the board to the other:

    40 41 42 43 44 45 46
    …
     8  9 10 11 12 13 14
     0  1  2  3  4  5  6

An action is a column, 0 to 6. `parse` also accepts a position as the columns played from the start (``44455``); `format` always
writes it in the form described in `pawnzero.games.grid`, because a position does not hold the order of moves.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from pawnzero.bits import lowest, popcount
from pawnzero.errors import UsageError
from pawnzero.games.base import COMMON_ENDINGS, NO_ACTION, ONGOING, Positions
from pawnzero.games.grid import BOARD_FULL, LINE, GridGame
from pawnzero.games.symmetry import mirrored
from pawnzero.native import kernel

ROWS = 6
COLUMNS = 7

BOTTOM = np.uint64(0x7F)
FULL = np.uint64(0x7F7F7F7F7F7F)
COLUMN = np.uint64(0x010101010101)
ZERO = np.uint64(0)
ROW_UP = np.uint64(8)
DIRECTIONS = np.array([1, 7, 8, 9], np.uint64)
"""[4] uint64: the shift to the next cell to the right, up and to the left, up, up and to the right."""


@kernel
def has_four(pieces: np.uint64) -> bool:
    """Return whether a bitboard has four in a row."""
    for index in range(len(DIRECTIONS)):
        shift = DIRECTIONS[index]
        pairs = pieces & (pieces >> shift)
        if pairs & (pairs >> (shift + shift)) != ZERO:
            return True
    return False


@kernel
def landing(taken: np.uint64) -> np.uint64:
    """Return the cell above each column's pieces as a bitboard; row 6, above the board, for a full column."""
    return ((taken << ROW_UP) | BOTTOM) & ~taken


@kernel
def threats(pieces: np.uint64) -> np.uint64:
    """Return the cells that would complete four in a row for these pieces, as a bitboard.

    Allis calls such a cell a threat if it is empty ("A Knowledge-based Approach of Connect-Four", 1988). The result also
    contains occupied cells and some off the board: mask it with the empty ones.
    """
    cells = ZERO
    for index in range(len(DIRECTIONS)):
        shift = DIRECTIONS[index]
        ahead = pieces >> shift
        behind = pieces << shift
        two_ahead = ahead & (ahead >> shift)
        two_behind = behind & (behind << shift)
        cells |= (two_ahead & ((ahead >> (shift + shift)) | behind)) | (two_behind & ((behind << (shift + shift)) | ahead))
    return cells


@kernel
def _inspect(
    state: np.ndarray, legal: np.ndarray, count: np.ndarray, ending: np.ndarray, key: np.ndarray, reversible: np.ndarray
) -> None:
    for b in range(len(state)):
        taken = state[b, 0] | state[b, 1]
        free = landing(taken)
        # The landing cells give each column's height, the bits below them the mover's pieces: no two positions share a key.
        key[b] = state[b, 0] | free
        reversible[b] = 0
        count[b] = 0
        if has_four(state[b, 1]):
            ending[b] = LINE
        elif taken == FULL:
            ending[b] = BOARD_FULL
        else:
            ending[b] = ONGOING
            playable = free & FULL
            n = 0
            for column in range(COLUMNS):
                if playable & (COLUMN << np.uint64(column)) != ZERO:
                    legal[b, n] = column
                    n += 1
            count[b] = n


@kernel
def _step(states: np.ndarray, actions: np.ndarray, state: np.ndarray) -> None:
    for b in range(len(states)):
        mine = states[b, 0]
        theirs = states[b, 1]
        column = np.uint64(0x01010101010101) << np.uint64(actions[b])
        state[b, 0] = theirs
        state[b, 1] = mine | (landing(mine | theirs) & column)


@kernel
def _encode(history: np.ndarray, bits: np.ndarray, scalars: np.ndarray) -> None:
    for b in range(len(history)):
        mine = history[b, 0, 0]
        theirs = history[b, 0, 1]
        free = FULL & ~(mine | theirs)
        bits[b, 0] = mine
        bits[b, 1] = theirs
        bits[b, 2] = threats(mine) & free
        bits[b, 3] = threats(theirs) & free
        scalars[b, 0] = 1.0
        scalars[b, 1] = popcount(mine | theirs) & 1


@kernel
def _win(states: np.ndarray, legal: np.ndarray, count: np.ndarray, found: np.ndarray) -> None:
    for b in range(len(states)):
        found[b] = NO_ACTION
        winning = threats(states[b, 0]) & landing(states[b, 0] | states[b, 1])
        for i in range(count[b]):
            if winning & (COLUMN << np.uint64(legal[b, i])) != ZERO:
                found[b] = legal[b, i]
                break


class ConnectFour(GridGame):
    """The rules of connect four; see the module docstring for cells and notation."""

    name = "connect_four"
    place_name = "column"
    labels = "1234567"
    top_row_first = False
    num_actions = COLUMNS
    max_legal = COLUMNS
    order_version = 1

    board_shape = (ROWS, COLUMNS)
    # The mover's pieces, the opponent's; then the threats of each, reachable yet or not. The threats follow from the rules, but
    # a net of few 3 × 3 convolutions learns less in the same time if it has to find them itself
    # (docs/experiments/connect_four.md).
    bit_planes = 4
    # Ones, to show a convolution where the board ends; and 1 if player 1 is to move: who moved first decides who wins the
    # fight over the last empty cells, and a convolution would have to count all pieces to know it.
    scalar_planes = 2
    plane_scale: ClassVar[np.ndarray] = np.ones(6, np.float32)
    # A column's logit is read at its third cell: no cell of the column is more than three rows away, so even a net of a few
    # 3 × 3 convolutions sees the whole column from there.
    policy_index: ClassVar[np.ndarray] = np.arange(2 * COLUMNS, 3 * COLUMNS, dtype=np.int32)

    symmetries = 2  # the identity and the left-right reflection
    cell_map: ClassVar[np.ndarray] = mirrored(COLUMNS)
    action_map: ClassVar[np.ndarray] = np.stack([np.arange(COLUMNS), np.arange(COLUMNS)[::-1]]).astype(np.int16)

    endings = COMMON_ENDINGS + ("four in a row", "board full")

    def step(self, states: np.ndarray, actions: np.ndarray, out: Positions) -> None:
        assert len(states) == len(actions) == len(out), "a batch's arrays differ in length"
        _step(states, actions, out.state)
        self.inspect(out)

    def inspect(self, positions: Positions) -> None:
        p = positions
        _inspect(p.state, p.legal, p.count, p.ending, p.key, p.reversible)

    def wins_at_once(self, positions: Positions) -> np.ndarray:
        found = np.empty(len(positions), np.int16)
        _win(positions.state, positions.legal, positions.count, found)
        return found

    def encode(
        self, history: np.ndarray, repeated: np.ndarray, length: np.ndarray, bits: np.ndarray, scalars: np.ndarray
    ) -> None:
        _encode(history, bits, scalars)

    def parse(self, text: str) -> np.ndarray:
        if "/" not in text and text != "startpos":
            return self._parse_columns(text)
        state = super().parse(text)
        taken = state[0] | state[1]
        floating = taken & ~(taken << ROW_UP | BOTTOM)
        if floating:
            row, column = divmod(int(lowest(floating)), 8)
            raise UsageError(
                f"position {text!r}: nothing lies under the piece in column {column + 1}, row {row + 1} from below"
            )
        return state

    def _parse_columns(self, text: str) -> np.ndarray:
        """Return the position after the columns played. Raises UsageError that quotes the text and counts characters from 1."""
        positions = self.look(self.initial())
        for index, char in enumerate(text):
            where = f"position {text!r}: character {index + 1}"
            if char not in "1234567":
                raise UsageError(f"{where} is {char!r}, expected a column from 1 to 7")
            if positions.ending[0] != ONGOING:
                raise UsageError(f"{where} comes after the game has ended ({self.endings[positions.ending[0]]})")
            action = int(char) - 1
            if action not in positions.legal[0, : positions.count[0]]:
                raise UsageError(f"{where} plays column {char}, which is full")
            positions = self.look(self.after(positions.state[0], action))
        state: np.ndarray = positions.state[0]
        return state


GAME = ConnectFour()
