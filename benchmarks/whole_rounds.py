"""What taking a round's leaves at once costs in strength: a net against itself, which takes one leaf of a position at a time.

    python benchmarks/whole_rounds.py --games 240

The score is that of the side that takes whole rounds in a wave. Both sides have the same net, simulations and openings.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Optional, Sequence

from pawnzero.arena.match import play_match
from pawnzero.arena.openings import openings
from pawnzero.arena.players import parse_player
from pawnzero.config import SearchConfig
from pawnzero.games import get_game

_FIGURES = ("games", "wins", "draws", "losses", "score", "elo", "elo_low", "elo_high", "distinct_games")


def main(argv: Optional[Sequence[str]] = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--net", default="shipped:chess", help="a checkpoint of chess")
    parser.add_argument("--games", type=int, default=240, help="games of the match")
    parser.add_argument("--simulations", type=int, default=64, help="simulations a move")
    parser.add_argument("--seed", type=int, default=5, help="of the openings")
    options = parser.parse_args(argv)
    game = get_game("chess")
    rounds, one = (
        parse_player(options.net, game=game, device="cpu", simulations=options.simulations, search=search)
        for search in (SearchConfig(), SearchConfig(leaves_per_tree=1))
    )
    starts = openings(game, (options.games + 1) // 2, options.seed)
    found = play_match(rounds, one, games=options.games, openings=starts, game=game).to_json()
    print(json.dumps({name: found[name] for name in _FIGURES}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
