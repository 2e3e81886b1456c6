"""Measure how fast this machine runs each part, in one run of two minutes.

pawnzero bench --json
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
    from pawnzero.bench import run_bench

    with shown_progress() as progress:
        figures = run_bench(progress, device=read_device(args))
    report(args, figures, figure_lines(figures))
    return 0
