"""Gumbel AlphaZero as its paper describes it: one tree, one simulation at a time, with an explicit list of candidates.

Danihelka et al., "Policy improvement by planning with Gumbel", ICLR 2022; ties and the order of visits within a round of
sequential halving, on which the paper is silent, as in mctx: best score first. Slow and plain on purpose.
"""

from __future__ import annotations

import math
from typing import Dict, Iterator, List, Optional, Sequence

from pawnzero.config import SearchConfig
from pawnzero.games.base import Game
from pawnzero.games.line import Line
from pawnzero.search.evaluator import Evaluator
from tests.search.naive import NaiveSearch, Node


class NaiveGumbel(NaiveSearch):
    """Searches the current position of `line`; gumbel: noise of each legal action, in the rules' order (none: no noise).

    at_once: actions of a round that are chosen before the first of them is simulated
    """

    def __init__(
        self,
        game: Game,
        evaluator: Evaluator,
        config: SearchConfig,
        line: Line,
        simulations: int,
        gumbel: Optional[Sequence[float]] = None,
        at_once: int = 1,
    ) -> None:
        self.at_once = at_once
        self.simulations = simulations
        noise = [0.0] * len(line.legal) if gumbel is None else gumbel
        self.gumbel = dict(zip(line.legal.tolist(), map(float, noise)))
        self.halving: Optional[Iterator[int]] = None
        super().__init__(game, evaluator, config, line, simulations)

    def _select(self, node: Node) -> int:
        if node is self.root:
            if self.halving is None:
                self.halving = self._sequential_halving()
            return next(self.halving)
        policy = self._improved(node)
        seen = sum(visits for visits, _, _ in node.edges.values())
        return max(node.prior, key=lambda a: policy[a] - node.edges[a][0] / (1 + seen))

    def _sequential_halving(self) -> Iterator[int]:
        """The root's actions to simulate, one after the other. Every candidate has had the same number of visits."""
        candidates: List[int] = list(self.root.prior)
        going_on = min(self.config.gumbel_considered, len(candidates))
        halvings = math.ceil(math.log2(going_on)) if going_on > 1 else 1
        while True:
            rounds = max(1, math.floor(self.simulations / (halvings * going_on)))
            for _ in range(rounds):
                waiting = list(candidates)
                candidates = []
                while len(candidates) < going_on:
                    score = self._score()
                    chosen = sorted(waiting, key=lambda a: -score[a])[: min(self.at_once, going_on - len(candidates))]
                    candidates += chosen
                    waiting = [a for a in waiting if a not in chosen]
                    yield from chosen
            going_on = min(going_on, max(2, going_on // 2))

    def _score(self) -> Dict[int, float]:
        """Gumbel + logit + σ(completed Q) of the root's actions."""
        bonus = self._bonus(self.root)
        return {a: self.gumbel[a] + math.log(self.root.prior[a]) + bonus[a] for a in self.root.prior}

    def _bonus(self, node: Node) -> Dict[int, float]:
        """σ(completed Q): an unvisited action has the mixed value of appendix D; Q is stretched to [0, 1] over the node."""
        visited = {a: value_sum / visits for a, (visits, value_sum, _) in node.edges.items() if visits}
        mixed = node.value
        if visited:
            known = sum(node.prior[a] for a in visited)
            mean = sum(node.prior[a] * visited[a] for a in visited) / known
            total = sum(visits for visits, _, _ in node.edges.values())
            mixed = (node.value + total * mean) / (1 + total)
        completed = {a: visited.get(a, mixed) for a in node.prior}
        low, high = min(completed.values()), max(completed.values())
        most = max(visits for visits, _, _ in node.edges.values())
        scale = (self.config.gumbel_visit_offset + most) * self.config.gumbel_value_scale / max(high - low, 1e-8)
        return {a: (q - low) * scale for a, q in completed.items()}

    def _improved(self, node: Node) -> Dict[int, float]:
        """The improved policy: softmax of logits + σ(completed Q)."""
        bonus = self._bonus(node)
        logits = {a: math.log(node.prior[a]) + bonus[a] for a in node.prior}
        top = max(logits.values())
        total = sum(math.exp(logit - top) for logit in logits.values())
        return {a: math.exp(logit - top) / total for a, logit in logits.items()}

    @property
    def policy(self) -> List[float]:
        """The improved policy of the root's legal actions, in the rules' order."""
        return list(self._improved(self.root).values())

    @property
    def wdl(self) -> List[float]:
        """Win, draw and loss of the root: its moves' in the improved policy's shares; of an untried one the root's own."""
        policy, root = self._improved(self.root), self.root
        worth = {a: (v / n, d / n) if n else (root.value, root.draw) for a, (n, v, d) in root.edges.items()}
        value, draw = (sum(policy[a] * worth[a][i] for a in worth) for i in range(2))
        return [(1 - draw + value) / 2, draw, (1 - draw - value) / 2]

    @property
    def action(self) -> int:
        """The move to play: of the most visited ones the one with the best score."""
        most = max(visits for visits, _, _ in self.root.edges.values())
        score = self._score()
        return max((a for a in self.root.prior if self.root.edges[a][0] == most), key=lambda a: score[a])
