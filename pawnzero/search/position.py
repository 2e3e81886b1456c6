"""Search of a single position in small steps, without a fixed limit, readable at any time."""

from __future__ import annotations

import dataclasses
import math
from typing import Optional, Sequence

import numpy as np

from pawnzero.config import SearchConfig
from pawnzero.games.base import Game
from pawnzero.games.line import Line
from pawnzero.search.batch import BatchedSearch
from pawnzero.search.cache import Answers
from pawnzero.search.evaluator import Evaluator
from pawnzero.search.outlook import Outlook, mean_depth, read_outlook
from pawnzero.search.random import stream
from pawnzero.search.searcher import place_line
from pawnzero.search.tree import NO_NODE, PROVEN_WIN, UNPROVEN, bytes_a_tree, most_simulations

_VISITS_A_LEAF = 8
"""A wave takes one leaf per this many finished simulations: leaves chosen without each other's results must be few among
visits."""

_MOST_SIMULATIONS = 2**31 - 1 - 1000
"""Limit of a search without one: its visits are 32-bit numbers. The margin leaves room for a wave's leaves."""

_MOST_OF_A_STEP = 4096
"""Limit of simulations in one step. Those that end at known positions do not count towards a wave's leaves, and where little
else is left there can be millions."""

_SETTLED_VISITS = 64
"""A search with this many simulations per position of its tree is settled: nearly all of them end at known positions."""
_SETTLED_AT_LEAST = 10_000
"""A search with fewer simulations never counts as settled."""


class PositionSearch:
    """The search of a line's current position, which may not be over, advanced by `step`.

    simulations: how many to do; None if not known in advance (a clock, an unlimited analysis). If a clock may end the search
                 earlier, `config` should use PUCT
    room:        most positions the tree may add; the search is done when they are used up. Simulations that end at known
                 positions use none; but under Gumbel a known number of simulations is also limited to `room`, because the
                 rounds are planned in advance
    leaves:      most leaves per wave
    only:        the legal actions to choose among; all if empty
    temperature: for `choose`; 0 plays the best move
    seed:        of the random numbers that `temperature` uses
    answers:     the evaluator's answers to earlier searches, for `leaves` rows; None: every position is evaluated, since
                 within one tree hardly any comes again

    A known number of simulations is spent as configured, under Gumbel by sequential halving. This is the search that the net
    was trained with and is measured with, except for the number of leaves per wave.

    If the number is not known, there is no such schedule. Stopped early, sequential halving has given many candidates equal
    shares and decided nothing; restarted with twice the number, it treats the existing visits as its own equal shares. So PUCT
    is used instead. Its visits are meaningful at every moment, and it returns to every move in the end, deep in the tree too,
    where Gumbel's rule lets values outweigh all priors after some hundred visits and ignores the other moves from then on.

    Proofs (`SearchConfig.solver`) need not be the shortest, with one exception: if a move wins at once, it is the first that
    is tried (`SearchConfig.look_ahead`).
    """

    def __init__(
        self,
        line: Line,
        evaluator: Evaluator,
        config: SearchConfig,
        *,
        room: int,
        simulations: Optional[int] = None,
        leaves: int = 8,
        only: Sequence[int] = (),
        temperature: float = 0.0,
        seed: int = 0,
        answers: Optional[Answers] = None,
    ) -> None:
        assert not line.over
        assert room >= 1
        self.line = line
        self._asked = None if simulations is None else min(simulations, _MOST_SIMULATIONS)
        self._whole_room = room
        self._temperature = temperature
        config = dataclasses.replace(config, keep_answers=False, algorithm="puct" if simulations is None else config.algorithm)
        self._by_visits = config.algorithm == "puct"
        self.room = room if simulations is None else min(room, simulations)
        self._leaves = leaves
        evaluator.enter_thread(1)
        self._search = BatchedSearch(
            line.game, evaluator, config, trees=1, simulations=self.room, leaves=leaves, answers=answers
        )
        self._trees = self._search.trees
        noise = temperature if config.algorithm != "puct" else 0.0
        place_line(self._search, 0, line, self.room, gumbel_scale=noise, only=only)
        self._trees.rng[0] = stream(seed, 0)

    @property
    def simulations(self) -> int:
        """Simulations done so far."""
        return int(self._trees.started[0])

    @property
    def proven(self) -> bool:
        """Whether the position's value is proven. The search then stops."""
        return bool(self._trees.proven[0, 0] != UNPROVEN)

    @property
    def done(self) -> bool:
        """Whether `step` would do nothing: simulations done, room used up, value proven, or search settled."""
        return self.proven or self.simulations >= int(self._trees.budget[0])

    @property
    def full(self) -> bool:
        """Whether the room ended the search: it is used up, or too small for the Gumbel rounds of the requested simulations."""
        short = self._asked is None or self.simulations < self._asked
        return self.done and not self.proven and short and (self._free <= 0 or not self._by_visits)

    @property
    def settled(self) -> bool:
        """Whether new simulations find nothing new any more, which ends a search without a limit."""
        nodes = int(self._trees.nodes[0])
        return self._asked is None and self.simulations > max(_SETTLED_AT_LEAST, _SETTLED_VISITS * nodes)

    @property
    def _free(self) -> int:
        """Number of positions for which there is room."""
        return self.room + 1 - int(self._trees.nodes[0])

    @property
    def fill(self) -> float:
        """Share of the room that is used."""
        return (int(self._trees.nodes[0]) - 1) / self._whole_room

    @property
    def evaluated(self) -> int:
        """Positions sent to the evaluator so far; those among `answers` were not."""
        return self._search.evaluated

    @property
    def lead(self) -> float:
        """Visits by which the most visited move leads the next one; infinite if all others are proven to lose."""
        t = self._trees
        child = t.child[0, : t.edge_count[0, 0]]
        loses = (child != NO_NODE) & (t.proven[0, child] == PROVEN_WIN)
        first, *others = np.sort(t.visits[0, : len(child)][~loses])[::-1][:2].tolist() or [0]
        return float(first - others[0]) if others else math.inf

    @property
    def depth(self) -> float:
        """`Outlook.depth`; requires at least one `step`."""
        return mean_depth(self._trees, 0)

    def step(self) -> None:
        """Search one wave, or more if needed until some move has been tried."""
        while not self.done:
            self._search.leaves = max(1, min(self._leaves, self.simulations // _VISITS_A_LEAF))
            self._search.wave()
            if self._by_visits and not self.proven:
                self._trees.budget[0] = self._next_budget()
            if self.simulations > 0:
                return

    def _next_budget(self) -> int:
        """Simulations until the end of the next step at the latest, or those done so far if the search ends here.

        The room limits only what the next step may add, since simulations that end at known positions use none.
        """
        more = 0 if self.settled else min(self._free, _MOST_OF_A_STEP)
        return min(self.simulations + more, _MOST_SIMULATIONS if self._asked is None else self._asked)

    def run(self) -> None:
        """Search until `done`."""
        while not self.done:
            self.step()

    def read(self) -> Outlook:
        """Return what is known so far; requires at least one `step`."""
        return read_outlook(self._search, 0)

    def choose(self) -> int:
        """Return the move to play: the best one or, with a temperature, one drawn as in self-play."""
        best = self.read().moves[0]
        if self._temperature == 0.0 or best.proof == PROVEN_WIN:
            return best.action
        return int(self._search.choose(np.zeros(1, np.int64), np.full(1, self._temperature, np.float32))[0])


def room_in(game: Game, memory: int) -> int:
    """Return how many positions fit into a tree of this size in bytes, from 1 to `most_simulations`."""
    each = bytes_a_tree(game, 2000) - bytes_a_tree(game, 1000)
    fixed = bytes_a_tree(game, 1000) - each
    return min(max(1, 1000 * (memory - fixed) // each), most_simulations(game))
