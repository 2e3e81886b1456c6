"""Check the rules (perft counts) and the encoder (round trips). Exit code 1 on any mismatch.

pawnzero check
pawnzero check --full --plies 1000000
pawnzero check --game connect_four

The perft counts are those of chess. --game also checks that a game, such as one of your own, keeps the contract that all games
share (docs/extending.md).
"""

from __future__ import annotations

import argparse
from typing import Any

from pawnzero.cli.display import shown_progress
from pawnzero.cli.options import add_json, natural
from pawnzero.cli.output import figure, report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--full", action="store_true", help="perft to the full published depths (about ten seconds)")
    parser.add_argument(
        "--plies", type=natural(0), default=0, metavar="N", help="also compare N plies of random play with python-chess"
    )
    parser.add_argument("--game", metavar="NAME", help="also play this game at random and check that it keeps the contract")
    parser.add_argument(
        "--seed", type=natural(0, (1 << 63) - 1), default=0, metavar="N", help="seed of the random play (default: 0)"
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    from pawnzero.checks.rules import run_checks

    with shown_progress() as progress:
        level = "full" if args.full else "quick"
        found = run_checks(level, plies=args.plies, seed=args.seed, progress=progress, game=args.game)
    width = max(len(row.name) for row in found.rows)
    verdict = "All checks passed." if found.ok else "Some checks failed; nothing trained here can be trusted."
    report(args, found.to_json(), [*(_row_line(row, width) for row in found.rows), verdict])
    return 0 if found.ok else 1


def _row_line(row: Any, width: int) -> str:
    """A `checks.rules.Row` as one line of the table."""
    verdict = "ok" if row.ok else f"WRONG: {figure(row.found)}, expected {figure(row.expected)}"
    count = figure(row.expected) if isinstance(row.expected, int) else ""
    return f"{row.section:<5}  {row.name:<{width}}  {count:>11}  {row.seconds:6.2f} s  {verdict}"
