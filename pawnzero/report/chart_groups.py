"""Pooling of neighbouring matches or bars in a chart, where drawing each by itself would be a blot."""

from __future__ import annotations

from typing import Any, Dict, List, Tuple

from pawnzero.report.pooled import pooled
from pawnzero.report.sources import number

_MOST_MATCHES = 120
_MOST_BARS = 300

Layer = Tuple[str, str, List[float]]
"""Name, colour and heights of bars."""


def matches_together(matches: List[Dict[str, Any]]) -> Tuple[int, List[float], List[Dict[str, Any]]]:
    """How many matches make one point, the points' positions (means of `places`), and each point's data (see `_as_one`)."""
    together = -(-len(matches) // _MOST_MATCHES)
    starts, lie = range(0, len(matches), together), places(matches)[1]
    return (
        together,
        [_mean(lie[n : n + together]) for n in starts],
        [_as_one(matches[n : n + together]) for n in starts],
    )


def places(matches: List[Dict[str, Any]]) -> Tuple[str, List[float]]:
    """The unit of the matches' axis, and each match's place on it.

    It is "iteration" if any match has one; a match without one is placed at the last iteration before it. Otherwise it is
    "match", counted from 1.
    """
    told = [number(row.get("iteration")) for row in matches]
    if all(value is None for value in told):
        return "match", [float(place) for place in range(1, len(matches) + 1)]
    found, last = [], 0.0
    for value in told:
        last = last if value is None else value
        found.append(last)
    return "iteration", found


def bars_together(xs: List[int], layers: List[Layer]) -> Tuple[List[int], List[Layer]]:
    """`xs` and `layers` unchanged, or with neighbouring bars merged into their mean if there are very many."""
    together = -(-len(xs) // _MOST_BARS)
    if together <= 1:
        return xs, layers
    starts = range(0, len(xs), together)
    pooled = [(name, colour, [_mean(heights[n : n + together]) for n in starts]) for name, colour, heights in layers]
    return [xs[min(n + together // 2, len(xs) - 1)] for n in starts], pooled


def _as_one(matches: List[Dict[str, Any]]) -> Dict[str, Any]:
    """Neighbouring matches as one: the score of all their games with its interval, and whether any of the nets was promoted."""
    if len(matches) == 1:
        return matches[0]
    promoted = any(row.get("promoted") is True for row in matches)
    found = pooled(matches)
    if found is not None:
        return {"score": found.score, "score_low": found.score_low, "score_high": found.score_high, "promoted": promoted}
    games = sum(row["games"] for row in matches)
    return {"score": sum(row["score"] * row["games"] for row in matches) / max(games, 1), "promoted": promoted}


def _mean(values: List[float]) -> float:
    return sum(values) / len(values)
