"""Positions that earlier games reached, with the moves before them, as starting points for new games."""

from __future__ import annotations

from typing import Optional, Tuple

import numpy as np

from pawnzero.bits import scrambled
from pawnzero.games.line import Line
from pawnzero.replay.ring import Ring
from pawnzero.replay.rows import CONTEXT, intact

_DRAWS = 64
"""Rows examined before a draw gives up."""


class Archive:
    """The positions in a frozen window of a ring; a number always gives the same line while its rows are in the file.

    Positions that were given to a game rather than played in it, from the archive or by random moves, are not drawn.

    Restarting from archived positions: Trudeau and Bowling, "Targeted search control in AlphaZero" (Go-Exploit), 2023.
    """

    def __init__(self, ring: Ring, window: Tuple[int, int]) -> None:
        self._ring = ring
        self._window = window

    def __call__(self, number: int) -> Optional[Line]:
        """Return the line that leads to the position chosen by `number` (0 or more).

        It begins at the start of its game, or of the window if that is later; plies and repetitions count from there. None if
        its rows are overwritten or damaged, or if hardly any position in the window was played.
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
        while rows[-1]["ply"] > 0 and rows[-1]["sequence"] > first:  # earlier rows may be overwritten by the next call
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
