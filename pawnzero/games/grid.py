"""Base of games of x and o on a grid in which pieces are only added and a line wins (tic-tac-toe, connect four).

A position is two words, the pieces of the player to move and of the opponent; they swap with every move, and the number of
pieces tells which player is to move. Player 0 is x. Actions are cells or columns, which people number from 1.

A position is written as its rows from the top, separated by ``/``, with ``x`` for player 0's pieces, ``o`` for player 1's and
``.`` for empty cells, then the side to move: ``x.o/.../... x``. The side is optional, since the pieces determine it.
``startpos`` or the empty string is the empty board.
"""

from __future__ import annotations

from typing import ClassVar, List, Tuple

import numpy as np

from pawnzero.bits import byteswap, popcount
from pawnzero.errors import UsageError
from pawnzero.games.base import COMMON_ENDING_VALUES, COMMON_ENDINGS, FIRST_OWN_ENDING, Game

SIDES = "xo"

LINE = FIRST_OWN_ENDING
"""Ending code: the player who moved last has a line. A loss for the player to move."""
BOARD_FULL = FIRST_OWN_ENDING + 1
"""Ending code: no cell is empty. A draw."""


class GridGame(Game):
    """What these games share.

    A subclass adds its board, its actions and its rules: `step`, and `inspect`, which ends games with LINE and BOARD_FULL. By
    default a net sees three planes: the mover's pieces, the opponent's, and ones.
    """

    state_words = 2
    max_reversible = 0
    history = 1

    bit_planes = 2
    scalar_planes = 1  # ones, to show a convolution where the board ends
    plane_scale: ClassVar[np.ndarray] = np.ones(3, np.float32)
    policy_planes = 1

    place_name: ClassVar[str] = "cell"
    """What the number of an action counts."""
    labels: ClassVar[str] = ""
    """Labels below the columns of a drawn board."""
    top_row_first: ClassVar[bool] = True
    """Whether row 0 of the bitboards is at the top of the board; otherwise it is at the bottom."""

    endings = COMMON_ENDINGS + ("a line", "board full")
    ending_values: ClassVar[np.ndarray] = np.array(COMMON_ENDING_VALUES + (-1, 0), np.int8)

    def initial(self) -> np.ndarray:
        return np.zeros(2, np.uint64)

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
        state = np.array([self._from_top(pieces) for pieces in read_board(text, *self.board_shape)], np.uint64)
        if self.player(state) == 1:
            state = state[::-1].copy()
        if self.look(state[::-1]).ending[0] == LINE:
            raise UsageError(
                f"position {text!r}: the side to move already has {self.endings[LINE]}, expected the game to end there"
            )
        return state

    def format(self, state: np.ndarray) -> str:
        return write_board(self._written(state), *self.board_shape)

    def parse_action(self, state: np.ndarray, text: str) -> int:
        positions = self.look(state)
        names = [self.format_action(state, action) for action in positions.legal[0, : positions.count[0]]]
        if text not in names:
            raise UsageError(
                f"move {text!r} in {self.format(state)}: expected one of the {self.place_name}s {', '.join(names) or '(none)'}"
            )
        return int(positions.legal[0, names.index(text)])

    def format_action(self, state: np.ndarray, action: int) -> str:
        return str(int(action) + 1)

    def draw(self, state: np.ndarray) -> str:
        return draw_board(self._written(state), *self.board_shape, self.labels)

    def _written(self, state: np.ndarray) -> Tuple[int, int]:
        """The pieces of x and of o as bitboards, top row first."""
        mine, theirs = self._from_top(int(state[0])), self._from_top(int(state[1]))
        return (theirs, mine) if self.player(state) else (mine, theirs)

    def _from_top(self, pieces: int) -> int:
        """Convert a bitboard of this game to top row first, or back."""
        return pieces if self.top_row_first else int(byteswap(np.uint64(pieces))) >> 8 * (8 - self.board_shape[0])


def read_board(text: str, rows: int, columns: int) -> Tuple[int, int]:
    """Parse a board into the pieces of x and of o as bitboards.

    The first written row is at bits 0 to `columns` - 1, the next starts 8 bits higher. Raises UsageError that quotes the text
    and counts characters from 1.
    """
    board, _, side = text.partition(" ")
    pieces = [0, 0]
    for index, char in enumerate(board):
        row, column = divmod(index, columns + 1)
        expected = "/" if column == columns else "xo."
        if row >= rows or (column == columns and row == rows - 1):
            raise UsageError(f"position {text!r}: character {index + 1} is past the end of a {rows} × {columns} board")
        if char not in expected:
            raise UsageError(f"position {text!r}: character {index + 1} is {char!r}, expected one of '{expected}'")
        if char in SIDES:
            pieces[SIDES.index(char)] |= 1 << (8 * row + column)
    if len(board) < rows * (columns + 1) - 1:
        raise UsageError(
            f"position {text!r}: ends at character {len(board)}, expected {rows} rows of {columns} and '/' between"
        )
    lead = _count(pieces[0]) - _count(pieces[1])
    if lead not in (0, 1):
        raise UsageError(
            f"position {text!r}: has {_count(pieces[0])} x and {_count(pieces[1])} o, expected as many or one more x"
        )
    if side and side != SIDES[lead]:
        raise UsageError(
            f"position {text!r}: {side!r} cannot be to move at character {len(board) + 2}, expected {SIDES[lead]!r}"
        )
    return pieces[0], pieces[1]


def write_board(pieces: Tuple[int, int], rows: int, columns: int) -> str:
    """Return the text that `read_board` accepts."""
    side = SIDES[_count(pieces[0]) - _count(pieces[1])]
    return "/".join(_rows(pieces, rows, columns)) + " " + side


def draw_board(pieces: Tuple[int, int], rows: int, columns: int, labels: str) -> str:
    """Return the board as lines of text, first row at the top, with `labels` below the columns."""
    lines = [" ".join(row) for row in _rows(pieces, rows, columns)]
    return "\n".join(lines + [" ".join(labels)] if labels else lines)


def _rows(pieces: Tuple[int, int], rows: int, columns: int) -> List[str]:
    return ["".join(_symbol(pieces, 8 * row + column) for column in range(columns)) for row in range(rows)]


def _symbol(pieces: Tuple[int, int], bit: int) -> str:
    return "x" if pieces[0] >> bit & 1 else "o" if pieces[1] >> bit & 1 else "."


def _count(word: int) -> int:
    return bin(word).count("1")
