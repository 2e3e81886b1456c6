"""One position searched bit by bit: for as long as one likes, and read at any moment."""

from __future__ import annotations

import dataclasses
from typing import List, Optional, Sequence

import numpy as np

from pawnzero.config import SearchConfig
from pawnzero.games.base import Game
from pawnzero.games.line import Line
from pawnzero.search.batch import BatchedSearch
from pawnzero.search.evaluator import Evaluator
from pawnzero.search.outlook import Outlook, mean_depth, read_outlook
from pawnzero.search.random import stream
from pawnzero.search.searcher import place_line
from pawnzero.search.tree import PROVEN_WIN, UNPROVEN, bytes_a_tree, most_simulations

_VISITS_A_LEAF = 8
"""A wave takes one leaf for so many simulations that are done: leaves taken blindly, side by side, must be few among visits."""

_MOST_SIMULATIONS = 2**31 - 1 - 1000
"""Where a search without end ends: its visits are 32-bit numbers. A wave's leaves find room above."""

_SETTLED_VISITS = 64
"""So many simulations for each position of its tree make a search settled: nearly all end at positions that are known."""
_SETTLED_AT_LEAST = 10_000
"""No search is settled after fewer simulations."""


class PositionSearch:
    """The search of a line's current position, which may not be over, advanced by `step`.

    simulations: how many to do; None where nobody knows (a clock, an analysis without end). Where a clock may end the search
                 before them, `config` had better say PUCT
    room:        at most so many new positions are kept; the search is done when they are. Simulations that end at known
                 positions take none, but a known number by Gumbel is no more than this, since its rounds are dealt out before
    leaves:      most leaves a wave
    only:        the legal actions to choose among; all where empty
    temperature: of `choose`; 0 plays the best move
    seed:        of what `temperature` draws

    A known number of simulations is spent as the configuration says, by sequential halving under Gumbel: the search that the
    net was trained with and is measured with, but for how many leaves a wave takes, and that a move which wins at once is
    always seen. Where the number is not known there is no such schedule: stopped early, it has given many candidates equal
    shares and settled nothing, and begun anew with twice the number, it treats the visits it finds as if they were its own
    equal shares. Then PUCT searches. Its visits are worth
    something at every moment, and in the end it comes back to every move, also deep in the tree, where Gumbel's rule lets
    values outweigh all priors after some hundred visits and does not look at the other moves again.

    Proofs (`SearchConfig.solver`) need not be the shortest, save one: where a move wins at once, only such are considered.
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
    ) -> None:
        assert not line.over
        assert room >= 1
        self.line = line
        self._asked = None if simulations is None else min(simulations, _MOST_SIMULATIONS)
        self._whole_room = room
        self._temperature = temperature
        if simulations is None:
            config = dataclasses.replace(config, algorithm="puct")
        self._by_visits = config.algorithm == "puct"
        self.room = room if simulations is None else min(room, simulations)
        self._leaves = leaves
        evaluator.enter_thread(1)
        self._search = BatchedSearch(line.game, evaluator, config, trees=1, simulations=self.room, leaves=leaves)
        self._trees = self._search.trees
        noise = temperature if config.algorithm != "puct" else 0.0
        if config.solver:
            only = _winning(line, only) or only
        place_line(self._search, 0, line, self.room, gumbel_scale=noise, only=only)
        self._trees.rng[0] = stream(seed, 0)

    @property
    def simulations(self) -> int:
        """Simulations done so far."""
        return int(self._trees.started[0])

    @property
    def proven(self) -> bool:
        """Whether the position's value is known for certain. Nothing more is searched then."""
        return bool(self._trees.proven[0, 0] != UNPROVEN)

    @property
    def done(self) -> bool:
        """Whether `step` would do nothing: the simulations are done, the room is used, the value is proven, or the search is
        settled."""
        return self.proven or self.simulations >= int(self._trees.budget[0])

    @property
    def full(self) -> bool:
        """Whether it was the room that ended the search, which is used or has none for the rounds that were asked for."""
        short = self._asked is None or self.simulations < self._asked
        return self.done and not self.proven and short and (self._free <= 0 or not self._by_visits)

    @property
    def settled(self) -> bool:
        """Whether nothing new is found any more, which ends a search without end."""
        nodes = int(self._trees.nodes[0])
        return self._asked is None and self.simulations > max(_SETTLED_AT_LEAST, _SETTLED_VISITS * nodes)

    @property
    def _free(self) -> int:
        """Positions that there is room for."""
        return self.room + 1 - int(self._trees.nodes[0])

    @property
    def fill(self) -> float:
        """Share of the room that is used."""
        return (int(self._trees.nodes[0]) - 1) / self._whole_room

    @property
    def evaluated(self) -> int:
        """Positions the evaluator was asked about so far."""
        return self._search.evaluated

    @property
    def depth(self) -> float:
        """`Outlook.depth`; at least one `step` has been made."""
        return mean_depth(self._trees, 0)

    def step(self) -> None:
        """Search a little: one wave, and as many more as it takes until some move has been tried."""
        while not self.done:
            self._search.leaves = max(1, min(self._leaves, self.simulations // _VISITS_A_LEAF))
            self._search.wave()
            if self._by_visits and not self.proven:
                # Simulations that end at known positions take no room.
                more = 0 if self.settled else self._free
                wanted = _MOST_SIMULATIONS if self._asked is None else self._asked
                self._trees.budget[0] = min(self.simulations + more, wanted)
            if self.simulations > 0:
                return

    def run(self) -> None:
        """Search until it is done."""
        while not self.done:
            self.step()

    def read(self) -> Outlook:
        """What is known so far; at least one `step` has been made."""
        return read_outlook(self._search, 0)

    def choose(self) -> int:
        """The move to play: the best one, or where there is a temperature one drawn as self-play draws it."""
        best = self.read().moves[0]
        if self._temperature == 0.0 or best.proof == PROVEN_WIN:
            return best.action
        return int(self._search.choose(np.zeros(1, np.int64), np.full(1, self._temperature, np.float32))[0])


def _winning(line: Line, only: Sequence[int]) -> List[int]:
    """Those of the actions `only` (all legal ones where empty) that win on the spot."""
    actions = np.array(only, np.int16) if len(only) else line.legal
    positions = line.game.allocate(len(actions))
    line.game.step(np.repeat(line.state[np.newaxis], len(actions), axis=0), actions, positions)
    wins: List[int] = actions[line.game.ending_values[positions.ending] < 0].tolist()
    return wins


def room_in(game: Game, megabytes: int) -> int:
    """How many positions a tree of that size holds (MB of 2^20 bytes), at least 1 and no more than `most_simulations`."""
    each = bytes_a_tree(game, 2000) - bytes_a_tree(game, 1000)
    fixed = bytes_a_tree(game, 1000) - each
    return min(max(1, 1000 * ((megabytes << 20) - fixed) // each), most_simulations(game))
