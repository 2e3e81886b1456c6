"""When giving a game up is safe, as measured on games in which nobody was allowed to."""

from __future__ import annotations

from typing import Any, Dict, List, Sequence, Tuple

import numpy as np

from pawnzero.errors import PawnzeroError
from pawnzero.games.base import Game
from pawnzero.records import GameRecord
from pawnzero.shares import Z_95_ONE_SIDED, wilson

_MOST_OUTLOOKS = 1000
"""Older ones are of other nets."""
_MOST_HOPELESS = 0.5
"""Nobody gives up who expects to score so much."""
_STEP = 1e-5
"""Scores are kept to five places."""


def outlooks_of(record: GameRecord, game: Game) -> List[Tuple[float, bool]]:
    """(lowest expected score, lost) of each player of a finished game; nothing of one in which somebody could resign.

    Only searches count after which a player may resign: the first search of a game is none of them (see `Table`).
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
    """The worst that each player of the newest played-on games thought of its chances, and whether it lost.

    The threshold follows AlphaGo Zero (Silver et al., Nature 2017): as high as it can be while of those who would resign no
    more than a given share would not lose. Of few that share is not known, so that it is its upper bound that counts.
    """

    def __init__(self, state: Any = ()) -> None:
        """state: what `state` gave. Raises PawnzeroError for anything else."""
        if not isinstance(state, (list, tuple)) or not all(map(_is_outlook, state)):
            raise PawnzeroError("expected triples of an expected score, whether the game was lost, and the game's id")
        newest = state[-_MOST_OUTLOOKS:]
        self._outlooks: List[Tuple[float, bool, int]] = [(float(worst), lost, game_id) for worst, lost, game_id in newest]

    def state(self) -> List[Tuple[float, bool, int]]:
        """Everything known, as plain values: (lowest expected score, lost, the game's id), oldest first."""
        return self._outlooks

    def add(self, game_id: int, outlooks: Sequence[Tuple[float, bool]]) -> None:
        """Take in what `outlooks_of` gave of a game, in place of what is known of it already."""
        if outlooks:
            others = [known for known in self._outlooks if known[2] != game_id]
            self._outlooks = (others + [(worst, lost, game_id) for worst, lost in outlooks])[-_MOST_OUTLOOKS:]

    def threshold(self, false_positives: float) -> float:
        """The expected score below which to resign; 0 (never) while too few hopeless players are known.

        Just above a score that was seen, so that of those below it no more than a share `false_positives` did not lose, by the
        upper end of Wilson's interval (one-sided, 95 %): with a share of 0.03 at least 88 of them. The highest such score is
        taken, so that the bound holds a little less often than that.
        """
        ordered = sorted(self._outlooks)
        scores = np.array([worst for worst, *_ in ordered])
        held = np.concatenate([[0], np.cumsum([not lost for _, lost, _ in ordered])])
        seen = np.unique(scores[scores < _MOST_HOPELESS])
        below = np.searchsorted(scores, seen, side="right")  # how many have no more than each of the scores
        safe = np.flatnonzero(wilson(held[below], below, Z_95_ONE_SIDED)[1] <= false_positives)
        return round(float(seen[safe[-1]]) + _STEP, 5) if len(safe) else 0.0

    def to_json(self, threshold: float) -> Dict[str, Any]:
        """What resigning below `threshold` would have done to the played-on games."""
        below = [lost for worst, lost, _ in self._outlooks if worst < threshold]
        return {
            "threshold": threshold,
            "games_played_on": len(self._outlooks) // 2,
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
    return 0.0 <= round(worst, 2) <= 1.0  # a WDL may sum to a little more than 1
