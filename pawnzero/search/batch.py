"""Many trees advanced together, so that a net always gets a large batch."""

from __future__ import annotations

from time import perf_counter
from typing import Dict, NamedTuple, Optional, Tuple

import numpy as np

from pawnzero.config import SearchConfig
from pawnzero.errors import PawnzeroError
from pawnzero.games.base import Game
from pawnzero.search.answers import Answers
from pawnzero.search.evaluator import Collect, Evaluator, OverlappingEvaluator, Question, UniformEvaluator, allocate_question
from pawnzero.search.kernels import attach, expand, gather, select
from pawnzero.search.parameters import parameters
from pawnzero.search.root import choose, root_policies, root_wdl
from pawnzero.search.tree import allocate_trees, bytes_a_tree
from pawnzero.search.wave import allocate_wave

PHASES = ("select", "step", "attach", "encode", "net", "backup")
"""What a wave spends its time on; `BatchedSearch.seconds` has each."""

_FULL_BATCH = 64
_MOST_LEAVES = 8
"""Most leaves of a tree in a wave where their number is not configured."""
_LEAVES_OF_A_ROUND = 4
"""What a wave takes on average where it keeps to rounds: 64 simulations among 16 moves and more are 16 waves."""
_MANY_GAMES = 32
"""From so many on whole rounds make batches large enough; with fewer a round's four leaves a game leave a net half idle."""


class Leaves(NamedTuple):
    """What a wave takes from each tree.

    most:      leaves
    in_rounds: whether only those of one round of a Gumbel search
    usual:     how many that is on average
    """

    most: int
    in_rounds: bool
    usual: int


def leaves_a_tree(config: SearchConfig, games: Optional[int]) -> Leaves:
    """What a wave takes from each tree where there are `games` in all (None: many).

    As many leaves as `leaves_per_tree` says. Where that is 0: under Gumbel those of one round of sequential halving, at most 8,
    and 8 whatever their rounds where games are fewer than 32; under PUCT one, and of few games as many as make a batch of 64.
    """
    if config.leaves_per_tree > 0:
        return Leaves(config.leaves_per_tree, False, config.leaves_per_tree)
    if config.algorithm != "puct":
        few = games is not None and games < _MANY_GAMES
        return Leaves(_MOST_LEAVES, not few, _MOST_LEAVES if few else _LEAVES_OF_A_ROUND)
    leaves = 1 if games is None else max(1, min(_MOST_LEAVES, _FULL_BATCH // max(1, games)))
    return Leaves(leaves, False, leaves)


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
        assert not in_rounds or config.algorithm != "puct", "PUCT has no rounds"
        self.leaves = leaves
        self._in_rounds = int(in_rounds)
        self.trees = allocate_trees(game, trees, simulations)
        self.evaluated = 0
        self.seconds: Dict[str, float] = dict.fromkeys(PHASES, 0.0)
        most = trees * leaves
        self._positions = game.allocate(most)
        self._wave = allocate_wave(game, most)
        self._room = allocate_question(game, most)
        dear = not isinstance(evaluator, UniformEvaluator)  # its answers cost less than finding them again
        self._answers = Answers(game, most, trees * bytes_a_tree(game, simulations)) if config.keep_answers and dear else None

    def wave(self) -> int:
        """One step of every working tree. Returns how many leaves got an answer of the net, new or kept."""
        self.ask()
        return self.take()

    def ask(self) -> None:
        """The first half of a wave: from the roots to the leaves, and the question about them to the evaluator."""
        trees, wave, positions = self.trees, self._wave, self._positions
        started = perf_counter()
        found = select(trees, self.leaves, self._in_rounds, self._parameters, wave)
        started = self._spent("select", started)
        if found:
            self.game.step(wave.parent_state[:found], wave.action[:found], positions.part(0, found))
        started = self._spent("step", started)
        of_leaves = positions.state, positions.ending, positions.key, positions.reversible
        self._need = int(attach(trees, self._parameters, found, wave, of_leaves, self.game.ending_values))
        started = self._spent("attach", started)
        if self._need:
            self._question(started)

    def _question(self, started: float) -> None:
        need, wave, whole = self._need, self._wave, self._room.part(0, self._need)
        gather(self.trees, need, wave, self._positions.legal, self._positions.count, whole.legal, whole.count)
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


def _complaint(answered: Question) -> str:
    """What is wrong with the answer about a position."""
    logits = answered.logits[0, : answered.count[0]]
    if not np.isfinite(logits).all():
        return f"the net's answer cannot be used: a logit is {logits[~np.isfinite(logits)][0]:g}, expected finite numbers"
    told = ", ".join(f"{share:g}" for share in answered.wdl[0].tolist())
    return f"the net's answer cannot be used: win, draw and loss are {told}, expected probabilities that sum to 1"
