"""Monte-Carlo tree search as the AlphaZero paper describes it: one tree, one simulation at a time, dictionaries and recursion.

Slow and plain on purpose: the kernels are compared with it. It shares no code with them, only the rules and `Line`.
"""

from __future__ import annotations

import math
from typing import Dict, List, Optional, Tuple

import numpy as np

from pawnzero.config import SearchConfig
from pawnzero.games.base import ONGOING, Game
from pawnzero.games.line import Line
from pawnzero.search import Question, question_about


class HashEvaluator:
    """A stand-in for a net: logits and WDL that look random but depend on nothing but the encoded position."""

    def enter_thread(self, workers: int) -> None:
        pass

    def evaluate(self, question: Question) -> None:
        weights = np.arange(1, question.bits.shape[1] + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        word = (question.bits * weights).sum(1, dtype=np.uint64) + question.scalars.sum(1).astype(np.uint64)
        question.logits[:] = _unit(word[:, None] + question.legal.astype(np.uint64) * np.uint64(0xD6E8FEB86659FD93)) * 3.0
        win = np.floor(_unit(word + np.uint64(1)) * 32) / 64
        loss = np.floor(_unit(word + np.uint64(2)) * 32) / 64
        question.wdl[:] = np.stack([win, 1 - win - loss, loss], 1)


def _unit(word: np.ndarray) -> np.ndarray:
    word = (word ^ (word >> np.uint64(31))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((word ^ (word >> np.uint64(33))) >> np.uint64(40)).astype(np.float64) / 2.0**24


class Node:
    """A position in the naive tree."""

    def __init__(self) -> None:
        self.visits = 0
        self.value_sum = 0.0
        self.value: float = 0.0
        self.draw: float = 0.0
        self.prior: Dict[int, float] = {}
        self.edges: Dict[int, Tuple[int, float, float]] = {}
        self.children: Dict[int, Node] = {}


class NaiveSearch:
    """Searches the current position of `line` by `simulations` simulations."""

    def __init__(self, game: Game, evaluator: HashEvaluator, config: SearchConfig, line: Line, simulations: int) -> None:
        self.game, self.evaluator, self.config = game, evaluator, config
        self.before = len(line.states) - 1
        self.root = Node()
        self._evaluate(self.root, line)
        for _ in range(simulations):
            self._simulate(self.root, line)

    def _simulate(self, node: Node, line: Line) -> Tuple[float, float]:
        """One simulation below `node`; returns value and draw for the player to move there."""
        if node.visits == 0:
            self._evaluate(node, line)
            return node.value, node.draw
        if not node.prior:
            node.visits += 1
            node.value_sum += node.value
            return node.value, node.draw
        action = self._select(node)
        following = Line.__new__(Line)
        following.__dict__ = {k: (list(v) if isinstance(v, list) else v) for k, v in line.__dict__.items()}
        following.push(action)
        child = node.children.setdefault(action, Node())
        value, draw = self._simulate(child, following)
        visits, value_sum, draw_sum = node.edges[action]
        node.edges[action] = (visits + 1, value_sum - value, draw_sum + draw)
        node.visits += 1
        node.value_sum -= value
        return -value, draw

    def _select(self, node: Node) -> int:
        config = self.config
        c = config.cpuct + math.log((node.visits + config.cpuct_base + 1) / config.cpuct_base)
        seen = sum(node.prior[a] for a in node.children)
        first_play = node.value_sum / node.visits - config.fpu_reduction * math.sqrt(seen)

        def score(action: int) -> float:
            visits, value_sum, _ = node.edges[action]
            q = value_sum / visits if visits else first_play
            return q + c * math.sqrt(node.visits) * node.prior[action] / (1 + visits)

        return max(node.prior, key=score)

    def _evaluate(self, node: Node, line: Line) -> None:
        node.visits = 1
        ended = self._ended(line)
        if ended is not None:
            node.value, node.draw = ended, float(ended == 0.0)
        else:
            logits, wdl = evaluate_line(self.game, self.evaluator, line)
            weights = np.exp(logits.astype(np.float64) - logits.max())
            prior = (weights / weights.sum()).astype(np.float32)
            node.prior = dict(zip(line.legal.tolist(), prior.tolist()))
            node.edges = dict.fromkeys(node.prior, (0, 0.0, 0.0))
            node.value, node.draw = float(wdl[0] - wdl[2]), float(wdl[1])
        node.value_sum = node.value

    def _ended(self, line: Line) -> Optional[float]:
        """The rules' value for the player to move; a position that stood since the root is a draw at once."""
        if line.over:
            return float(self.game.ending_values[line.ending])
        position = self.game.look(line.state)
        assert int(position.ending[0]) == ONGOING
        since = line.keys[self.before : -1]
        back = int(position.reversible[0])
        return 0.0 if line.keys[-1] in since[max(0, len(since) - back) :] else None


def evaluate_line(game: Game, evaluator: HashEvaluator, line: Line) -> Tuple[np.ndarray, np.ndarray]:
    """Logits of the legal actions and WDL of one position."""
    question = question_about(game, [line])
    evaluator.evaluate(question)
    return question.logits[0, : int(question.count[0])], question.wdl[0]


def visits_of(search: NaiveSearch) -> List[int]:
    """Visits of the root's legal actions, in the rules' order."""
    return [search.root.edges[a][0] for a in search.root.prior]
