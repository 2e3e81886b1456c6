"""Pooling several matches: their game pairs count as those of one match, and so do games without a pair."""

from __future__ import annotations

from typing import Any, List, Mapping, Optional, Sequence

from pawnzero.arena.stats import OUTCOMES, Estimate, estimate, pair_points


def pooled(matches: Sequence[Mapping[str, Any]]) -> Optional[Estimate]:
    """The score of all games of `matches` (rows of arena.csv) with its interval; None if no row has a pair.

    If exactly one game of a match is in no pair, it is taken for an odd last game, which is evidence. If there are more, they
    are taken for repeats, which count towards the score only. (The rows do not distinguish an odd last game among repeats.)
    """
    told = [_pairs(row) for row in matches]
    pairs = [sum(counts) for counts in zip(*told)]
    if not sum(pairs):
        return None
    singles, points = 0, 0.0
    for row, counts in zip(matches, told):
        if row["games"] - 2 * sum(counts) == 1:
            singles += 1
            points += min(max(row["score"] * row["games"] - pair_points(counts), 0.0), 1.0)
    score = sum(row["score"] * row["games"] for row in matches) / sum(row["games"] for row in matches)
    return estimate(pairs, singles, points, score=min(max(score, 0.0), 1.0))


def _pairs(row: Mapping[str, Any]) -> List[int]:
    """A match's pentanomial counts; zeros if the row does not have them."""
    counts = row.get("pairs")
    return counts if isinstance(counts, list) and len(counts) == OUTCOMES else [0] * OUTCOMES
