"""Many trees advanced together, so that a net always gets a large batch."""

from __future__ import annotations

from time import perf_counter
from typing import Dict, Optional, Tuple

import numpy as np

from pawnzero.config import SearchConfig
from pawnzero.games.base import Game
from pawnzero.search.answers import Answers
from pawnzero.search.evaluator import Collect, Evaluator, OverlappingEvaluator, UniformEvaluator
from pawnzero.search.kernels import attach, expand, gather, select
from pawnzero.search.parameters import parameters
from pawnzero.search.root import choose, root_policies, root_wdl
from pawnzero.search.tree import allocate_trees, bytes_a_tree

PHASES = ("select", "step", "attach", "encode", "net", "backup")
"""What a wave spends its time on; `BatchedSearch.seconds` has each."""

_FULL_BATCH = 64
MOST_LEAVES = 8
"""Most leaves of a tree in a wave where their number is not configured."""


def leaves_a_tree(config: SearchConfig, games: int) -> int:
    """How many leaves a wave takes from each tree: as configured, else enough for a batch of 64 when games are few."""
    if config.leaves_per_tree > 0:
        return config.leaves_per_tree
    return max(1, min(MOST_LEAVES, _FULL_BATCH // max(1, games)))


class BatchedSearch:
    """`trees` searches of one game by one evaluator, in one thread.

    A tree works while its `budget` of simulations is not reached (see `tree.Trees`); `wave` lets each working tree do
    a little: at most `leaves` leaves, with `in_rounds` no more than a Gumbel search's round has left (see `kernels`).
    Trees are independent of each other: which ones share a batch changes nothing but the evaluator's rounding.
    Between the halves of a wave, `ask` and `take`, an evaluator with a device of its own works alone.
    """

    def __init__(
        self,
        game: Game,
        evaluator: Evaluator,
        config: SearchConfig,
        *,
        trees: int,
        simulations: int,
        leaves: int,
        in_rounds: bool = False,
    ) -> None:
        self.game = game
        self.evaluator = evaluator
        self._submit = evaluator.submit if isinstance(evaluator, OverlappingEvaluator) else None
        self._collect: Optional[Collect] = None
        self._need = 0
        self.config = config
        self._parameters = parameters(config)
        assert not in_rounds or config.algorithm == "gumbel", "PUCT has no rounds"
        self.leaves = leaves
        self._in_rounds = int(in_rounds)
        self.trees = allocate_trees(game, trees, simulations)
        self.evaluated = 0
        self.seconds: Dict[str, float] = dict.fromkeys(PHASES, 0.0)
        most = trees * leaves
        self._positions = game.allocate(most)
        self._leaf_tree, self._leaf_parent, self._leaf_edge = np.zeros((3, most), np.int32)
        self._leaf_action = np.zeros(most, np.int16)
        self._parent_state = np.zeros((most, game.state_words), np.uint64)
        self._need_tree, self._need_node, self._need_leaf = np.zeros((3, most), np.int32)
        self._history = np.zeros((most, game.history, game.state_words), np.uint64)
        self._repeated = np.zeros((most, game.history), np.uint8)
        self._length = np.zeros(most, np.int16)
        self._bits = np.zeros((most, game.bit_planes), np.uint64)
        self._scalars = np.zeros((most, game.scalar_planes), np.float32)
        self._legal = np.zeros((most, game.max_legal), np.int16)
        self._count = np.zeros(most, np.int16)
        self._logits = np.zeros((most, game.max_legal), np.float32)
        self._wdl = np.zeros((most, 3), np.float32)
        dear = not isinstance(evaluator, UniformEvaluator)  # its answers cost less than finding them again
        self._answers = Answers(game, most, trees * bytes_a_tree(game, simulations)) if config.keep_answers and dear else None

    def wave(self) -> int:
        """One step of every working tree. Returns how many leaves got an answer of the net, new or kept."""
        self.ask()
        return self.take()

    def ask(self) -> None:
        """The first half of a wave: from the roots to the leaves, and the question about them to the evaluator."""
        trees, positions = self.trees, self._positions
        started = perf_counter()
        found = select(
            trees,
            self.leaves,
            self._in_rounds,
            self._parameters,
            self._leaf_tree,
            self._leaf_parent,
            self._leaf_edge,
            self._parent_state,
            self._leaf_action,
        )
        started = self._spent("select", started)
        if found:
            self.game.step(self._parent_state[:found], self._leaf_action[:found], positions.part(0, found))
        started = self._spent("step", started)
        need = attach(
            trees,
            self._parameters,
            found,
            self._leaf_tree,
            self._leaf_parent,
            self._leaf_edge,
            (positions.state, positions.ending, positions.key, positions.reversible),
            self.game.ending_values,
            self._need_tree,
            self._need_node,
            self._need_leaf,
        )
        started = self._spent("attach", started)
        self._need = int(need)
        if need:
            self._question(self._need, started)

    def _question(self, need: int, started: float) -> None:
        gather(
            self.trees,
            need,
            self._need_tree,
            self._need_node,
            self._need_leaf,
            self._positions.legal,
            self._positions.count,
            self._history,
            self._repeated,
            self._length,
            self._legal,
            self._count,
        )
        bits, scalars = self._bits[:need], self._scalars[:need]
        self.game.encode(self._history[:need], self._repeated[:need], self._length[:need], bits, scalars)
        legal, count, asked = self._legal, self._count, need
        if self._answers is not None:
            asked = self._answers.seek(bits, scalars, legal[:need], count[:need])
            legal, count = self._answers.legal, self._answers.count
        started = self._spent("encode", started)
        if asked:
            question = (bits[:asked], scalars[:asked], legal[:asked], count[:asked], self._logits[:asked], self._wdl[:asked])
            if self._submit is not None:
                self._collect = self._submit(*question)
            else:
                self.evaluator.evaluate(*question)
        self.evaluated += asked
        self._spent("net", started)

    def take(self) -> int:
        """The second half: the answers into the trees. Returns how many leaves got one."""
        need, started = self._need, perf_counter()
        self._need = 0
        if not need:
            return 0
        if self._collect is not None:
            self._collect()
            self._collect = None
        started = self._spent("net", started)
        if self._answers is not None:
            self._answers.keep(self._count[:need], self._logits[:need], self._wdl[:need])
        expand(
            self.trees,
            self._parameters,
            need,
            self._need_tree,
            self._need_node,
            self._legal,
            self._count,
            self._logits,
            self._wdl,
        )
        self._spent("backup", started)
        return need

    def _spent(self, phase: str, since: float) -> float:
        now = perf_counter()
        self.seconds[phase] += now - since
        return now

    def policies(self, trees: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """What the searches teach: trees [n] int64 → start [n + 1] int64 and policy [sum] float32, laid out by `start`."""
        start = np.zeros(len(trees) + 1, np.int64)
        policy = np.zeros(int(self.trees.edge_count[trees, 0].sum()), np.float32)
        root_policies(self.trees, self._parameters, trees, start, policy)
        return start, policy

    def choose(self, trees: np.ndarray, temperature: np.ndarray) -> np.ndarray:
        """The move to play at each root: trees [n] int64, temperature [n] float32 → [n] int16 (see `root.choose`)."""
        actions = np.zeros(len(trees), np.int16)
        choose(self.trees, self._parameters, trees, temperature, actions)
        return actions

    def wdl(self, trees: np.ndarray) -> np.ndarray:
        """WDL of each root for its player to move: trees [n] int64 → [n, 3] float32."""
        wdl = np.zeros((len(trees), 3), np.float32)
        root_wdl(self.trees, self._parameters, trees, wdl)
        return wdl

    def working(self) -> np.ndarray:
        """[G] bool: trees that have simulations left to do."""
        result: np.ndarray = self.trees.started < self.trees.budget
        return result
