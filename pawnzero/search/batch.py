"""Many search trees advanced together, so that the net gets large batches."""

from __future__ import annotations

from time import perf_counter
from typing import Dict, NamedTuple, Optional, Tuple

import numpy as np

from pawnzero.config import SearchConfig
from pawnzero.errors import PawnzeroError
from pawnzero.games.base import NO_ACTION, Game
from pawnzero.search.cache import Answers
from pawnzero.search.evaluator import Collect, Evaluator, OverlappingEvaluator, Question, UniformEvaluator, allocate_question
from pawnzero.search.kernels import attach, expand, gather, select
from pawnzero.search.parameters import parameters
from pawnzero.search.root import choose, root_policies, root_wdl
from pawnzero.search.tree import allocate_trees, bytes_a_tree
from pawnzero.search.wave import NO_LEAF, allocate_wave

PHASES = ("select", "step", "attach", "encode", "net", "backup")
"""The phases of a wave; `BatchedSearch.seconds` has the time spent in each."""

_FEWEST_BYTES_OF_ANSWERS = 1 << 24
_FULL_BATCH = 64
_MOST_LEAVES = 8
"""Most leaves of a tree in a wave if their number is not configured."""
_LEAVES_OF_A_ROUND = 4
"""Average leaves per wave in a search limited to rounds: 64 simulations over 16 or more moves take 16 waves."""
_MANY_GAMES = 32
"""From this many games on, whole rounds make batches large enough; with fewer, four leaves per game would leave a net half
idle."""


class Leaves(NamedTuple):
    """How many leaves a wave takes from each tree.

    most:      upper limit
    in_rounds: whether they must belong to one round of a Gumbel search
    usual:     average
    """

    most: int
    in_rounds: bool
    usual: int


def leaves_a_tree(config: SearchConfig, games: Optional[int]) -> Leaves:
    """Return how many leaves a wave takes from each tree if there are `games` in all (None: many).

    `leaves_per_tree` if it is not 0. Otherwise, under Gumbel: the leaves of one round of sequential halving, at most 8, or 8
    regardless of rounds if there are fewer than 32 games. Under PUCT: one, or for few games as many as fill a batch of 64, at
    most 8.
    """
    if config.leaves_per_tree > 0:
        return Leaves(config.leaves_per_tree, False, config.leaves_per_tree)
    if config.algorithm != "puct":
        few = games is not None and games < _MANY_GAMES
        return Leaves(_MOST_LEAVES, not few, _MOST_LEAVES if few else _LEAVES_OF_A_ROUND)
    leaves = 1 if games is None else max(1, min(_MOST_LEAVES, _FULL_BATCH // max(1, games)))
    return Leaves(leaves, False, leaves)


class BatchedSearch:
    """`trees` searches of one game with one evaluator, in one thread.

    A tree is active until it has used its `budget` of simulations (see `tree.Trees`); `wave` advances each active tree by at
    most `leaves` leaves, and with `in_rounds` by no more than are left in its current Gumbel round (see `kernels`). Trees are
    independent of each other: which ones share a batch affects nothing but the evaluator's rounding. Between the two halves of
    a wave, `ask` and `take`, an evaluator with its own device works while the thread does something else.

    answers: a cache of this evaluator's answers that other searches have filled, for as many rows as a wave has leaves; None:
             one of its own, if the configuration wants it
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
        answers: Optional[Answers] = None,
    ) -> None:
        self.game = game
        self.evaluator = evaluator
        self._submit = evaluator.submit if isinstance(evaluator, OverlappingEvaluator) else None
        self._collect: Optional[Collect] = None
        self._need = 0
        self.config = config
        self._parameters = parameters(config)
        self._looks_ahead = config.look_ahead and config.solver
        assert not in_rounds or config.algorithm != "puct", "PUCT has no rounds"
        self.leaves = leaves
        self._in_rounds = int(in_rounds)
        self.trees = allocate_trees(game, trees, simulations)
        self.evaluated = 0
        self.seconds: Dict[str, float] = dict.fromkeys(PHASES, 0.0)
        most = trees * min(leaves, simulations)
        self._positions = game.allocate(most)
        self._roots = game.allocate(trees)
        self._no_win = np.full(most, NO_ACTION, np.int16)
        self._wave = allocate_wave(game, most)
        self._room = allocate_question(game, most)
        dear = not isinstance(evaluator, UniformEvaluator)  # a uniform evaluation costs less than a cache lookup
        if answers is None and config.keep_answers and dear:
            answers = Answers(game, most, max(_FEWEST_BYTES_OF_ANSWERS, trees * bytes_a_tree(game, simulations)))
        self._answers = answers

    def wave(self) -> int:
        """Advance every active tree by one wave. Returns how many positions were evaluated, by the net or from the cache."""
        self.ask()
        return self.take()

    def ask(self) -> None:
        """First half of a wave: select leaves and submit the positions that need the net to the evaluator."""
        trees, wave, positions = self.trees, self._wave, self._positions
        started = perf_counter()
        found = select(trees, self.leaves, self._in_rounds, self._parameters, wave)
        started = self._spent("select", started)
        winning = self._no_win
        if found:
            leaves = positions.part(0, found)
            self.game.step(wave.parent_state[:found], wave.action[:found], leaves)
            if self._looks_ahead:
                winning = self.game.wins_at_once(leaves)
        started = self._spent("step", started)
        of_leaves = positions.state, positions.ending, positions.key, positions.reversible
        self._need = int(attach(trees, self._parameters, found, wave, of_leaves, self.game.ending_values, winning))
        started = self._spent("attach", started)
        if self._need:
            self._question(started)

    def _question(self, started: float) -> None:
        need, wave, whole = self._need, self._wave, self._room.part(0, self._need)
        gather(self.trees, need, wave, self._positions.legal, self._positions.count, whole.legal, whole.count)
        if self._looks_ahead:
            started = self._spent("encode", started)
            self._look_ahead_at_roots(whole)
            started = self._spent("step", started)
        self.game.encode(wave.history[:need], wave.repeated[:need], wave.length[:need], whole.bits, whole.scalars)
        question = whole if self._answers is None else self._answers.seek(whole)
        started = self._spent("encode", started)
        if len(question):
            if self._submit is not None:
                self._collect = self._submit(question)
            else:
                self.evaluator.evaluate(question)
        self.evaluated += len(question)
        self._spent("net", started)

    def _look_ahead_at_roots(self, whole: Question) -> None:
        """Find the moves that win at once at the roots among the positions in question, which come first there."""
        wave = self._wave
        roots = self._roots.part(0, int((wave.need_leaf[: len(whole)] == NO_LEAF).sum()))
        if not len(roots):
            return
        roots.state[:] = wave.history[: len(roots), 0]
        roots.legal[:], roots.count[:] = whole.legal[: len(roots)], whole.count[: len(roots)]
        for row in np.flatnonzero(self.game.wins_at_once(roots) != NO_ACTION).tolist():
            after = self.game.children(roots.part(row, row + 1))
            self.trees.winning[wave.need_tree[row], : len(after)] = self.game.ending_values[after.ending] < 0

    def take(self) -> int:
        """Second half of a wave: expand and back up the evaluated positions. Returns how many there were."""
        need, started = self._need, perf_counter()
        self._need = 0
        if not need:
            return 0
        if self._collect is not None:
            self._collect()
            self._collect = None
        started = self._spent("net", started)
        whole = self._room.part(0, need)
        if self._answers is not None:
            self._answers.keep(whole)
        ill = expand(self.trees, self._parameters, need, self._wave, whole.legal, whole.count, whole.logits, whole.wdl)
        if ill >= 0:
            raise PawnzeroError(_complaint(whole.part(ill, ill + 1)))
        self._spent("backup", started)
        return need

    def _spent(self, phase: str, since: float) -> float:
        now = perf_counter()
        self.seconds[phase] += now - since
        return now

    def policies(self, trees: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """Return the policy targets: trees [n] int64 → start [n + 1] int64 and policy [sum] float32.

        Tree i's target is ``policy[start[i]:start[i + 1]]``.
        """
        start = np.zeros(len(trees) + 1, np.int64)
        policy = np.zeros(int(self.trees.edge_count[trees, 0].sum()), np.float32)
        root_policies(self.trees, self._parameters, trees, start, policy)
        return start, policy

    def choose(self, trees: np.ndarray, temperature: np.ndarray) -> np.ndarray:
        """Choose the move to play at each root: trees [n] int64, temperature [n] float32 → [n] int16 (see `root.choose`)."""
        actions = np.zeros(len(trees), np.int16)
        choose(self.trees, self._parameters, trees, temperature, actions)
        return actions

    def wdl(self, trees: np.ndarray) -> np.ndarray:
        """The WDL of each root for its player to move: trees [n] int64 → [n, 3] float32."""
        wdl = np.zeros((len(trees), 3), np.float32)
        root_wdl(self.trees, self._parameters, trees, wdl)
        return wdl

    def working(self) -> np.ndarray:
        """[G] bool: trees with simulations left to do."""
        result: np.ndarray = self.trees.started < self.trees.budget
        return result


def _complaint(answered: Question) -> str:
    """What is wrong with the evaluation of a position."""
    logits = answered.logits[0, : answered.count[0]]
    if not np.isfinite(logits).all():
        return f"the net's answer cannot be used: a logit is {logits[~np.isfinite(logits)][0]:g}, expected finite numbers"
    told = ", ".join(f"{share:g}" for share in answered.wdl[0].tolist())
    return f"the net's answer cannot be used: win, draw and loss are {told}, expected probabilities that sum to 1"
