"""Run iterations until a budget of hours or iterations is used up; stop and start at will.

pawnzero run models/AgentA --hours 8
pawnzero run models/AgentA --iterations 20
"""

from __future__ import annotations

import argparse
from typing import Any, Dict

from pawnzero.cli.display import shown_progress
from pawnzero.cli.loop_story import LoopStory
from pawnzero.cli.options import (
    add_agent,
    add_device,
    add_iteration_settings,
    add_json,
    natural,
    positive,
    read_device,
    read_settings,
    settings_again,
)
from pawnzero.cli.output import report
from pawnzero.cli.run_screen import RunScreen
from pawnzero.cli.stories import closing_lines, iteration_lines

RESUMES = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_agent(parser, creates=True)
    budget = parser.add_mutually_exclusive_group(required=True)
    budget.add_argument("--hours", type=positive, metavar="H", help="start no iteration after this many hours")
    budget.add_argument("--iterations", type=natural(1), metavar="N", help="run this many more iterations")
    add_iteration_settings(parser)
    add_device(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    config = read_settings(args)
    device = read_device(args)
    from pawnzero.agent import Agent
    from pawnzero.ladder.file import LADDER_FILE
    from pawnzero.pipeline.iteration import run_until

    lived = Agent.open(args.agent_dir) if Agent.is_at(args.agent_dir) else None
    game, model = (lived.game, lived.model) if lived else (config.game, config.model)
    title = f"{args.agent_dir.resolve().name}: {game}, {model.channels}×{model.blocks} net"
    story = LoopStory(
        lived.iterations if lived else [],
        lived.metadata["next_iteration"] if lived else 0,
        hours=args.hours,
        iterations=args.iterations,
        ladder=args.agent_dir / "experiments" / LADDER_FILE,
    )
    with shown_progress(lambda: RunScreen(title, story)) as progress:

        def tell(found: Dict[str, Any]) -> None:
            story.iteration_done(found)
            for line in (*iteration_lines(found), f"  budget     {story.budget()}"):
                progress.note(line)

        figures = run_until(
            args.agent_dir,
            config,
            hours=args.hours,
            iterations=args.iterations,
            device=device,
            use_amp=args.use_amp,
            progress=progress,
            each=tell,
        )
    report(args, figures, closing_lines(args.agent_dir, game, settings_again(args, single=args.iterations == 1)))
    return 0
