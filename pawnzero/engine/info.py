"""Formatting the state of a search as UCI ``info`` lines."""

from __future__ import annotations

import math
from typing import List, Sequence, Tuple

import numpy as np

from pawnzero.games.base import Game
from pawnzero.search.outlook import WDL, MoveOutlook, Outlook
from pawnzero.search.tree import PROVEN_LOSS, PROVEN_WIN

_PAWN, _STEEPNESS = 90.0, 1.5637541897
"""lc0's conversion of values to centipawns (its score type "centipawn"): 90 · tan(1.5637541897 · value)."""


def centipawns(value: float) -> int:
    """A value in [-1, 1] in centipawns; ±12780 at the ends."""
    return round(_PAWN * math.tan(_STEEPNESS * min(1.0, max(-1.0, value))))


def per_mille(wdl: WDL) -> Tuple[int, int, int]:
    """Win, draw and loss in integer thousandths that sum to 1000."""
    win, loss = round(1000 * wdl[0]), round(1000 * wdl[2])
    win = min(win, 1000 - loss)
    return win, 1000 - win - loss, loss


def score(move: MoveOutlook) -> str:
    """``mate N`` for a proven win or loss (in at most N of our moves, as far as was searched), else ``cp N``."""
    if move.proof == PROVEN_WIN:
        return f"mate {(move.plies + 1) // 2}"
    if move.proof == PROVEN_LOSS:
        return f"mate -{move.plies // 2}"
    return f"cp {centipawns(move.value)}"


def info_lines(
    game: Game, state: np.ndarray, outlook: Outlook, *, seconds: float, fill: float, multipv: int, show_wdl: bool
) -> List[str]:
    """An ``info`` line for each of the `multipv` best moves of the searched position, state [S].

    seconds: since the search began; fill: the share of the tree's capacity in use
    """
    per_second = round(outlook.simulations / max(seconds, 1e-3))
    lines = []
    for number, move in enumerate(outlook.moves[:multipv], 1):
        wdl = " wdl {} {} {}".format(*per_mille(move.wdl)) if show_wdl else ""
        lines.append(
            f"info depth {whole_depth(outlook.depth)} seldepth {outlook.deepest} time {round(1000 * seconds)} "
            f"nodes {outlook.simulations} score {score(move)}{wdl} nps {per_second} hashfull {round(1000 * fill)} "
            f"multipv {number} pv {' '.join(written(game, state, move.line))}"
        )
    return lines


def whole_depth(depth: float) -> int:
    """The average depth, rounded, at least 1."""
    return max(1, round(depth))


def written(game: Game, state: np.ndarray, actions: Sequence[int]) -> List[str]:
    """A sequence of actions from state [S], in the game's notation."""
    return [game.format_action(*played) for played in game.walk(state, actions)]
