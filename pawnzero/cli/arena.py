"""Play a match between two players and say how certain its result is.

  pawnzero arena models/AgentA models/AgentB --games 100
  pawnzero arena models/AgentA/checkpoints/ckpt_000100.pt random --games 20
  pawnzero arena models/AgentA models/AgentB --games 1000 --sprt 0 35
  pawnzero arena models/AgentA "uci:stockfish;Skill Level=0;nodes=1000" --games 50 --pgn games.pgn

A player is an agent's directory (its best net), a checkpoint file, lc0's weights (.pb.gz), shipped:GAME, random, or a UCI
engine as uci:COMMAND;OPTION=VALUE;… where nodes=, depth= and movetime= (ms) are its limits. Wins, draws and losses are the
first player's. With --sprt the match ends early, as soon as its pairs of games decide between the two Elo differences.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import Optional

from pawnzero.arena.sequential import Hypotheses
from pawnzero.cli.display import shown_progress
from pawnzero.cli.options import add_device, add_json, add_settings, add_sims, natural, read_device, read_settings
from pawnzero.cli.output import report
from pawnzero.cli.stories import match_lines
from pawnzero.errors import UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    # Two arguments rather than one of two words, which argparse would not take with a flag between them.
    parser.add_argument(
        "first",
        metavar="PLAYER",
        help="an agent's directory, a checkpoint file, lc0's weights, shipped:GAME, random or uci:COMMAND;OPTION=VALUE;…",
    )
    parser.add_argument("second", metavar="PLAYER", help="whom it plays against, named the same way")
    parser.add_argument("--games", type=natural(1), default=20, metavar="N", help="games to play (default: 20)")
    parser.add_argument(
        "--game", metavar="NAME", help="the game (default: the one the players' nets play, else that of --config, else chess)"
    )
    parser.add_argument("--openings", type=Path, metavar="FILE", help="EPD or PGN in place of the built-in openings")
    parser.add_argument("--pgn", type=Path, metavar="FILE", help="append the games to this PGN file")
    parser.add_argument(
        "--sprt",
        nargs=2,
        type=float,
        metavar=("ELO0", "ELO1"),
        help="stop once a sequential test (SPRT) decides between these Elo differences",
    )
    parser.add_argument(
        "--alpha", type=float, metavar="X", help="chance that the SPRT accepts ELO1 when ELO0 is true (default: 0.05)"
    )
    parser.add_argument(
        "--beta", type=float, metavar="X", help="chance that the SPRT accepts ELO0 when ELO1 is true (default: 0.05)"
    )
    add_sims(parser)
    add_settings(parser, "selfplay.max_plies", "seed")
    add_device(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    hypotheses = _hypotheses(args)
    config = read_settings(args)
    device = read_device(args)
    from pawnzero.arena.match import play_match
    from pawnzero.arena.openings import openings
    from pawnzero.arena.players import check_player, game_of, parse_player
    from pawnzero.games import get_game

    specs = (args.first, args.second)
    for spec in specs:
        check_player(spec)
    game = get_game(args.game or next(filter(None, map(game_of, specs)), config.game))
    starts = openings(game, (args.games + 1) // 2, config.seed, args.openings, max_plies=config.selfplay.max_plies)
    simulations = config.mcts_sims if args.sims is None else args.sims
    player = partial(parse_player, game=game, device=device, simulations=simulations, search=config.search, seed=config.seed)
    with player(args.first) as first, player(args.second) as second, shown_progress() as progress:
        match = play_match(
            first,
            second,
            games=args.games,
            openings=starts,
            game=game,
            max_plies=config.selfplay.max_plies,
            seed=config.seed,
            progress=progress,
            pgn=args.pgn,
            hypotheses=hypotheses,
        )
    figures = match.to_json()
    report(args, figures, match_lines(figures))
    return 0


def _hypotheses(args: argparse.Namespace) -> Optional[Hypotheses]:
    """The test that --sprt, --alpha and --beta describe; None without --sprt. Raises UsageError if they are inconsistent."""
    rates = {name: getattr(args, name) for name in ("alpha", "beta") if getattr(args, name) is not None}
    if args.sprt is None:
        if rates:
            raise UsageError(f"--{next(iter(rates))} needs --sprt ELO0 ELO1, which is not given")
        return None
    return Hypotheses(*args.sprt, **rates)
