"""Play self-play games into the agent's replay buffer.

pawnzero selfplay models/AgentA --games 100

If it is interrupted, the finished games are kept; the same command run again plays only the missing ones.
"""

from __future__ import annotations

import argparse

from pawnzero.cli.display import shown_progress
from pawnzero.cli.options import add_agent, add_device, add_json, add_settings, read_device, read_settings
from pawnzero.cli.output import report
from pawnzero.cli.stories import figure_lines

RESUMES = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_agent(parser, creates=True)
    names = {"num_selfplay": ("--games", "--num-selfplay")}
    keys = (
        "num_selfplay",
        "mcts_sims",
        "selfplay.max_plies",
        "replay_capacity",
        "seed",
        "game",
        "model.channels",
        "model.blocks",
    )
    add_settings(parser, *keys, names=names)
    add_device(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    config = read_settings(args)
    config.check_selfplay()  # before an agent is created
    device = read_device(args)
    from pawnzero.agent import Agent
    from pawnzero.pipeline.selfplay import selfplay_stage

    with shown_progress() as progress:
        agent = Agent.open_or_create(args.agent_dir, config, progress)
        figures = selfplay_stage(agent, config, games=config.num_selfplay, device=device, progress=progress)
    report(args, figures, figure_lines(figures))
    return 0
