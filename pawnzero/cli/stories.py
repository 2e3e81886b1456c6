"""What was done, told in a few lines for people; --json has the rest."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any, List, Mapping

from pawnzero.cli.output import duration, figure

Figures = Mapping[str, Any]


def iteration_lines(found: Figures) -> List[str]:
    """An iteration in four lines. A stage that left no figures is passed over."""
    lines = [f"iteration {found['iteration']}" + (" (finished before)" if found.get("already_done") else "")]
    if found["selfplay"]:
        lines.append(f"  self-play  {selfplay_line(found['selfplay'])}")
    if found["train"]:
        lines.append(f"  training   {train_line(found['train'])}")
    if found["arena"]:
        lines.append(f"  arena      {match_line(found['arena'])}")
        lines.append(f"  promotion  {promotion_line(found['arena'])}")
    return lines


def selfplay_line(found: Figures) -> str:
    """Games, positions and results of self-play."""
    return (
        f"{found['games']} games, {figure(found['positions'])} positions: {found['first_player_wins']} won by the first side, "
        f"{found['draws']} drawn ({found['adjudicated']} adjudicated), {found['second_player_wins']} lost; "
        f"{figure(found['nodes_per_second'])} nodes/s"
    )


def train_line(found: Figures) -> str:
    """Steps and losses of training."""
    return (
        f"{found['steps_done']} steps to step {found['step']}: loss {figure(found['last_loss'])} "
        f"(policy {figure(found['policy_loss'])}, value {figure(found['value_loss'])}), "
        f"{figure(found['samples_per_second'])} samples/s on {found['device']} in {found['precision']}"
    )


def match_line(found: Figures) -> str:
    """The result of a match, the first player's view, with how sure it is."""
    elo = "Elo undefined"
    if found["elo"] is not None:
        low, high = ("?" if found[name] is None else f"{found[name]:+.0f}" for name in ("elo_low", "elo_high"))
        elo = f"Elo {found['elo']:+.0f} ({low} to {high})"
    return (
        f"{found['first']} against {found['second']}: {found['wins']} won, {found['draws']} drawn, {found['losses']} lost of "
        f"{found['games']}; score {found['score']:.3f}, {elo}"
    )


def promotion_line(found: Figures) -> str:
    """Whether the challenger is the best now, and why."""
    if not found["promoted"]:
        return f"no: the score {found['score']:.3f} is not above {found['threshold']:g}; the best net stays"
    if found["score"] > found["threshold"]:
        return f"yes: the score {found['score']:.3f} is above {found['threshold']:g}; step {found['step']} is the best net now"
    return f"yes: there was no best net yet; step {found['step']} is the first"


def closing_lines(agent_dir: Path) -> List[str]:
    """Where the results lie and what to do next, with commands that work where this one did."""
    program = "pawnzero" if shutil.which("pawnzero") else f"{_short(Path(sys.executable))} -m pawnzero"
    return [
        "",
        f"Results: {agent_dir / 'experiments'} (train.json, arena.csv, last_arena.json, last_arena.pgn with the games)",
        f"Nets:    {agent_dir / 'checkpoints'} (latest.pt learns on, best.pt is the one that plays)",
        "Next:",
        f"  {program} run {agent_dir} --hours 1             goes on learning; stop and start at will",
        f"  {program} arena {agent_dir} random --games 20   says how it does against a random mover",
    ]


def _short(path: Path) -> Path:
    """`path` from here, where it lies below."""
    try:
        return path.relative_to(Path.cwd())
    except ValueError:
        return path


def figure_lines(figures: Figures) -> List[str]:
    """A line a figure, times in words; what is not a single value is left to --json."""
    plain = {name: value for name, value in figures.items() if not isinstance(value, (dict, list, tuple))}
    width = max((len(name) for name in plain), default=0)
    return [
        f"{name.replace('_', ' '):<{width}}  {duration(value) if name == 'seconds' else figure(value)}"
        for name, value in plain.items()
    ]
