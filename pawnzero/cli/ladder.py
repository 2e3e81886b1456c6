"""Rate an agent's checkpoints and some engines on one Elo scale, with the random mover at 0.

  pawnzero ladder models/AgentA
  pawnzero ladder models/AgentA --games 100 --engines stockfish
  pawnzero ladder models/AgentA --engines none --checkpoints 5

Only missing games are played, so the same command resumes after an interruption and adds what is new: checkpoints, engines or
more games per pairing. It may run while the agent is being trained. Results are in experiments/ladder.json and the games in
experiments/ladder/games.pgn; ladder.png is drawn if matplotlib is installed. docs/arena.md says who meets whom and what the
figures mean.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, List, Mapping, Optional

from pawnzero.cli.display import shown_progress
from pawnzero.cli.options import (
    add_agent,
    add_device,
    add_json,
    add_settings,
    add_sims,
    finite,
    natural,
    read_device,
    read_settings,
)
from pawnzero.cli.output import figure, report
from pawnzero.words import counted

RESUMES = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_agent(parser, creates=False)
    parser.add_argument(
        "--games", type=natural(1), default=20, metavar="N", help="games per pairing, played in pairs (default: 20)"
    )
    parser.add_argument(
        "--checkpoints",
        type=natural(1),
        default=12,
        metavar="N",
        help="maximum number of checkpoints, evenly chosen (default: 12)",
    )
    parser.add_argument(
        "--engines",
        metavar="NAMES",
        help="comma-separated, weakest first: fairy-stockfish, stockfish or uci:…; or none (default: those installed)",
    )
    add_sims(parser, 1, "simulations per move of the nets (default: the ladder's own, for a new one mcts_sims)")
    parser.add_argument("--openings", type=Path, metavar="FILE", help="EPD or PGN in place of the built-in openings")
    parser.add_argument(
        "--anchor", metavar="NAME", help="the player whose rating is fixed (default: the ladder's own, at first random)"
    )
    parser.add_argument("--anchor-elo", type=finite, metavar="ELO", help="the anchor's rating (default: 0)")
    add_settings(parser)
    add_device(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    from pawnzero.agent import Agent

    agent = Agent.open(args.agent_dir)
    config = read_settings(args)
    device = read_device(args)
    from pawnzero.ladder.climb import play_ladder

    with shown_progress() as progress:
        found = play_ladder(
            agent,
            config,
            games=args.games,
            simulations=args.sims,
            checkpoints=args.checkpoints,
            wanted_engines=args.engines,
            anchor=args.anchor,
            anchor_elo=args.anchor_elo,
            openings_file=args.openings,
            device=device,
            progress=progress,
        )
    picture = _draw(found, agent.experiments / "ladder.png")
    report(args, found, [*table(found), "", picture])
    return 0


def table(ladder: Mapping[str, Any]) -> List[str]:
    """One line per player, strongest first, and the number of simulations of the nets."""
    width = max(len(_shown(player)) for player in ladder["players"])
    lines = [f"{'player':<{width}}  {'Elo':>6}  {'95 %':^14}  {'games':>6}  {'positions':>11}  {'hours':>7}"]
    for player in ladder["players"]:
        elo, low, high = (_rounded(player[name]) for name in ("elo", "elo_low", "elo_high"))
        between = "" if player["name"] == ladder["anchor"]["player"] else f"{low} to {high}"
        lines.append(
            f"{_shown(player):<{width}}  {elo:>6}  {between:^14}  {player['games']:>6,}  {figure(player['positions']):>11}  "
            f"{figure(player['hours']):>7}"
        )
    return [*lines, f"{counted(ladder['simulations'], 'simulations')} per move of the nets"]


def _shown(player: Mapping[str, Any]) -> str:
    return f"{player['name']} (best)" if player["best"] else str(player["name"])


def _rounded(elo: Optional[float]) -> str:
    return "–" if elo is None else f"{elo:.0f}"


def _draw(ladder: Mapping[str, Any], path: Path) -> str:
    """Draw the ladder beside its figures; says where the picture is, or why there is none."""
    from pawnzero.report.ladder_picture import ladder_picture

    try:
        drawn = ladder_picture(ladder, path)
    except ModuleNotFoundError:
        return "No picture: matplotlib is not installed (pip install matplotlib)."
    return f"Picture: {path}" if drawn else "No picture: no checkpoint has a rating yet."
