"""What answering in 8-bit integers is worth on this CPU, and what it costs: a net in both formats, by turns.

  python benchmarks/int8.py --net shipped:chess --replay models/AgentA/checkpoints/replay.pt
  python benchmarks/int8.py --channels 64 --blocks 6
  ONEDNN_MAX_CPU_ISA=AVX2 python benchmarks/int8.py --net shipped:chess --precision float32
  python benchmarks/int8.py --net shipped:chess --replay models/AgentA/checkpoints/replay.pt --games 800 --sims 32

Prints the positions per second of both formats on one core, their ratio, and the error of the int8 answers; with --games also a
match between the two formats. Positions come from a replay file or from random games. With oneDNN's variable
ONEDNN_MAX_CPU_ISA, convolutions run as on an older CPU.
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Optional, Sequence

from pawnzero.arena.match import play_match
from pawnzero.arena.openings import openings
from pawnzero.arena.players import NetPlayer
from pawnzero.arena.stats import estimate
from pawnzero.config import SearchConfig
from pawnzero.games import GAME_NAMES, get_game
from pawnzero.nets import make_model
from pawnzero.nets.checkpoint import load_checkpoint
from pawnzero.nets.evaluator import NetEvaluator
from pawnzero.nets.quantized import SAMPLE
from pawnzero.replay import ReplayBuffer
from pawnzero.search.evaluator import Question, allocate_question, random_question
from pawnzero.shipped import net_file

_BATCH = 256


def positions(game_name: str, replay: Optional[Path], step: int, size: int) -> Question:
    """Positions drawn from a replay file, or from random games."""
    game = get_game(game_name)
    if replay is None:
        return random_question(game, size)
    drawn = ReplayBuffer(replay, game=game_name).sampler(0).batch(step, size)
    question = allocate_question(game, size)
    question.bits[:], question.scalars[:], question.count[:] = drawn.bits, drawn.scalars, drawn.count
    question.legal[:, : drawn.legal.shape[1]] = drawn.legal
    return question


def seconds(evaluator: NetEvaluator, asked: Question) -> float:
    """Wall-clock seconds of one evaluation of `asked`."""
    began = time.perf_counter()
    evaluator.evaluate(asked)
    return time.perf_counter() - began


def main(argv: Optional[Sequence[str]] = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--net", help="a checkpoint, or shipped:GAME (default: an untrained net)")
    parser.add_argument("--game", choices=GAME_NAMES, default="chess")
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--blocks", type=int, default=6)
    parser.add_argument("--replay", type=Path, help="the file whose positions are asked about (default: random games)")
    parser.add_argument("--precision", default="auto", help="the usual format")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--games", type=int, default=0, help="of a match, int8 against the usual format")
    parser.add_argument("--sims", type=int, default=32)
    args = parser.parse_args(argv)
    if args.net is None:
        net = make_model(channels=args.channels, blocks=args.blocks, game=args.game)
    else:
        net = load_checkpoint(net_file(args.net)).make_net()
    usual = NetEvaluator(net, "cpu", args.precision)
    whole = NetEvaluator(net, "cpu", args.precision, sample=positions(net.game_name, args.replay, 0, SAMPLE))
    print(f"{net.description}: {whole.description}")
    if whole.precision != "int8":
        return 0
    asked, best = positions(net.game_name, args.replay, 1, _BATCH), {usual: float("inf"), whole: float("inf")}
    with ThreadPoolExecutor(1) as alone:
        for evaluator in best:
            alone.submit(evaluator.enter_thread, 1000).result()  # gives this thread a single core
        for _ in range(args.rounds):
            for evaluator in best:
                best[evaluator] = min(best[evaluator], alone.submit(seconds, evaluator, asked).result())
    speeds = ", ".join(f"{evaluator.precision} {_BATCH / shortest:,.0f}" for evaluator, shortest in best.items())
    print(f"positions a second on one core: {speeds}; {best[usual] / best[whole]:.2f} times as fast")
    if args.games:
        game = get_game(net.game_name)
        players = [
            NetPlayer(game, one, name=one.precision, simulations=args.sims, search=SearchConfig(), net=net.description)
            for one in (whole, usual)
        ]
        match = play_match(
            *players, games=args.games, openings=openings(game, (args.games + 1) // 2, seed=5), game=game, seed=5
        )
        found = estimate(match.pairs)
        print(
            f"int8 against {usual.precision}, {match.games} games at {args.sims} simulations: +{match.wins} ={match.draws} "
            f"-{match.losses}, score {found.score:.3f} ({found.score_low:.3f} to {found.score_high:.3f})"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
