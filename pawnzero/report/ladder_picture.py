"""The chart of a ladder: the strength of an agent's checkpoints against what had been spent on them.

`pawnzero ladder` writes it as a file, and a report includes it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Mapping, Optional

from pawnzero.report.sources import number
from pawnzero.report.style import COLOURS, DASHED, WIDE, axes, label_right, plain_ticks, style, with_interval, write_png

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SPENT = (
    ("positions", "self-play positions"),
    ("step", "training steps"),
    ("hours", "hours of wall-clock time"),
)


def ladder_picture(ladder: Mapping[str, Any], path: Path) -> bool:
    """Write the chart of a ladder (see `ladder_figure`) as a PNG file; False if there is nothing to draw yet.

    Raises ModuleNotFoundError if matplotlib is missing, PawnzeroError if the file cannot be written.
    """
    with style(path.stem):
        figure = ladder_figure(ladder)
        if figure is not None:
            write_png(figure, path)
    return figure is not None


def ladder_figure(ladder: Mapping[str, Any]) -> Optional[Figure]:
    """Strength of an agent's checkpoints against what had been spent on them, with 95 % intervals.

    Other players are level lines. ladder: the contents of experiments/ladder.json. Returns None if no checkpoint has a rating
    yet.
    """
    rated = [player for player in ladder.get("players", []) if number(player.get("elo")) is not None]
    own = [player for player in rated if player.get("kind") == "checkpoint"]
    known = {key: [player for player in own if number(player.get(key)) is not None] for key, _ in _SPENT}
    panels = [(key, label) for key, label in _SPENT if known[key]]
    if not panels:
        return None
    figure, places = axes((WIDE[0], 4.2), len(panels), share_y=True)
    others = sorted((player for player in rated if player.get("kind") != "checkpoint"), key=lambda player: player["elo"])
    for place, (key, label) in zip(places, panels):
        for player in others:
            place.axhline(player["elo"], color=COLOURS["grey"], linewidth=1.0, linestyle=DASHED)
        points = sorted(known[key], key=lambda player: float(player[key]))
        with_interval(place, [player[key] for player in points], points, "elo", COLOURS["blue"])
        place.set_xlabel(label)
        plain_ticks(place.xaxis)
    anchor = (ladder.get("anchor") or {}).get("player")
    places[0].set_ylabel(f"Elo above {anchor}" if anchor else "Elo")
    named = [(one["elo"], number(one.get("elo_low")), number(one.get("elo_high")), one["name"]) for one in others]
    label_right(places[-1], named)
    return figure
