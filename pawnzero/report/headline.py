"""Is the agent getting stronger? One sentence, with how certain it is.

The ladder takes precedence: it compares checkpoints with players that do not change. Without a ladder there are only the
agent's own matches, the newest net against the best one before it; a net may beat its predecessor without becoming stronger
against anyone else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Tuple

from pawnzero.arena.stats import ACCEPT_H0, ACCEPT_H1
from pawnzero.ladder.ratings import Result, rate
from pawnzero.report.pooled import pooled
from pawnzero.report.sources import Run, number
from pawnzero.words import counted

YES, NO, UNCLEAR, UNKNOWN = "yes", "no", "not shown", "not measured"

_UNCLEAR = "Not clear yet"
"""Start of a sentence that answers neither yes nor no."""

_RECENT = 5
"""How many of the last matches are pooled."""

_TESTED = "A sequential test ended a match early, which makes the result look more certain than it is."
_FLATTERY = "Matches against earlier nets of the same agent flatter: a net may beat them and do no better against others."


@dataclass(frozen=True)
class Headline:
    """The answer, and the sentence that gives it with its reason.

    answer: YES if the interval says so, NO if it says the opposite, UNCLEAR, or UNKNOWN if nothing was measured
    caveat: what the sentence does not prove; "" if nothing
    """

    answer: str
    sentence: str
    caveat: str = ""


def headline(run: Run) -> Headline:
    """What the ladder says, else what the matches say."""
    return _from_ladder(run) or _from_matches(run.matches) or Headline(UNKNOWN, "No match has been played yet.")


def _from_ladder(run: Run) -> Optional[Headline]:
    """Compare the newest rated checkpoint with the oldest; None unless two of different steps are connected by games.

    The ladder's ratings are relative to its anchor, and two nets' difference is more certain than either rating. So the
    ladder's games are rated again with the oldest net as the anchor.
    """
    ladder = run.ladder
    rated = [
        player
        for player in (ladder or {}).get("players", [])
        if player.get("kind") == "checkpoint" and None not in (number(player.get("elo")), number(player.get("step")))
    ]
    if ladder is None or len(rated) < 2:
        return None
    first, last = min(rated, key=_age), max(rated, key=_age)
    if first["step"] == last["step"]:
        return None
    results = [Result(one["first"], one["second"], tuple(one["pairs"])) for one in ladder["pairings"]]
    gain = rate(results, first["name"], of=[last["name"]]).get(last["name"])
    if gain is None:
        return None
    apart = f"{abs(gain.elo):.0f} Elo {'above' if gain.elo > 0 else 'below'}" if round(gain.elo) else "level with"
    place = f"{apart} that of step {first['step']:,}"
    bounds = f"{gain.low:+.0f} to {gain.high:+.0f}"
    told = f"on the ladder the net of step {last['step']:,} is {place} (95 % interval: {bounds})."
    newer = _newer(run, int(last["step"]))
    if gain.low > 0:
        return Headline(YES, f"Yes: {told}{newer}")
    if gain.high < 0:
        return Headline(NO, f"No: {told}{newer}")
    return Headline(UNCLEAR, f"{_UNCLEAR}: {told}{newer or ' More games would decide it.'}")


def _newer(run: Run, last: int) -> str:
    """A sentence saying that the agent has a newer net than the ladder's last one; "" if it has none."""
    newest = max((step for step, _ in run.agent.numbered()), default=last)
    if newest <= last:
        return ""
    return f" The ladder ends at step {last:,}, but the newest net is of step {newest:,}; run pawnzero ladder again to add it."


def _age(player: Mapping[str, Any]) -> Tuple[float, bool, str]:
    """Sort key for a ladder's nets, oldest first.

    Nets of the same step come from different runs. The agent's best net is the newest of them, and a name with a digest belongs
    to a net that was added when another of its step was already there.
    """
    return player["step"], bool(player.get("best")), str(player.get("name"))


def _from_matches(matches: List[Dict[str, Any]]) -> Optional[Headline]:
    """The last few matches pooled; None if there are no matches.

    Matches of the best net against itself say nothing and are left out (UNKNOWN if there are no others). The first match had no
    best net to beat and is left out once there are others.
    """
    others = _distinct([row for row in matches if row.get("itself") is not True])
    if matches and not others:
        return Headline(UNKNOWN, "The only matches so far are of the best net with itself, which say nothing.")
    matches = others
    recent = matches[1:][-_RECENT:] or matches
    if not recent:
        return None
    found = pooled(recent)
    if found is not None:
        score, low, high = found.score, found.score_low, found.score_high
    else:  # without a pair the spread is unknown, so only the last match is reported
        recent = recent[-1:]
        last = recent[0]
        score, low, high = last["score"], number(last.get("score_low")) or 0.0, number(last.get("score_high")) or 1.0
    games = int(sum(row["games"] for row in recent))
    against = "the best net before it" if len(matches) > 1 else str(recent[0].get("opponent") or "its first opponent")
    span = f"the last {len(recent)} matches" if len(recent) > 1 else "the last match"
    bounds = f"95 % interval: {low:.2f} to {high:.2f}"
    ended = any(row.get("sprt_decision") in (ACCEPT_H0, ACCEPT_H1) for row in recent)
    caveat = f"{_TESTED} {_FLATTERY}" if ended else _FLATTERY
    told = f"in {span} ({counted(games, 'games')}) the newest net scored {score:.2f} against {against} ({bounds})."
    if low > 0.5:
        return Headline(YES, f"Yes, going by its own matches: {told}", caveat)
    if high < 0.5:
        return Headline(NO, f"No: {told}", caveat)
    return Headline(UNCLEAR, f"{_UNCLEAR}: {told} The interval contains 0.50; more games would decide it.", caveat)


def _distinct(matches: List[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """One match for each net and opponent, the longest (the newest if equal).

    Further matches of the same two nets may repeat the same games, with other openings too. Rows that lack the step or the
    opponent are all kept. If the step falls, somebody went back to an earlier net; from there on, the same step means another
    net.
    """
    kept: Dict[Any, Dict[str, Any]] = {}
    run = 0
    before: Mapping[str, Any] = {}
    for place, row in enumerate(matches):
        run += _went_back(before, row)
        before = row
        key: Any = run, row.get("step"), row.get("opponent")
        key = place if None in key else key
        if key not in kept or row["games"] >= kept[key]["games"]:
            kept.pop(key, None)  # move it to the place where it was played
            kept[key] = row
    return list(kept.values())


def _went_back(before: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    """Whether the net of match `row` does not come after that of the match `before` it."""
    step_before, step = number(before.get("step")), number(row.get("step"))
    if step_before is None or step is None or step_before != step:
        return step_before is not None and step is not None and step < step_before
    iterations = {number(one.get("iteration")) for one in (before, row)}
    return None not in iterations and len(iterations) == 2
