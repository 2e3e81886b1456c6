"""When resigning is safe, measured on games in which nobody was allowed to resign."""

from __future__ import annotations

from typing import Any, Dict, List, Sequence, Tuple

import numpy as np

from pawnzero.errors import PawnzeroError
from pawnzero.games.base import Game
from pawnzero.selfplay.records import GameRecord
from pawnzero.wilson import Z_95_ONE_SIDED, wilson

_MOST_OUTLOOKS = 1000
"""Number of newest entries kept: older ones come from other nets."""
_MOST_HOPELESS = 0.5
"""Nobody resigns with an expected score of this much or more."""
_STEP = 1e-5
"""Scores are rounded to five decimals."""


def outlooks_of(record: GameRecord, game: Game) -> List[Tuple[float, bool]]:
    """Return (lowest expected score, lost) for each player of a finished game; nothing if players could resign in it.

    Only searches after which a player may resign count: the first search of a game is not one of them (see `Table`).
    """
    if not record.played_on:
        return []
    first = record.context + 1
    score = record.root_wdl[first:, 0] + record.root_wdl[first:, 1] / 2
    found = []
    for offset, own in ((0, score[0::2]), (1, score[1::2])):
        if len(own):
            mover = (game.player(record.states[first]) + offset) % 2
            result = record.result if mover == 0 else -record.result
            found.append((round(float(own.min()), 5), result < 0))
    return found


class Outlooks:
    """The lowest expected score of each player of the newest games without resignation, and whether that player lost.

    The threshold follows AlphaGo Zero (Silver et al., Nature 2017): as high as possible while, of the players who would resign,
    no more than a given share would not have lost. With few players that share is uncertain, so its upper confidence bound is
    used.
    """

    def __init__(self, state: Any = ()) -> None:
        """state: a value returned by `state`. Raises PawnzeroError for anything else."""
        if not isinstance(state, (list, tuple)) or not all(map(_is_outlook, state)):
            raise PawnzeroError("expected triples of an expected score, whether the game was lost, and the game's id")
        newest = state[-_MOST_OUTLOOKS:]
        self._outlooks: List[Tuple[float, bool, int]] = [(float(worst), lost, game_id) for worst, lost, game_id in newest]

    def state(self) -> List[Tuple[float, bool, int]]:
        """Return everything as plain values: (lowest expected score, lost, game id), oldest first."""
        return self._outlooks

    def add(self, game_id: int, outlooks: Sequence[Tuple[float, bool]]) -> None:
        """Add the result of `outlooks_of` for a game, replacing any earlier entry for it."""
        if outlooks:
            others = [known for known in self._outlooks if known[2] != game_id]
            self._outlooks = (others + [(worst, lost, game_id) for worst, lost in outlooks])[-_MOST_OUTLOOKS:]

    def threshold(self, false_positives: float) -> float:
        """Return the expected score below which to resign; 0 (never) while too few hopeless players are known.

        It is just above an observed score such that, of the players at or below that score, no more than a share
        `false_positives` did not lose, by the upper end of Wilson's interval (one-sided, 95 %): with a share of 0.03 that takes
        at least 88 players. Because the highest such score is taken, the bound holds a little less often than in 95 % of cases.
        """
        ordered = sorted(self._outlooks)
        scores = np.array([worst for worst, *_ in ordered])
        held = np.concatenate([[0], np.cumsum([not lost for _, lost, _ in ordered])])
        seen = np.unique(scores[scores < _MOST_HOPELESS])
        below = np.searchsorted(scores, seen, side="right")  # how many are at or below each score
        safe = np.flatnonzero(wilson(held[below], below, Z_95_ONE_SIDED)[1] <= false_positives)
        return round(float(seen[safe[-1]]) + _STEP, 5) if len(safe) else 0.0

    def to_json(self, threshold: float) -> Dict[str, Any]:
        """What resigning below `threshold` would have done in the games without resignation.

        games_played_on: how many games are known; would_resign: how many of their players, up to two a game;
        false_positive_rate: the share of those that did not lose, None if there are none.
        """
        below = [lost for worst, lost, _ in self._outlooks if worst < threshold]
        return {
            "threshold": threshold,
            "games_played_on": len({game_id for *_, game_id in self._outlooks}),
            "would_resign": len(below),
            "false_positive_rate": round(below.count(False) / len(below), 4) if below else None,
        }


def _is_outlook(value: Any) -> bool:
    if not isinstance(value, (list, tuple)) or len(value) != 3:
        return False
    worst, lost, game_id = value
    if not isinstance(lost, bool) or isinstance(worst, bool) or not isinstance(worst, (int, float)):
        return False
    if isinstance(game_id, bool) or not isinstance(game_id, int):
        return False
    return 0.0 <= round(worst, 2) <= 1.0  # a WDL may sum to slightly more than 1
