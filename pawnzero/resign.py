"""When giving a game up is safe, as measured on games in which nobody was allowed to."""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

import numpy as np

from pawnzero.errors import PawnzeroError
from pawnzero.games.base import Game
from pawnzero.records import GameRecord

_MOST_OUTLOOKS = 1000
"""Older ones are of other nets."""
_MOST_HOPELESS = 0.5
"""Nobody gives up who expects to score so much."""
_STEP = 1e-5
"""Scores are kept to five places."""
_Z = 1.645
"""One-sided 95 %."""


class Outlooks:
    """The worst that each player of the newest played-on games thought of its chances, and whether it lost.

    The threshold follows AlphaGo Zero (Silver et al., Nature 2017): as high as it can be while of those who would resign no
    more than a given share would not lose. Of few that share is not known, so that it is its upper bound that counts.
    """

    def __init__(self, state: Any = ()) -> None:
        """state: what `state` gave. Raises PawnzeroError for anything else."""
        if not isinstance(state, (list, tuple)) or not all(map(_is_outlook, state)):
            raise PawnzeroError("expected pairs of an expected score and whether the game was lost")
        self._outlooks: List[Tuple[float, bool]] = [(float(worst), lost) for worst, lost in state[-_MOST_OUTLOOKS:]]

    def state(self) -> List[Tuple[float, bool]]:
        """Everything known, as plain values: (lowest expected score, lost), oldest first."""
        return self._outlooks

    def add(self, record: GameRecord, game: Game) -> None:
        """Take in a finished game; one in which somebody could resign says nothing."""
        if not record.played_on:
            return
        score = record.root_wdl[record.context :, 0] + record.root_wdl[record.context :, 1] / 2
        first = game.player(record.states[record.context])
        for offset in (0, 1):
            own = score[offset::2]
            if len(own):
                result = record.result if (first + offset) % 2 == 0 else -record.result
                self._outlooks.append((round(float(own.min()), 5), result < 0))
        del self._outlooks[:-_MOST_OUTLOOKS]

    def threshold(self, false_positives: float) -> float:
        """The expected score below which to resign; 0 (never) while too few hopeless players are known.

        Just above a score that was seen, so that of those below it no more than a share `false_positives` did not lose, by the
        upper end of Wilson's interval (one-sided, 95 %): with a share of 0.03 at least 88 of them. The highest such score is
        taken, so that the bound holds a little less often than that.
        """
        ordered = sorted(self._outlooks)
        scores = np.array([worst for worst, _ in ordered])
        held = np.concatenate([[0], np.cumsum([not lost for _, lost in ordered])])
        seen = np.unique(scores[scores < _MOST_HOPELESS])
        below = np.searchsorted(scores, seen, side="right")  # how many have no more than each of the scores
        safe = np.flatnonzero(_upper_bound(held[below], below) <= false_positives)
        return round(float(seen[safe[-1]]) + _STEP, 5) if len(safe) else 0.0

    def to_json(self, threshold: float) -> Dict[str, Any]:
        """What resigning below `threshold` would have done to the played-on games."""
        below = [lost for worst, lost in self._outlooks if worst < threshold]
        return {
            "threshold": threshold,
            "games_played_on": len(self._outlooks) // 2,
            "would_resign": len(below),
            "false_positive_rate": round(below.count(False) / len(below), 4) if below else None,
        }


def _upper_bound(count: np.ndarray, of: np.ndarray) -> np.ndarray:
    """The upper end of Wilson's interval for a share of which `count` of so many were seen; 1 where there are none."""
    n, z2 = np.maximum(of, 1), _Z * _Z
    share = count / n
    bound = (share + z2 / (2 * n) + _Z * np.sqrt(share * (1 - share) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    return np.where(of > 0, bound, 1.0)


def _is_outlook(value: Any) -> bool:
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        return False
    worst, lost = value
    if not isinstance(lost, bool) or isinstance(worst, bool) or not isinstance(worst, (int, float)):
        return False
    return 0.0 <= round(worst, 2) <= 1.0  # a WDL may sum to a little more than 1
