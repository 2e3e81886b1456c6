"""Write a report of the agent's run: one HTML page with charts, figures and games to replay.

  pawnzero report models/AgentA

You can run it at any time, also while the agent is being trained. The page is experiments/report.html; it needs no network and
no other file. The charts are also in experiments/report as PNG files. Charts need matplotlib: pip install matplotlib.
"""

from __future__ import annotations

import argparse

from pawnzero.cli.options import add_agent, add_json
from pawnzero.cli.output import report
from pawnzero.words import counted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_agent(parser, creates=False)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    from pawnzero.agent import Agent
    from pawnzero.report import write_report
    from pawnzero.report.page import ALARMS

    figures = write_report(Agent.open(args.agent_dir))
    where = f" in {figures['html'].with_suffix('')}" if figures["pictures"] else ""
    charts = f"{counted(len(figures['pictures']), 'charts')}{where}"
    alarms = figures["alarms"]
    lines = [
        f"Is it getting stronger? {figures['headline']}",
        *(f"alarm in iteration {alarm['iteration']}: {alarm['text']}" for alarm in alarms[:ALARMS]),
        *([f"{len(alarms) - ALARMS} older alarms are on the page"] if len(alarms) > ALARMS else []),
        *(f"missing: {sentence}" for sentence in figures["missing"]),
        f"{figures['html']}: {charts}, {counted(figures['replayed_games'], 'games')} to replay",
    ]
    report(args, figures, lines)
    return 0
