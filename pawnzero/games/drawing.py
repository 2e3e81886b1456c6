"""Split a drawn board into the symbol on each square and the labels beside the rows and below the columns."""

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

    rows, columns: size of the board
    men:           one symbol per square, row by row from the top; "." for an empty square
    left, below:   labels beside each row and below each column; "" if there is none
    """

    rows: int
    columns: int
    men: List[str]
    left: List[str]
    below: List[str]


def drawing(game: Game, state: np.ndarray) -> Drawing:
    """Split the output of `Game.draw`.

    If it does not have the board's rows and columns, return one square that holds all its text.
    """
    rows, columns = game.board_shape
    lines = [line.split() for line in game.draw(state).splitlines() if line.strip()]
    if len(lines) < rows or any(len(line) < columns for line in lines[:rows]):
        return Drawing(1, 1, ["\N{NO-BREAK SPACE}".join(word for line in lines for word in line)], [""], [""])
    left = [" ".join(line[: len(line) - columns]) for line in lines[:rows]]
    below = lines[rows][-columns:] if len(lines) > rows else [""] * columns
    men = [man for line in lines[:rows] for man in line[len(line) - columns :]]
    return Drawing(rows, columns, men, left, below)
