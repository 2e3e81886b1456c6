"""What keeping the tree from move to move would save: the part of it under the move played, and how much of that comes again.

Plays real self-play for a while and compares each finished tree with the tree of the next position of the same game:

    python benchmarks/tree_reuse.py --checkpoint models/AgentA/checkpoints/latest.pt

kept: nodes under the move played (its own included) ÷ nodes of the tree; no form of tree reuse can save more.
again: nodes of the next tree that were in that part ÷ nodes of the next tree; the evaluations saved if the tree is used as a
cache of the net's answers, which leaves the games unchanged. visits: of the move played ÷ simulations.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import threading
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np

from pawnzero.config import Config, SearchConfig, SelfplayConfig
from pawnzero.games import get_game
from pawnzero.nets.checkpoint import load_checkpoint
from pawnzero.nets.evaluator import NetEvaluator
from pawnzero.nets.resnet import PolicyValueNet
from pawnzero.search import Evaluator, Question, UniformEvaluator
from pawnzero.search.tree import Trees
from pawnzero.selfplay.loop import play_games
from pawnzero.selfplay.table import Workload

_SPREAD = 6.0
_MIX = np.uint64(0x9E3779B97F4A7C15)

Nodes = Dict[int, Dict[int, int]]
"""node → action → child, for one tree."""


class MadeUp:
    """An evaluator with pronounced but random answers, the same for the same position: sharp, not good.

    Logits of the legal moves are uniform over `_SPREAD`; wins are uniform, with a tenth of draws, and the sum is 1.
    """

    def enter_thread(self, workers: int) -> None:
        pass

    def evaluate(self, question: Question) -> None:
        factors = np.arange(12, dtype=np.uint64) * _MIX + np.uint64(1)
        position = np.bitwise_xor.reduce(question.bits[:, :12] * factors, axis=1)
        question.logits[:] = _SPREAD * _fraction(position[:, None] ^ (question.legal.astype(np.uint64) * _MIX))
        question.wdl[:, 0] = 0.9 * _fraction(position)
        question.wdl[:, 1] = 0.1
        question.wdl[:, 2] = 0.9 - question.wdl[:, 0]


def _fraction(number: np.ndarray) -> np.ndarray:
    """Map each uint64 to [0, 1) with the finaliser of splitmix64 (Steele, Lea and Flood, 2014)."""
    number = (number ^ (number >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    number = (number ^ (number >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (number >> np.uint64(40)).astype(np.float32) / np.float32(1 << 24)


class Watch(Workload):
    """Examines each self-play tree when its move is chosen. Works with one thread only."""

    def __init__(self, moves: int, stop: threading.Event) -> None:
        super().__init__()
        self.shares: List[Tuple[float, float]] = []
        self.again: List[float] = []
        self._kept: Dict[int, Tuple[Nodes, int, int]] = {}
        self._moves = moves
        self._stop = stop

    def watch(self, table: Any) -> None:
        super().watch(table)
        search = table.search
        choose = search.choose

        def watched(trees: np.ndarray, temperature: np.ndarray) -> np.ndarray:
            actions: np.ndarray = choose(trees, temperature)
            for g, action in zip(trees.tolist(), actions.tolist()):
                self._look(search.trees, g, action)
            if len(self.shares) >= self._moves:
                self._stop.set()
            return actions

        search.choose = watched

    def _look(self, t: Trees, g: int, action: int) -> None:
        nodes = children(t, g)
        if g in self._kept:
            old, below, key = self._kept.pop(g)
            if key == int(t.key[g, 0]):  # otherwise another game has this tree now
                self.again.append(common(old, below, nodes, 0) / len(nodes))
        below = nodes[0].get(action, -1)
        edge = int(np.flatnonzero(t.action[g, : t.edge_count[g, 0]] == action)[0])
        kept = size(nodes, below) if below >= 0 else 0
        self.shares.append((kept / len(nodes), t.visits[g, edge] / max(1, t.started[g])))
        if below >= 0:
            self._kept[g] = nodes, below, int(t.key[g, below])


def children(t: Trees, g: int) -> Nodes:
    """The nodes of tree g and the children their actions lead to."""
    nodes: Nodes = {node: {} for node in range(t.nodes[g])}
    for node in range(1, t.nodes[g]):
        nodes[int(t.parent[g, node])][int(t.action[g, t.parent_edge[g, node]])] = node
    return nodes


def size(nodes: Nodes, node: int) -> int:
    """Number of nodes at and below `node`."""
    return 1 + sum(size(nodes, child) for child in nodes[node].values())


def common(old: Nodes, a: int, new: Nodes, b: int) -> int:
    """Number of nodes shared by two trees below `a` and `b`, which are the same position (both included)."""
    return 1 + sum(common(old, child, new, new[b][action]) for action, child in old[a].items() if action in new[b])


def measure(evaluator: Evaluator, algorithm: str, options: argparse.Namespace) -> Dict[str, Any]:
    """Measure one line of the table, from at least `options.moves` moves."""
    stop = threading.Event()
    watch = Watch(options.moves, stop)
    played = play_games(
        get_game("chess"),
        evaluator,
        itertools.count(),
        simulations=options.simulations,
        search=SearchConfig(algorithm=algorithm, keep_answers=False),
        settings=SelfplayConfig(games_in_flight=options.games),
        seed=0,
        threads=1,
        workload=watch,
        stop=stop,
    )
    games = sum(1 for _ in played)
    kept, visits = np.array(watch.shares).T
    return {
        "algorithm": algorithm,
        "moves": len(kept),
        "games_ended": games,
        "kept": float(kept.mean()),
        "visits": float(visits.mean()),
        "again": float(np.mean(watch.again)) if watch.again else None,
    }


def evaluators(options: argparse.Namespace) -> Iterator[Tuple[str, Evaluator]]:
    """The evaluators by name: uniform, random, an untrained net, and a trained one if given."""
    yield "uniform", UniformEvaluator()
    yield "made up, sharp", MadeUp()
    if not options.no_net:
        shape = Config().model
        net = PolicyValueNet(shape)
        yield f"untrained {shape.channels}x{shape.blocks}", NetEvaluator(net, "cpu")
    if options.checkpoint is not None:
        checkpoint = load_checkpoint(options.checkpoint, game="chess")
        yield f"step {checkpoint.step}", NetEvaluator(checkpoint.make_net(), "cpu")


def main(argv: Optional[Sequence[str]] = None) -> int:
    defaults = Config()
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--simulations", type=int, default=defaults.mcts_sims, help="simulations a move")
    parser.add_argument("--games", type=int, default=64, help="games at once")
    parser.add_argument("--moves", type=int, default=4000, help="moves a line of the table is measured over")
    parser.add_argument("--checkpoint", type=Path, help="a trained net's checkpoint")
    parser.add_argument("--no-net", action="store_true", help="only the evaluators without a net")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(argv)
    rows = [
        {"evaluator": name, **measure(evaluator, algorithm, options)}
        for name, evaluator in evaluators(options)
        for algorithm in ("gumbel", "puct")
    ]
    if options.json:
        print(json.dumps({"simulations": options.simulations, "rows": rows}))
        return 0
    print(f"{options.simulations} simulations a move, {options.games} games at once")
    print(f"{'evaluator':<20} {'search':<7} {'moves':>7} {'games':>6} {'kept':>6} {'visits':>7} {'again':>6}")
    for row in rows:
        again = "–" if row["again"] is None else f"{row['again']:.1%}"
        print(
            f"{row['evaluator']:<20} {row['algorithm']:<7} {row['moves']:>7,} {row['games_ended']:>6,} {row['kept']:>6.1%} "
            f"{row['visits']:>7.1%} {again:>6}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
