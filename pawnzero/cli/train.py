"""Train the agent's net for more epochs on its replay buffer.

pawnzero train models/AgentA --epochs 10 --iters-per-epoch 100
pawnzero train models/AgentA --device cuda --batch-size 128 --use-amp --epochs 20

With several GPUs torchrun starts one process per GPU. They divide each step's samples, and the result is that of one process:
`torchrun --nproc_per_node=4 -m pawnzero train models/AgentA --grad-accum-steps 4`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from pawnzero.cli.display import shown_progress
from pawnzero.cli.options import add_amp, add_device, add_json, add_settings, natural, read_device, read_settings
from pawnzero.cli.output import report
from pawnzero.cli.stories import figure_lines
from pawnzero.errors import UsageError

TOGETHER = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("agent", nargs="?", type=Path, metavar="AGENT_DIR", help="the agent's directory (must exist)")
    parser.add_argument("--agent-dir", type=Path, metavar="AGENT_DIR", help="the same, as a flag")
    parser.add_argument("--epochs", type=natural(1), default=1, metavar="N", help="epochs to train (default: 1)")
    names = {"trainer_iters": ("--iters-per-epoch", "--trainer-iters")}
    keys = (
        "trainer_iters",
        "batch_size",
        "grad_accum_steps",
        "trainer.lr",
        "trainer.schedule",
        "trainer.schedule_steps",
        "keep_checkpoints",
        "seed",
    )
    add_settings(parser, *keys, names=names)
    add_amp(parser)
    add_device(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    if len({args.agent, args.agent_dir} - {None}) != 1:
        raise UsageError("expected one agent's directory, as AGENT_DIR or --agent-dir AGENT_DIR")
    from pawnzero.agent import Agent

    args.agent_dir = args.agent_dir or args.agent
    agent = Agent.open(args.agent_dir)
    config = read_settings(args)
    device = read_device(args)
    from pawnzero.pipeline.training import train_stage
    from pawnzero.train.team import joined

    with shown_progress() as progress, joined(device, progress) as team:
        figures = train_stage(
            agent, config, epochs=args.epochs, device=device, use_amp=args.use_amp, progress=progress, team=team
        )
        if team.leads:
            report(args, figures, figure_lines(figures))
    return 0
