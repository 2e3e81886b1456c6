"""Is the agent getting stronger? One sentence, with how sure it is.

A ladder is believed first: it compares checkpoints with players that do not change. Without one there are only the agent's own
matches, the newest net against the best one before it; a net may beat its forerunner and yet not come closer to anybody else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Tuple

from pawnzero.report.sources import Run, number
from pawnzero.stats import OUTCOMES, estimate

YES, NO, UNCLEAR, UNKNOWN = "yes", "no", "not shown", "not measured"

_RECENT = 5
"""So many of the last matches are taken together."""

_FLATTERY = "Matches against former selves flatter: who beats a forerunner may do no better against others."


@dataclass(frozen=True)
class Headline:
    """The answer and the sentence that gives it with its reason.

    answer: YES where the interval says so, NO where it says the contrary, UNCLEAR, or UNKNOWN where nothing was measured
    caveat: what the sentence does not prove; "" for nothing
    """

    answer: str
    sentence: str
    caveat: str = ""


def headline(run: Run) -> Headline:
    """What the ladder says, else what the matches say."""
    return _from_ladder(run.ladder) or _from_matches(run.matches) or Headline(UNKNOWN, "No match has been played yet.")


def _from_ladder(ladder: Optional[Mapping[str, Any]]) -> Optional[Headline]:
    """The newest rated checkpoint against the oldest; None where there are no two.

    The bounds of the difference are those of two independent estimates: the squares of the two half-widths add up.
    """
    rated = [
        player
        for player in (ladder or {}).get("players", [])
        if player.get("kind") == "checkpoint" and None not in (number(player.get("elo")), number(player.get("step")))
    ]
    if len(rated) < 2:
        return None
    first, last = (choose(rated, key=lambda player: player["step"]) for choose in (min, max))
    gain = last["elo"] - first["elo"]
    low, high = _spread(last, "elo_low", first, "elo_high"), _spread(last, "elo_high", first, "elo_low")
    bounds = ["open" if end is None else f"{gain + end:+.0f}" for end in (low and -low, high)]
    place = f"{abs(gain):.0f} Elo {'above' if gain >= 0 else 'below'} that of step {first['step']:,}"
    told = f"on the ladder the net of step {last['step']:,} stands {place} (95 % interval: {' to '.join(bounds)})."
    if low is not None and gain - low > 0:
        return Headline(YES, f"Yes: {told}")
    if high is not None and gain + high < 0:
        return Headline(NO, f"No: {told}")
    return Headline(UNCLEAR, f"Not shown: {told} More games would tell.")


def _spread(one: Mapping[str, Any], bound: str, other: Mapping[str, Any], opposite: str) -> Optional[float]:
    """Half-width of the difference of two ratings on the side of `bound`; None where a bound is undefined."""
    ends = number(one.get(bound)), number(other.get(opposite))
    if ends[0] is None or ends[1] is None:
        return None
    return math.hypot(ends[0] - one["elo"], ends[1] - other["elo"])


def _from_matches(matches: List[Dict[str, Any]]) -> Optional[Headline]:
    """The last few matches taken together. The very first had no best net to beat and is left out once there are others."""
    recent = matches[1:][-_RECENT:] or matches
    if not recent:
        return None
    score, low, high = _score(recent)
    games = int(sum(row["games"] for row in recent))
    against = "the best net before it" if len(matches) > 1 else str(recent[0].get("opponent") or "its first opponent")
    span = f"in the last {len(recent)} matches" if len(recent) > 1 else "in the last match"
    told = (
        f"{span} ({games} games) the newest net scored {score:.2f} against {against} (95 % interval: {low:.2f} to {high:.2f})."
    )
    if low > 0.5:
        return Headline(YES, f"Yes, by its own matches: {told}", _FLATTERY)
    if high < 0.5:
        return Headline(NO, f"No: {told}", _FLATTERY)
    return Headline(UNCLEAR, f"Not shown: {told} The interval holds 0.50; more games would tell.", _FLATTERY)


def _score(rows: List[Dict[str, Any]]) -> Tuple[float, float, float]:
    """Score of the rows' pairs taken together, with its interval; of the last row alone where there are no pairs."""
    pairs = [0] * OUTCOMES
    for row in rows:
        counts = row.get("pairs")
        if isinstance(counts, list) and len(counts) == OUTCOMES:
            pairs = [before + more for before, more in zip(pairs, counts)]
    if not sum(pairs):
        last = rows[-1]
        return last["score"], number(last.get("score_low")) or 0.0, number(last.get("score_high")) or 1.0
    found = estimate(pairs)
    return found.score, found.score_low, found.score_high
