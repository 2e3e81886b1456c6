"""A board taken apart: which man stands on each square, and what is written beside the rows and under the columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List

import numpy as np

from pawnzero.games.base import Game

EMPTY = "."
"""An empty square."""


@dataclass(frozen=True)
class Drawing:
    """A position as symbols.

    rows, columns: squares of the board
    men:           a symbol a square, row by row from the top; "." for an empty one
    left, below:   what is written beside each row and under each column; "" for nothing
    """

    rows: int
    columns: int
    men: List[str]
    left: List[str]
    below: List[str]


def drawing(game: Game, state: np.ndarray) -> Drawing:
    """What `Game.draw` shows. One that does not have the board's rows and columns becomes one square with all its text."""
    rows, columns = game.board_shape
    lines = [line.split() for line in game.draw(state).splitlines() if line.strip()]
    if len(lines) < rows or any(len(line) < columns for line in lines[:rows]):
        return Drawing(1, 1, ["\N{NO-BREAK SPACE}".join(word for line in lines for word in line)], [""], [""])
    left = [" ".join(line[: len(line) - columns]) for line in lines[:rows]]
    below = lines[rows][-columns:] if len(lines) > rows else [""] * columns
    men = [man for line in lines[:rows] for man in line[len(line) - columns :]]
    return Drawing(rows, columns, men, left, below)
