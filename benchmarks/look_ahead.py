"""What looking ahead from the leaves (`search.look_ahead`) is worth, and what it costs.

    python benchmarks/look_ahead.py --games 240
    python benchmarks/look_ahead.py --game connect_four --simulations 16

First the same net plays games of self-play with and without, by turns: CPU time a move, as a ratio. Then the two play a match;
the score is that of the side that looks ahead. Both have the same simulations and openings.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from statistics import median
from typing import Optional, Sequence

from pawnzero.arena.match import play_match
from pawnzero.arena.openings import openings
from pawnzero.arena.players import net_player
from pawnzero.config import SearchConfig, SelfplayConfig
from pawnzero.games import GAME_NAMES, get_game
from pawnzero.games.base import Game
from pawnzero.search import Evaluator
from pawnzero.selfplay.loop import play_games
from pawnzero.selfplay.table import Workload
from pawnzero.shipped import net_file

_FIGURES = ("games", "wins", "draws", "losses", "score", "elo", "elo_low", "elo_high", "distinct_games")


def seconds_a_move(game: Game, evaluator: Evaluator, look_ahead: bool, games: int, simulations: int, seed: int) -> float:
    """CPU seconds of self-play for each move."""
    workload, began = Workload(), time.process_time()
    for _ in play_games(
        game,
        evaluator,
        range(games),
        simulations=simulations,
        search=SearchConfig(look_ahead=look_ahead),
        settings=SelfplayConfig(random_opening_share=0.3, random_opening_plies=8),
        seed=seed,
        workload=workload,
    ):
        pass
    return (time.process_time() - began) / workload.positions


def main(argv: Optional[Sequence[str]] = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--game", choices=GAME_NAMES, default="chess")
    parser.add_argument("--net", help="a checkpoint of that game (default: the shipped one)")
    parser.add_argument("--games", type=int, default=240, help="games of the match")
    parser.add_argument("--selfplay-games", type=int, default=24, help="games of each turn of self-play")
    parser.add_argument("--rounds", type=int, default=3, help="turns of self-play")
    parser.add_argument("--simulations", type=int, default=64, help="simulations a move")
    parser.add_argument("--seed", type=int, default=5, help="of the openings")
    options = parser.parse_args(argv)
    game = get_game(options.game)
    path = Path(options.net) if options.net else net_file(f"shipped:{game.name}")
    ahead, plain = (
        net_player(
            path,
            name=f"look_ahead {look_ahead}",
            game=game,
            device="cpu",
            simulations=options.simulations,
            search=SearchConfig(look_ahead=look_ahead),
        )
        for look_ahead in (True, False)
    )
    seconds_a_move(game, ahead.evaluator, True, 2, options.simulations, 0)  # compiles
    ratios = []
    for turn in range(options.rounds):
        without, with_it = (
            seconds_a_move(game, ahead.evaluator, look_ahead, options.selfplay_games, options.simulations, turn)
            for look_ahead in (False, True)
        )
        ratios.append(round(with_it / without, 3))
    starts = openings(game, (options.games + 1) // 2, options.seed)
    found = play_match(ahead, plain, games=options.games, openings=starts, game=game).to_json()
    print(json.dumps({"cpu_time": median(ratios), "cpu_times": ratios, **{name: found[name] for name in _FIGURES}}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
