"""The state of a run for people: how far it is, what it did last, how strong the agent is, and how long it will still take."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, List, Mapping, Optional, Sequence, Tuple

from pawnzero.cli.output import duration, figure
from pawnzero.cli.stories import elo_words, sure_of
from pawnzero.errors import PawnzeroError
from pawnzero.ladder.file import read_ladder
from pawnzero.words import counted

Figures = Mapping[str, Any]
Row = Tuple[str, str]


class LoopStory:
    """Follows the iterations of one `pawnzero run`.

    earlier: figures of the agent's finished iterations, oldest first · number: the iteration that comes next
    hours, iterations: the budget, exactly one of them · ladder: the file that `pawnzero ladder` writes; it need not exist
    """

    def __init__(
        self,
        earlier: Sequence[Figures],
        number: int,
        *,
        hours: Optional[float] = None,
        iterations: Optional[int] = None,
        ladder: Optional[Path] = None,
    ) -> None:
        assert (hours is None) != (iterations is None)
        self._found = list(earlier)
        self._number = number
        self._hours, self._iterations = hours, iterations
        self._ladder_file = ladder
        self._began = self._lately = time.monotonic()
        self._lengths: List[float] = []

    def iteration_done(self, found: Figures) -> None:
        """Record a finished iteration."""
        now = time.monotonic()
        self._lengths.append(now - self._lately)
        self._lately = now
        self._found.append(found)
        self._number = found["iteration"] + 1

    def budget(self) -> str:
        """How much of the budget is used and left, and about how many iterations or how much time that means."""
        now = time.monotonic()
        gone = now - self._began
        each = sum(self._lengths[-5:]) / len(self._lengths[-5:]) if self._lengths else None
        done = len(self._lengths)
        if self._hours is not None:
            left = max(3600 * self._hours - gone, 0.0)
            worth = "" if each is None else f"; about {counted(round(left / each), 'more iterations')} of {duration(each)}"
            return f"{duration(gone)} of {duration(3600 * self._hours)} used, {duration(left)} left{worth}"
        assert self._iterations is not None
        still = (self._iterations - done) * (each or 0.0) - (now - self._lately)
        worth = f", about {duration(still)} left" if done < self._iterations and still > 0 else ""
        return f"{done:,} of {counted(self._iterations, 'iterations')} in {duration(gone)}{worth}"

    def share(self) -> float:
        """The used part of the budget, from 0 to 1."""
        if self._hours is not None:
            return min((time.monotonic() - self._began) / (3600 * self._hours), 1.0)
        assert self._iterations is not None
        return len(self._lengths) / self._iterations

    def rows(self) -> List[Row]:
        """Rows (label, text) about everything but the running stage. A stage that has not run yet has no row."""
        told = [
            ("iteration", f"{self._number} under way, {len(self._found)} finished"),
            ("self-play", self._selfplay()),
            ("losses", self._losses()),
            ("arena", self._arena()),
            ("strength", self._strength()),
            ("alarm", self._alarms()),
        ]
        return [(name, text) for name, text in told if text]

    def _stages(self, name: str) -> List[Figures]:
        return [found[name] for found in self._found if found.get(name)]

    def _selfplay(self) -> str:
        played = self._stages("selfplay")
        if not played:
            return ""
        games, positions = (sum(stage[name] for stage in played) for name in ("games", "positions"))
        last = played[-1]
        return (
            f"{counted(games, 'games')}, {counted(positions, 'positions')} so far; "
            f"in the last iteration {last['draws'] / max(last['games'], 1):.0%} drawn, "
            f"{figure(last['nodes_per_second'])} simulations/s"
        )

    def _losses(self) -> str:
        trained = [stage for stage in self._stages("train") if stage.get("value_loss") is not None]
        if not trained:
            return ""
        told = []
        for name in ("policy", "value"):
            losses = [stage[f"{name}_loss"] for stage in trained if stage[f"{name}_loss"] is not None]
            way = [losses[0], *losses[-3:]] if len(losses) > 3 else losses
            told += [f"{name} {' → '.join(f'{loss:.3f}' for loss in way)}"] if losses else []
        return f"{', '.join(told)} (the first, then the last) at step {figure(trained[-1]['step'])}"

    def _arena(self) -> str:
        matches = self._stages("arena")
        if not matches:
            return ""
        last = matches[-1]
        verdict = "promoted" if last["promoted"] else "not promoted"
        return (
            f"{last['wins']} won, {last['draws']} drawn, {last['losses']} lost: score {last['score']:.3f}, "
            f"{elo_words(sure_of(last))}; {verdict}"
        )

    def _strength(self) -> str:
        promoted = [match for match in self._stages("arena") if match["promoted"]]
        told = f"promoted in {len(promoted)} of {len(self._stages('arena'))} matches" if self._stages("arena") else ""
        if promoted:
            told += f", last at step {figure(promoted[-1]['step'])}"
        return "; ".join(part for part in (told, self._ladder()) if part)

    def _ladder(self) -> str:
        """The rating of the newest rated checkpoint on the agent's ladder; "" if there is none."""
        if self._ladder_file is None or not self._ladder_file.exists():
            return ""
        try:
            ladder = read_ladder(self._ladder_file)
            rated = [one for one in ladder["players"] if one["kind"] == "checkpoint" and one["elo"] is not None]
            best = max(rated, key=lambda one: one["step"])
            return f"{elo_words(best)} above {ladder['anchor']['player']} at step {figure(best['step'])} (ladder)"
        except (PawnzeroError, KeyError, TypeError, ValueError):  # written by another version, or no rating yet
            return ""

    def _alarms(self) -> str:
        return "; ".join(alarm["text"] for alarm in (self._found[-1].get("alarms") or ())) if self._found else ""
