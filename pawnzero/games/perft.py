"""Perft for any game: the number of sequences of legal moves of a given length, to compare with published counts.

A game that has ended by its rules has no more moves. Repetition and the maximum length end nothing here, since a position does
not hold them. Chess has a faster count of its own, in which draws do not end the game (`games/chess/perft.py`).
"""

from __future__ import annotations

import numpy as np

from pawnzero.games.base import Game, Positions

_AT_ONCE = 1024


def perft(game: Game, state: np.ndarray, depth: int) -> int:
    """Count the sequences of `depth` legal moves (0 or more) from `state` [S] uint64."""
    return _count(game, game.look(state), depth)


def _count(game: Game, positions: Positions, depth: int) -> int:
    if depth == 0:
        return len(positions)
    if depth == 1:
        return int(positions.count.sum())
    parts = (positions.part(start, min(start + _AT_ONCE, len(positions))) for start in range(0, len(positions), _AT_ONCE))
    return sum(_count(game, game.children(part), depth - 1) for part in parts)
