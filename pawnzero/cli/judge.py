"""Compare a player's moves with perfect play, in a solved game, and count its mistakes.

  pawnzero judge models/AgentA --game tic_tac_toe
  pawnzero judge models/Four --sims 64 --count 3000 --seed 7
  pawnzero judge models/Four --sims 0 --positions positions.txt

A mistake is a move that turns a won position into a draw or a loss, or a drawn one into a loss. Tic-tac-toe is judged on all
its 4,520 positions that are not over. Connect four is judged on a sample fixed by the seed, or on a file with one position per
line, written as the columns played (44455); it needs a solver: pip install bitbully. With --sims 0 the raw policy plays.
docs/judging.md says what each figure means.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, List, Mapping, Optional, Tuple

from pawnzero.cli.display import shown_progress
from pawnzero.cli.options import add_device, add_json, add_settings, add_sims, natural, read_device, read_settings
from pawnzero.cli.output import report
from pawnzero.words import counted

_COUNT = 600
"""Default number of positions to sample."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "player", metavar="PLAYER", help="an agent's directory (its best net), a checkpoint file, shipped:GAME or random"
    )
    parser.add_argument("--game", metavar="NAME", help="connect_four or tic_tac_toe (default: the one the player's net plays)")
    parser.add_argument("--positions", type=Path, metavar="FILE", help="judge the positions in this file, one per line")
    parser.add_argument(
        "--count",
        type=natural(1),
        metavar="N",
        help=f"connect_four: positions to sample, a third from each phase (default: {_COUNT})",
    )
    add_sims(parser)
    add_settings(parser, "seed")
    add_device(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    config = read_settings(args)
    device = read_device(args)
    from pawnzero.arena.players import check_player, game_of, parse_player
    from pawnzero.errors import UsageError
    from pawnzero.games import get_game
    from pawnzero.judge import judge, read_positions, sample_positions, solver_for

    if args.positions is not None and args.count is not None:
        raise UsageError("--count is for sampled positions, but a file is judged whole; expected --count or --positions")
    check_player(args.player)
    game = get_game(args.game or game_of(args.player) or config.game)
    solver = solver_for(game)
    simulations = config.mcts_sims if args.sims is None else args.sims
    source, lines = ("all", solver.all_lines()) if args.positions is None else ("file", read_positions(game, args.positions))
    if args.count is not None and lines is not None:
        raise UsageError(f"--count is for sampled positions, but {game.name} is judged on all its {len(lines):,}; leave it out")
    player = parse_player(
        args.player, game=game, device=device, simulations=simulations, search=config.search, seed=config.seed
    )
    with player, shown_progress() as progress:
        if lines is None:
            source, lines = "sample", sample_positions(solver, args.count or _COUNT, config.seed, progress)
        found = judge(player, lines, solver, progress).to_json(sampled=source != "all")
    origin = {"game": game.name, "player": player.name, **player.details, "source": source, "seed": config.seed}
    report(args, {**origin, **found}, [_judged(origin), *_lines(found)])
    return 0


def _judged(origin: Mapping[str, Any]) -> str:
    """Which player was judged, and on which positions."""
    who = origin["player"]
    if "Net" in origin:
        sims = int(origin["Simulations"])
        how = f"with {counted(sims, 'simulations')} per move" if sims else "by its raw policy (0 simulations)"
        who = f"{origin['Net']}, {how}"
    which = {"all": "all positions", "file": "the file's positions", "sample": f"a sample with seed {origin['seed']}"}
    return f"{who}: {origin['game']}, {which[origin['source']]}"


def _lines(found: Mapping[str, Any]) -> List[str]:
    """A table with a row for each phase and one for all positions."""
    heads = ("", "positions", "mistakes", "rate", "95 % interval", "informative", "fastest wins", "value sign")
    rows = [heads] + [_row(name, figures) for name, figures in (*found["phases"].items(), ("all", found))]
    widths = [max(map(len, column)) for column in zip(*rows)]
    return ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows]


def _row(name: str, figures: Mapping[str, Any]) -> Tuple[str, ...]:
    return (
        name,
        f"{figures['positions']:,}",
        f"{figures['mistakes']:,}",
        _percent(figures["mistake_rate"]),
        _interval(figures["mistake_rate_low"], figures["mistake_rate_high"]),
        f"{figures['informative']:,}",
        _percent(figures["fastest_win_rate"]),
        _percent(figures["value_sign_accuracy"]),
    )


def _percent(share: Optional[float]) -> str:
    return "–" if share is None else f"{100 * share:.2f} %"


def _interval(low: Optional[float], high: Optional[float]) -> str:
    return "–" if low is None or high is None else f"{100 * low:.2f} to {100 * high:.2f} %"
