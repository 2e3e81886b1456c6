"""Validate the set-up in seconds: prechecks, then one quick game of a small net. Touches no agent.

pawnzero smoke --device cpu
"""

from __future__ import annotations

import argparse

from pawnzero.cli.display import shown_progress
from pawnzero.cli.options import add_device, add_json, read_device
from pawnzero.cli.output import report
from pawnzero.cli.stories import figure_lines


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_device(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    device = read_device(args)
    from pawnzero.checks.smoke import smoke

    with shown_progress() as progress:
        figures = smoke(device=device, progress=progress)
    verdict = "The set-up works." if figures["ok"] else "The set-up does not work:"
    report(args, figures, [*figure_lines(figures), verdict, *(f"  {fault}" for fault in figures["faults"])])
    return 0 if figures["ok"] else 1
