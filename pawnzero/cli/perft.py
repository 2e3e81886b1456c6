"""Count the leaves of the tree of legal moves at a given depth, which tests the rules and measures their speed.

pawnzero perft startpos 6
pawnzero perft --game connect_four startpos 8
pawnzero perft "r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1" 5
"""

from __future__ import annotations

import argparse
import time

from pawnzero.cli.display import shown_progress
from pawnzero.cli.options import add_json, natural
from pawnzero.cli.output import figure, report
from pawnzero.words import counted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "position",
        nargs="+",
        metavar="FEN_OR_startpos",
        help="startpos, or a FEN (in other games, a position in the game's own notation)",
    )
    parser.add_argument("depth", type=natural(0), metavar="DEPTH", help="depth in plies")
    parser.add_argument(
        "--game", default="chess", metavar="NAME", help="the game; others are counted more slowly than chess (default: chess)"
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    from pawnzero.games import get_game
    from pawnzero.games.chess.perft import check_depth
    from pawnzero.games.chess.perft import perft as perft_of_chess
    from pawnzero.games.perft import perft
    from pawnzero.progress import Progress

    check_depth(args.depth)
    game = get_game(args.game)
    state = game.parse(" ".join(args.position))

    def count(depth: int, progress: Progress) -> int:
        return perft_of_chess(state, depth, progress) if game.name == "chess" else perft(game, state, depth)

    count(2, Progress())  # compile and load everything before the clock starts
    began = time.perf_counter()
    with shown_progress() as progress:
        nodes = count(args.depth, progress)
    seconds = time.perf_counter() - began
    figures = {"nodes": nodes, "seconds": seconds, "nodes_per_second": nodes / seconds}
    report(args, figures, [f"{counted(nodes, 'nodes')} in {seconds:.3f} s, {figure(nodes / seconds)} nodes/s"])
    return 0
