"""One `go`, from its start to its `bestmove`."""

from __future__ import annotations

import dataclasses
import time
from typing import List, Optional, Sequence

from pawnzero.config import SearchConfig
from pawnzero.engine.info import info_lines, whole_depth, written
from pawnzero.engine.kept import Kept
from pawnzero.engine.limits import Limits
from pawnzero.engine.net import EngineNet
from pawnzero.engine.options import Options
from pawnzero.games.line import Line
from pawnzero.search.position import PositionSearch, room_in

_INFO_SECONDS = 0.5
_SHARE_OF_ANSWERS = 4
"""One part in this many of `Hash` holds the net's answers, the rest the tree. So there is about one for each position."""


class Thinking:
    """A search with its limits. Call `advance` unless it is `resting`; once it is `over`, `last_words` are the final lines.

    kept:  the net's answers to the searches before, if the configuration wants them
    began: when the move's clock started, by `time.monotonic`
    """

    def __init__(
        self,
        net: EngineNet,
        line: Line,
        limits: Limits,
        options: Options,
        search: SearchConfig,
        only: Sequence[int],
        kept: Kept,
        *,
        began: float,
        seed: int,
    ) -> None:
        self.line = line
        self._game = net.game
        self._limits = limits
        self._began = self._told = self._searched_until = began
        self._options = options
        self._pondering = limits.ponder
        self._stopped = False
        self._seconds = limits.seconds(line.player, options["Move Overhead"], options["Ponder"])
        self._until: Optional[float] = None
        self._wave_seconds = 0.0
        self._waves = 0
        self._told_of = 0
        if not limits.ponder:
            self._start_clock(began)
        allowed = [nodes for nodes in (limits.nodes, options["NodeLimit"]) if nodes]
        cut_short = limits.infinite or limits.depth is not None or self._seconds is not None
        memory, leaves = options["Hash"] << 20, options["MinibatchSize"] or net.leaves
        of_answers = memory // _SHARE_OF_ANSWERS if search.keep_answers else 0
        self.search = PositionSearch(
            line,
            net.evaluator,
            dataclasses.replace(
                search,
                algorithm="puct" if cut_short else options["Algorithm"],  # see `PositionSearch` for the reason
                cpuct=options["CPuct"],
            ),
            room=room_in(net.game, memory - of_answers),
            simulations=min(allowed) if allowed else None,
            leaves=leaves,
            only=only,
            temperature=options["Temperature"],
            seed=seed,
            answers=kept.answers(net.game, leaves, of_answers) if of_answers else None,
        )

    def advance(self) -> List[str]:
        """Run one wave. Returns info lines after the first wave, then every half second, and once the search is exhausted."""
        before = time.monotonic()
        first, evaluated = self.search.simulations == 0, self.search.evaluated
        self.search.step()
        now = time.monotonic()
        if self.search.evaluated > evaluated:  # waves without a question to the net say nothing about the next one with some
            self._wave_seconds = now - before
        self._waves += 1
        self._searched_until = now
        if not first and not self.search.done and now - self._told < _INFO_SECONDS:
            return []
        self._told = now
        return self._infos()

    def stop(self) -> None:
        """Stop: answer as soon as possible."""
        self._stopped = True

    def ponder_hit(self) -> None:
        """The opponent played the expected move: our clock starts now."""
        if self._pondering:
            self._pondering = False
            self._start_clock(time.monotonic())

    @property
    def over(self) -> bool:
        """Whether it is time to answer."""
        if self.search.simulations == 0:
            return False
        return self._stopped or (not self._held and (self.search.done or self._reached()))

    @property
    def resting(self) -> bool:
        """Whether there is nothing to do but wait for a command: the answer must be held back, and no more can be searched."""
        return not self.over and self.search.done

    def last_words(self) -> List[str]:
        """The final info lines, if not sent yet, a note if the search was exhausted, and `bestmove` with the expected reply."""
        lines = self._infos() if self.search.simulations > self._told_of else []
        if self.search.full and self.search.fill == 1.0:
            lines.append(f"info string the tree is full ({self.search.room} positions in {self._options['Hash']} MB of Hash)")
        elif self.search.full:
            lines.append(
                f"info string {self._options['Hash']} MB of Hash have room for {self.search.room} Gumbel simulations only"
            )
        elif self.search.settled:
            lines.append("info string the search finds nothing new: its simulations end at known positions")
        chosen = self.search.choose()
        expected = next(move.line for move in self.search.read().moves if move.action == chosen)
        texts = written(self._game, self.line.state, expected[:2])
        return [*lines, " ponder ".join(["bestmove " + texts[0], *texts[1:]])]

    def figures(self) -> str:
        """Statistics of the search for developers (`debug on`)."""
        size = self.search.evaluated / max(1, self._waves)
        return f"{self._waves} waves, {size:.1f} positions each, the last took {self._wave_seconds:.3f} s"

    @property
    def _held(self) -> bool:
        return self._limits.infinite or self._pondering

    def _start_clock(self, now: float) -> None:
        if self._seconds is not None:
            self._until = now + self._seconds

    def _reached(self) -> bool:
        """Whether time or depth is used up, or a clock is running and the move is certain."""
        if self._until is not None:
            now = time.monotonic()
            if now + self._wave_seconds >= self._until:
                return True
            if self._limits.movetime is None and (len(self.line.legal) == 1 or self._decided(now, self._until)):
                return True
        return self._limits.depth is not None and whole_depth(self.search.depth) >= self._limits.depth

    def _decided(self, now: float, until: float) -> bool:
        """Whether the most visited move stays that until the time is up, even if another gets all simulations from now on.

        The pace so far is that of the rest or more, since positions known from earlier searches come first.
        """
        pace = self.search.simulations / max(now - self._began, 1e-9)
        return not self._options["Temperature"] and self.search.lead > pace * (until - now)

    def _infos(self) -> List[str]:
        self._told_of = self.search.simulations
        return info_lines(
            self._game,
            self.line.state,
            self.search.read(),
            seconds=self._searched_until - self._began,
            fill=self.search.fill,
            multipv=self._options["MultiPV"],
            show_wdl=self._options["UCI_ShowWDL"],
        )


class Known:
    """A `go` that needs no search: the answer `best` is known, but is held back just as a search's would be."""

    resting = True

    def __init__(self, limits: Limits, best: Optional[str]) -> None:
        self._limits = limits
        self._best = best
        self._pondering = limits.ponder
        self._stopped = False

    def advance(self) -> List[str]:
        """Nothing to do."""
        return []

    def stop(self) -> None:
        """Stop: answer as soon as possible."""
        self._stopped = True

    def ponder_hit(self) -> None:
        """The opponent played the expected move."""
        self._pondering = False

    @property
    def over(self) -> bool:
        """Whether it is time to answer."""
        return self._stopped or not (self._limits.infinite or self._pondering)

    def last_words(self) -> List[str]:
        """The `bestmove` line."""
        return [f"bestmove {self._best or '(none)'}"]

    def figures(self) -> str:
        """Statistics for developers (`debug on`)."""
        return "nothing was searched"
