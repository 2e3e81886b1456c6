"""What it is worth that `pawnzero uci` keeps the net's answers from move to move: the same searches with and without, by turns.

  python benchmarks/engine_answers.py --net shipped:chess --sims 1000

Two engines play each other under PUCT, as under a clock. Each keeps the answers of its own searches, so what it finds again
lies under its move and the other's reply. Each move is searched twice. Prints the share of positions that the net had been
asked about before, and the speed-up in CPU time, which other work on the machine hardly affects.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from typing import Optional, Sequence, Tuple

from pawnzero.arena.openings import openings
from pawnzero.config import Config
from pawnzero.engine.kept import Kept
from pawnzero.engine.net import EngineNet, load_net
from pawnzero.games.line import Line
from pawnzero.search.cache import Answers
from pawnzero.search.position import PositionSearch

_MEMORY = 1 << 26
"""Bytes for the answers, as many as the engine's default for `Hash` gives them."""


def searched(net: EngineNet, line: Line, sims: int, answers: Optional[Answers]) -> Tuple[float, PositionSearch]:
    """CPU seconds, and the finished search."""
    config = replace(Config().search, algorithm="puct")
    began = time.process_time()
    search = PositionSearch(line, net.evaluator, config, room=sims, simulations=sims, leaves=net.leaves, answers=answers)
    search.run()
    return time.process_time() - began, search


def main(argv: Optional[Sequence[str]] = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--net", default="shipped:chess", help="a checkpoint, an agent or shipped:chess")
    parser.add_argument("--sims", type=int, default=1000, help="simulations a move")
    parser.add_argument("--games", type=int, default=4)
    parser.add_argument("--plies", type=int, default=60, help="plies of a game after its opening")
    args = parser.parse_args(argv)
    net = load_net(args.net, "cpu", 1, print)
    searched(net, Line(net.game), 64, None)  # compile and prepare everything before measuring
    asked = [0, 0]
    seconds = [0.0, 0.0]
    for line in openings(net.game, args.games, seed=1):
        sides = Kept(), Kept()
        for ply in range(args.plies):
            if line.over:
                break
            answers = sides[ply % 2].answers(net.game, net.leaves, _MEMORY)
            by_turns = (0, 1) if ply // 2 % 2 else (1, 0)
            found = {i: searched(net, line, args.sims, answers if i else None) for i in by_turns}
            dear, cheap = found[0][1], found[1][1]
            assert [move.visits for move in dear.read().moves] == [move.visits for move in cheap.read().moves]
            if ply > 1:  # nothing can be known at a side's first move
                for i, (spent, search) in found.items():
                    seconds[i] += spent
                    asked[i] += search.evaluated
            line.push(cheap.choose())
    print(
        f"{args.games} games, {args.sims} simulations a move: {1 - asked[1] / asked[0]:.1%} known, "
        f"{seconds[0] / seconds[1]:.2f} times as fast"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
