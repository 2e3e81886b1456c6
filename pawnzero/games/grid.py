"""How boards of x and o are written, read and drawn (tic-tac-toe, connect four).

A board is its rows from the top, ``/`` between them, ``x`` for player 0's pieces, ``o`` for player 1's and ``.`` for empty
cells; then the side to move: ``x.o/.../... x``. The side may be left out, since the pieces tell it.
"""

from __future__ import annotations

from typing import List, Tuple

from pawnzero.errors import UsageError

SIDES = "xo"


def read_board(text: str, rows: int, columns: int) -> Tuple[int, int]:
    """The pieces of x and of o as bitboards, the first written row at bits 0 to `columns` - 1, the next 8 bits on.

    Raises UsageError that quotes the text and counts characters from 1.
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
    """The text that `read_board` reads back."""
    side = SIDES[_count(pieces[0]) - _count(pieces[1])]
    return "/".join(_rows(pieces, rows, columns)) + " " + side


def draw_board(pieces: Tuple[int, int], rows: int, columns: int, labels: str) -> str:
    """The board as lines for people, the first row on top, `labels` under the columns."""
    lines = [" ".join(row) for row in _rows(pieces, rows, columns)]
    return "\n".join(lines + [" ".join(labels)] if labels else lines)


def _rows(pieces: Tuple[int, int], rows: int, columns: int) -> List[str]:
    return ["".join(_symbol(pieces, 8 * row + column) for column in range(columns)) for row in range(rows)]


def _symbol(pieces: Tuple[int, int], bit: int) -> str:
    return "x" if pieces[0] >> bit & 1 else "o" if pieces[1] >> bit & 1 else "."


def _count(word: int) -> int:
    return bin(word).count("1")
