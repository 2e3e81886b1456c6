"""The agent's latest net against its best one, to take its place if it wins.

  pawnzero promote models/AgentA --games 20 --threshold 0.55

It is promoted when its score is above the threshold. Not being promoted is no failure.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from pawnzero.cli.display import shown_progress
from pawnzero.cli.options import add_agent, add_device, add_json, add_settings, read_device, read_settings
from pawnzero.cli.output import report
from pawnzero.cli.stories import match_line, promotion_line


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_agent(parser, creates=False)
    names = {"eval_games": ("--games", "--eval-games"), "eval_threshold": ("--threshold", "--eval-threshold")}
    add_settings(parser, "eval_games", "eval_threshold", "mcts_sims", "selfplay.max_plies", "seed", names=names)
    parser.add_argument("--openings", type=Path, metavar="FILE", help="EPD or PGN in place of the built-in openings")
    add_device(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    from pawnzero.agent import Agent

    agent = Agent.open(args.agent_dir)
    config = read_settings(args)
    device = read_device(args)
    from pawnzero.promote import evaluate_and_promote

    with shown_progress() as progress:
        figures = evaluate_and_promote(agent, config, device=device, openings_file=args.openings, progress=progress)
    report(args, figures, [match_line(figures), promotion_line(figures)])
    return 0
