"""Play the agent's latest net against its best one, and promote it if it does well enough.

  pawnzero promote models/AgentA --games 20 --threshold 0.55

The latest net is promoted if its score is above the threshold. With --promotion sprt it is promoted if a sequential test of
--elo0 against --elo1 accepts --elo1; the match then ends as soon as the test is decided, after --games at the latest. Not being
promoted is no failure.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from pawnzero.cli.display import shown_progress
from pawnzero.cli.options import add_agent, add_device, add_json, add_settings, read_device, read_settings
from pawnzero.cli.output import report
from pawnzero.cli.stories import match_lines, promotion_line


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_agent(parser, creates=False)
    own = ("eval_games", "eval_threshold", "eval_promotion", "eval_elo0", "eval_elo1")
    flags = [key.replace("_", "-") for key in own]
    names = {key: (f"--{flag[len('eval-') :]}", f"--{flag}") for key, flag in zip(own, flags)}
    add_settings(parser, *own, "mcts_sims", "selfplay.max_plies", "seed", names=names)
    parser.add_argument("--openings", type=Path, metavar="FILE", help="EPD or PGN in place of the built-in openings")
    add_device(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    from pawnzero.agent import Agent

    agent = Agent.open(args.agent_dir)
    config = read_settings(args)
    device = read_device(args)
    from pawnzero.pipeline.promote import evaluate_and_promote

    with shown_progress() as progress:
        figures = evaluate_and_promote(agent, config, device=device, openings_file=args.openings, progress=progress)
    report(args, figures, [*match_lines(figures), promotion_line(figures)])
    return 0
