"""Positions that earlier games reached, with what came before them, for games that begin where another once stood."""

from __future__ import annotations

from typing import Optional, Tuple

import numpy as np

from pawnzero.bits import scrambled
from pawnzero.games.line import Line
from pawnzero.replay.ring import Ring
from pawnzero.replay.rows import CONTEXT, intact

_DRAWS = 64
"""Rows that are looked at before there is said to be none."""


class Archive:
    """The positions in a frozen window of a ring: the same number gives the same line while its rows stand in the file.

    What a game was only given to begin with, another game's positions or random moves, is not drawn.

    Restarting from archived positions: Trudeau and Bowling, "Targeted search control in AlphaZero" (Go-Exploit), 2023.
    """

    def __init__(self, ring: Ring, window: Tuple[int, int]) -> None:
        self._ring = ring
        self._window = window

    def __call__(self, number: int) -> Optional[Line]:
        """The line that leads to a position chosen by `number` (0 or more); None where its rows are gone or damaged, or where
        next to none was played.

        It begins at the start of that game, or where the window does.
        """
        first, last = self._window
        for _ in range(_DRAWS):
            row = self._row(first + number % (last - first + 1))
            if row is None:
                return None
            if not row["flags"] & CONTEXT:
                break
            number = int(scrambled(np.uint64(number)))
        else:
            return None
        rows = [row]
        while rows[-1]["ply"] > 0 and rows[-1]["sequence"] > first:  # what lies before may be gone at the next asking
            earlier = self._row(int(rows[-1]["sequence"]) - 1)
            if earlier is None or earlier["game_id"] != row["game_id"]:
                break
            rows.append(earlier)
        rows.reverse()
        return Line.from_actions(self._ring.game, [int(r["action"]) for r in rows[:-1]], rows[0]["state"].copy())

    def _row(self, sequence: int) -> Optional[np.void]:
        ring = self._ring
        if not ring.oldest <= sequence <= ring.newest:
            return None
        words = ring.words[(sequence - ring.base) % ring.capacity].copy()
        row: np.void = words.view(ring.row_type)[0]
        return row if intact(words) and int(row["sequence"]) == sequence else None
