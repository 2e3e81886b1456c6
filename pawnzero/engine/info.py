"""What the engine says of its search, in the protocol's words."""

from __future__ import annotations

import math
from typing import List, Sequence, Tuple

import numpy as np

from pawnzero.games.base import Game
from pawnzero.search.outlook import WDL, MoveOutlook, Outlook
from pawnzero.search.tree import PROVEN_LOSS, PROVEN_WIN

_PAWN, _STEEPNESS = 90.0, 1.5637541897
"""lc0's scale from values to hundredths of a pawn (its score type "centipawn"): 90 · tan(1.5637541897 · value)."""


def centipawns(value: float) -> int:
    """A value in [-1, 1] as people are used to reading it; ±12780 at the ends."""
    return round(_PAWN * math.tan(_STEEPNESS * min(1.0, max(-1.0, value))))


def per_mille(wdl: WDL) -> Tuple[int, int, int]:
    """Win, draw and loss as whole thousandths that sum to 1000."""
    win, loss = round(1000 * wdl[0]), round(1000 * wdl[2])
    win = min(win, 1000 - loss)
    return win, 1000 - win - loss, loss


def score(move: MoveOutlook) -> str:
    """``mate N`` where a win or loss is proven (in N moves of ours at the latest, so far as was seen), else ``cp N``."""
    if move.proof == PROVEN_WIN:
        return f"mate {(move.plies + 1) // 2}"
    if move.proof == PROVEN_LOSS:
        return f"mate -{move.plies // 2}"
    return f"cp {centipawns(move.value)}"


def info_lines(
    game: Game, state: np.ndarray, outlook: Outlook, *, seconds: float, fill: float, multipv: int, show_wdl: bool
) -> List[str]:
    """The `multipv` best moves of the searched position, state [S], an ``info`` line each.

    seconds: since the search began; fill: share of the tree's room that is used.
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
    """The average depth, rounded, and at least 1."""
    return max(1, round(depth))


def written(game: Game, state: np.ndarray, actions: Sequence[int]) -> List[str]:
    """Actions from state [S] on, in the game's notation."""
    return [game.format_action(*played) for played in game.walk(state, actions)]
