"""How fast a match between two nets runs beside self-play: simulations a second of both, measured in turns in one run.

    python benchmarks/arena_speed.py --games 100 --rounds 3

Self-play is measured in full swing, with its games spread over 100 plies (as `pawnzero bench` does). The match is measured from
its first move to its last, so its few long games at the end count against it. Both use 64 simulations per move and 64×6 nets
(untrained ones with different seeds, so that games differ).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from typing import Any, Dict, List, Optional, Sequence

from pawnzero.arena.match import play_match
from pawnzero.arena.openings import openings
from pawnzero.arena.players import NetPlayer
from pawnzero.bench import selfplay_speed
from pawnzero.config import Config
from pawnzero.games import get_game
from pawnzero.nets import make_model
from pawnzero.nets.evaluator import NetEvaluator


def selfplay_rate(evaluator: NetEvaluator, options: argparse.Namespace) -> float:
    """Simulations per second of self-play."""
    speed = selfplay_speed(evaluator, Config().search, simulations=options.simulations, seconds=options.seconds)
    return float(speed["simulations"])


def match_rate(evaluators: Sequence[NetEvaluator], games: int, simulations: int, max_plies: int) -> Dict[str, float]:
    """Simulations per second of a whole match, its duration, and the mean length of its games."""
    game = get_game("chess")
    first, second = (
        NetPlayer(game, evaluator, name=str(number), simulations=simulations, search=Config().search)
        for number, evaluator in enumerate(evaluators)
    )
    starts = openings(game, (games + 1) // 2, 0)
    started = time.perf_counter()
    match = play_match(first, second, games=games, openings=starts, game=game, max_plies=max_plies)
    seconds = time.perf_counter() - started
    moves = sum(len(one.line.actions) - one.opening_plies for one in match.played)
    return {"rate": moves * simulations / seconds, "seconds": seconds, "mean_plies": match.mean_plies}


def main(argv: Optional[Sequence[str]] = None) -> int:
    defaults = Config()
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--games", type=int, default=100, help="games of the match")
    parser.add_argument("--simulations", type=int, default=defaults.mcts_sims, help="simulations a move")
    parser.add_argument("--max-plies", type=int, default=defaults.selfplay.max_plies, help="longest game")
    parser.add_argument("--channels", type=int, default=defaults.model.channels, help="width of the nets")
    parser.add_argument("--blocks", type=int, default=defaults.model.blocks, help="residual blocks of the nets")
    parser.add_argument("--seconds", type=float, default=10.0, help="of self-play before and after each match")
    parser.add_argument("--rounds", type=int, default=3, help="matches")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args(argv)
    evaluators = [
        NetEvaluator(make_model("cpu", options.channels, options.blocks, defaults.model.se_ratio, seed=seed), "cpu")
        for seed in (1, 2)
    ]
    selfplay = [selfplay_rate(evaluators[0], options)]
    matches: List[Dict[str, Any]] = []
    for _ in range(options.rounds):
        match = match_rate(evaluators, options.games, options.simulations, options.max_plies)
        selfplay.append(selfplay_rate(evaluators[0], options))
        match["ratio"] = match["rate"] / statistics.mean(selfplay[-2:])  # self-play just before and after it
        matches.append(match)
        if not options.json:
            print(
                f"match {match['rate']:,.0f} simulations/s ({match['seconds']:.1f} s, {match['mean_plies']:.0f} plies a game), "
                f"self-play {selfplay[-2]:,.0f} before and {selfplay[-1]:,.0f} after: {match['ratio']:.3f}",
                flush=True,
            )
    found = {
        "games": options.games,
        "simulations": options.simulations,
        "net": evaluators[0].description,
        "load": list(os.getloadavg()),
        "selfplay": selfplay,
        "matches": matches,
        "ratio": statistics.median(match["ratio"] for match in matches),
    }
    print(json.dumps(found) if options.json else f"ratio {found['ratio']:.3f} (median), load average {found['load']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
