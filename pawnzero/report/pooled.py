"""What several matches say together: their pairs are counted as one match's, and so are the games without a pair."""

from __future__ import annotations

from typing import Any, List, Mapping, Optional, Sequence

from pawnzero.stats import OUTCOMES, Estimate, estimate, pair_points


def pooled(matches: Sequence[Mapping[str, Any]]) -> Optional[Estimate]:
    """The score of all games of `matches` (rows of arena.csv) with its interval; None where no row tells of a pair.

    A single game that is in none of a match's pairs is taken for an odd last one, which is evidence; more than one are taken
    for repeats, which count in the score alone. (The rows do not tell an odd last game from repeats beside it.)
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
    """Pentanomial counts of a match; zeros where it does not tell them."""
    counts = row.get("pairs")
    return counts if isinstance(counts, list) and len(counts) == OUTCOMES else [0] * OUTCOMES
