"""Run one whole iteration of an agent: self-play, train, evaluate, promote.

  pawnzero iterate models/AgentA --num-selfplay 10
  pawnzero iterate models/AgentA --iteration 0 --num-selfplay 5 --trainer-iters 100 --eval-games 20

An interrupted iteration resumes where it stopped. For a finished one the command says so and does nothing.
"""

from __future__ import annotations

import argparse

from pawnzero.cli.display import shown_progress
from pawnzero.cli.options import (
    add_agent,
    add_device,
    add_iteration_settings,
    add_json,
    natural,
    read_device,
    read_settings,
    settings_again,
)
from pawnzero.cli.output import report
from pawnzero.cli.stories import closing_lines, iteration_lines

RESUMES = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_agent(parser, creates=True)
    parser.add_argument("--iteration", type=natural(0), metavar="N", help="number of the iteration (default: the next)")
    add_iteration_settings(parser)
    add_device(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    config = read_settings(args)
    device = read_device(args)
    from pawnzero.agent import Agent
    from pawnzero.pipeline.iteration import run_iteration

    with shown_progress() as progress:
        figures = run_iteration(
            args.agent_dir, config, iteration=args.iteration, device=device, use_amp=args.use_amp, progress=progress
        )
    lines = closing_lines(args.agent_dir, Agent.open(args.agent_dir).game, settings_again(args, single=True))
    report(args, figures, [*iteration_lines(figures), *lines])
    return 0
