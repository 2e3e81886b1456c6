"""What keeping the net's answers is worth: the same self-play games with and without, by turns.

  python benchmarks/kept_answers.py --checkpoint models/Four/checkpoints/latest.pt
  python benchmarks/kept_answers.py --game chess --sims 64 --games 64

Prints the share of leaves that were in the cache, and the speed-up of self-play in CPU time, which other work on the machine
hardly affects.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Tuple

from pawnzero.config import Config
from pawnzero.games import GAME_NAMES, get_game
from pawnzero.nets import make_model
from pawnzero.nets.checkpoint import load_checkpoint
from pawnzero.nets.evaluator import NetEvaluator
from pawnzero.selfplay.loop import play_games
from pawnzero.selfplay.table import Workload


def play(evaluator: NetEvaluator, game: str, games: int, sims: int, plies: int, kept: bool) -> Tuple[float, int]:
    """CPU seconds, and the number of positions that the net evaluated."""
    config = Config()
    workload, began = Workload(), time.process_time()
    for _ in play_games(
        get_game(game),
        evaluator,
        range(games),
        simulations=sims,
        search=replace(config.search, keep_answers=kept),
        settings=replace(config.selfplay, max_plies=plies),
        seed=0,
        workload=workload,
    ):
        pass
    return time.process_time() - began, workload.evaluated


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", type=Path, help="whose net plays (default: an untrained one of 64×6)")
    parser.add_argument("--game", choices=GAME_NAMES, default="chess")
    parser.add_argument("--games", type=int, default=256)
    parser.add_argument("--sims", type=int, default=64)
    parser.add_argument("--max-plies", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    if args.checkpoint is None:
        game, net = args.game, make_model(game=args.game)
    else:
        checkpoint = load_checkpoint(args.checkpoint)
        game, net = checkpoint.game, checkpoint.make_net()
    evaluator = NetEvaluator(net, "cpu")
    play(evaluator, game, 8, 4, 8, True)  # compile and prepare everything before measuring
    ratios, share = [], 0.0
    for _ in range(args.rounds):
        without, dear = play(evaluator, game, args.games, args.sims, args.max_plies, False)
        with_answers, cheap = play(evaluator, game, args.games, args.sims, args.max_plies, True)
        ratios.append(without / with_answers)
        share = 1.0 - cheap / dear
    told = ", ".join(f"{ratio:.2f}" for ratio in ratios)
    print(
        f"{game}, {args.games} games, {args.sims} simulations: {share:.1%} known, {median(ratios):.2f} times as fast ({told})"
    )


if __name__ == "__main__":
    main()
