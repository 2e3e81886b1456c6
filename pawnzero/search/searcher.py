"""Search of the current positions of some games, as used by arenas and engines."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import lru_cache
from typing import Dict, Sequence

import numpy as np

from pawnzero.config import SearchConfig
from pawnzero.errors import positive
from pawnzero.games.base import Game
from pawnzero.games.line import Line
from pawnzero.search.batch import BatchedSearch, Leaves, leaves_a_tree
from pawnzero.search.evaluator import Evaluator
from pawnzero.search.root import set_root

_POSITIONS_A_THREAD = 24
"""With fewer positions than this per wave and thread, batches are too small for a second thread to pay."""


@dataclass(frozen=True)
class SearchResult:
    """The results of a search of B positions, one row each.

    action:   [B] int16    the move to play
    legal:    [B, M] int16, count [B] int16: legal actions, the first `count` of a row
    visits:   [B, M] int32 visits of each
    q:        [B, M] float32 value of each for the player to move; NaN if not visited
    prior:    [B, M] float32
    policy:   [B, M] float32 the policy target
    root_wdl: [B, 3] float32 for the player to move
    """

    action: np.ndarray
    legal: np.ndarray
    count: np.ndarray
    visits: np.ndarray
    q: np.ndarray
    prior: np.ndarray
    policy: np.ndarray
    root_wdl: np.ndarray


class Searcher:
    """Searches batches of positions of one game with one evaluator, without noise.

    simulations: per root, 1 or more; UsageError for fewer
    threads:     most threads that search in parallel if there are many positions

    A wave always takes as many leaves per position as `leaves_a_tree` gives for many games, so that what a match's player finds
    does not depend on how many positions are searched together.
    """

    def __init__(self, game: Game, evaluator: Evaluator, config: SearchConfig, simulations: int, *, threads: int = 1) -> None:
        positive(simulations, "simulations")
        self.game = game
        self.evaluator = evaluator
        self.config = config
        self.simulations = simulations
        self.threads = threads
        self._searches: Dict[int, BatchedSearch] = {}

    def run(self, lines: Sequence[Line]) -> SearchResult:
        """Search the current position of each line; none of them may be over. Not reentrant."""
        assert lines
        assert not any(line.over for line in lines)
        leaves = leaves_a_tree(self.config, None)
        parts = max(1, min(self.threads, len(lines), len(lines) * leaves.usual // _POSITIONS_A_THREAD))
        while self.threads % parts:  # the threads divide evenly among the parts
            parts -= 1
        chunks = [lines[len(lines) * i // parts : len(lines) * (i + 1) // parts] for i in range(parts)]
        if parts == 1:
            results = [self._run_part(0, chunks[0], leaves, 1)]
        else:
            work = [_pool(self.threads).submit(self._run_part, part, chunk, leaves, parts) for part, chunk in enumerate(chunks)]
            wait(work)
            results = [one.result() for one in work]
        return SearchResult(*(np.concatenate([getattr(r, name) for r in results]) for name in SearchResult.__annotations__))

    def _run_part(self, part: int, lines: Sequence[Line], leaves: Leaves, workers: int) -> SearchResult:
        self.evaluator.enter_thread(workers)
        search = self._resting(part, len(lines), leaves)
        for g, line in enumerate(lines):
            place_line(search, g, line, self.simulations)
        while search.working().any():
            search.wave()
        self._searches[part] = search  # only now: an interrupted search must not be reused
        return read_roots(search, range(len(lines)))

    def _resting(self, part: int, trees: int, leaves: Leaves) -> BatchedSearch:
        """A search with room for `trees`, all of them idle; the previous one of this part if it fits."""
        search = self._searches.pop(part, None)
        if search is None or len(search.trees.budget) < trees or search.leaves != leaves.most:
            search = BatchedSearch(
                self.game,
                self.evaluator,
                self.config,
                trees=trees,
                simulations=self.simulations,
                leaves=leaves.most,
                in_rounds=leaves.in_rounds,
            )
        return search


@lru_cache(maxsize=None)
def _pool(threads: int) -> ThreadPoolExecutor:
    """The threads, shared by all searchers because a net has to prepare each thread that evaluates."""
    return ThreadPoolExecutor(threads, thread_name_prefix="search")


def place_line(
    search: BatchedSearch, g: int, line: Line, budget: int, *, gumbel_scale: float = 0.0, only: Sequence[int] = ()
) -> None:
    """Set tree `g` to search a line's current position, with its past, for `budget` simulations.

    gumbel_scale: see `Trees`; only: the legal actions to choose among, all if empty.
    """
    game = search.game
    history, repeated, length = line.history(game.history)
    position = game.look(line.state)
    if only:
        position.legal[0, : len(only)] = only
        position.count[0] = len(only)
    set_root(search.trees, g, position, history[:length], repeated[:length], line.past_keys(), budget, gumbel_scale)


def read_roots(search: BatchedSearch, trees: Sequence[int]) -> SearchResult:
    """Read the results at the roots of the given trees."""
    t, game = search.trees, search.game
    size = len(trees)
    legal, count = np.zeros((size, game.max_legal), np.int16), np.zeros(size, np.int16)
    visits = np.zeros((size, game.max_legal), np.int32)
    q = np.full((size, game.max_legal), np.nan, np.float32)
    prior, policy = np.zeros((2, size, game.max_legal), np.float32)
    for row, g in enumerate(trees):
        k = int(t.edge_count[g, 0])
        count[row] = k
        legal[row, :k] = t.action[g, :k]
        visits[row, :k] = t.visits[g, :k]
        prior[row, :k] = t.prior[g, :k]
        seen = t.visits[g, :k] > 0
        q[row, :k][seen] = t.value_sum[g, :k][seen] / t.visits[g, :k][seen]
    chosen = np.array(trees, np.int64)
    start, flat = search.policies(chosen)
    for row in range(size):
        policy[row, : start[row + 1] - start[row]] = flat[start[row] : start[row + 1]]
    action = search.choose(chosen, np.zeros(size, np.float32))
    return SearchResult(action, legal, count, visits, q, prior, policy, search.wdl(chosen))
