"""How a chart is drawn: matplotlib figures in one calm style, as a PNG file or as SVG that takes the page's own colours.

Nothing of matplotlib is imported before a chart is asked for; where it is not installed, ModuleNotFoundError says so then.
Colours are those of Okabe and Ito ("Color Universal Design", 2008), which most colour-blind people tell apart; where lines
cross they differ in dash or marker as well.
"""

from __future__ import annotations

import io
import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from pawnzero.files import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS: Dict[str, str] = {
    "ink": "#20242c",
    "quiet": "#69707d",
    "grid": "#e3e6ea",
    "paper": "#fefefe",
    "blue": "#0072b2",
    "orange": "#e69f00",
    "green": "#009e73",
    "red": "#d55e00",
    "sky": "#56b4e9",
    "pink": "#cc79a7",
    "grey": "#9aa0aa",
    "yellow": "#e8d93f",
}
"""Colours on light paper by name. In SVG each is the page's variable of that name (`--blue`): dark paper has its own."""

SERIES = ("blue", "orange", "green", "red", "sky", "pink", "grey", "yellow")
"""Names of the colours that tell series apart, in the order in which they are given out."""

HALF = (5.3, 3.0)
WIDE = (10.9, 3.2)
"""Sizes of charts, in inches: beside another one, or across the page."""

_PNG_DPI = 150
_GAP = 0.055
"""Least distance between two labels at the right edge, as a share of the axis."""
_LABEL = 32
"""Characters of a label at the right edge; longer ones are cut."""


@contextmanager
def style(name: str) -> Iterator[None]:
    """Draw and save inside: the settings of every chart. `name` makes the ids in its SVG its own."""
    import matplotlib

    settings: Dict[Any, Any] = {
        "axes.edgecolor": COLOURS["quiet"],
        "axes.facecolor": "none",
        "axes.grid": True,
        "axes.grid.axis": "y",
        "axes.axisbelow": True,
        "axes.labelcolor": COLOURS["quiet"],
        "axes.labelsize": 9,
        "axes.spines.left": False,
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlecolor": COLOURS["ink"],
        "axes.titlelocation": "left",
        "axes.titlesize": 10,
        "figure.constrained_layout.use": True,
        "figure.facecolor": COLOURS["paper"],
        "font.family": "sans-serif",
        "font.size": 9,
        "grid.color": COLOURS["grid"],
        "grid.linewidth": 0.8,
        "legend.fontsize": 9,
        "legend.frameon": False,
        "legend.labelcolor": COLOURS["ink"],
        "lines.linewidth": 1.8,
        "lines.markersize": 4.5,
        "svg.fonttype": "none",
        "svg.hashsalt": name,
        "text.color": COLOURS["ink"],
        "xtick.color": COLOURS["quiet"],
        "ytick.color": COLOURS["quiet"],
        "ytick.left": False,
    }
    with matplotlib.rc_context(settings):
        yield


def axes(size: Tuple[float, float], columns: int = 1, share_y: bool = False) -> Tuple[Figure, List[Axes]]:
    """A figure of `size` inches with so many charts in a row."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=size)
    return figure, list(figure.subplots(1, columns, sharey=share_y, squeeze=False)[0])


def write_png(figure: Figure, path: Path) -> None:
    """Replace `path` by the picture. Raises PawnzeroError where it cannot be written."""
    with replacing(path) as stream:
        figure.savefig(stream, format="png", dpi=_PNG_DPI)


def as_svg(figure: Figure) -> str:
    """The picture as an `<svg>` element for a page that has a CSS variable for each of COLOURS; without outside references."""
    stream = io.StringIO()
    figure.savefig(stream, format="svg", transparent=True)
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*|<style.*?</style>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r' xmlns:xlink="[^"]*"| (?:width|height)="[\d.]+pt"| version="[\d.]+"', "", text, count=4)
    text = re.sub(r' id="[A-Za-z.]+[\dA-Za-z]*_\d+"', "", text)  # the same in every figure, and nothing refers to them
    text = text.replace("xlink:href", "href")
    for name, colour in COLOURS.items():
        text = text.replace(colour, f"var(--{name})")
    return text


def ladder_picture(ladder: Mapping[str, Any], path: Path) -> bool:
    """Write the chart of a ladder (see `ladder_figure`) as a PNG file; False where there is nothing to draw yet.

    Raises ModuleNotFoundError where matplotlib is missing, PawnzeroError where the file cannot be written.
    """
    with style(path.stem):
        figure = ladder_figure(ladder)
        if figure is not None:
            write_png(figure, path)
    return figure is not None


_SPENT = (
    ("positions", "self-play positions"),
    ("step", "training steps"),
    ("hours", "hours of wall-clock time"),
)


def ladder_figure(ladder: Mapping[str, Any]) -> Optional[Figure]:
    """Strength of an agent's checkpoints against what had been spent on them, engines as level lines; 95 % intervals.

    ladder: as experiments/ladder.json holds it. None where no checkpoint has a rating yet. Drawn within `style`.
    """
    rated = [player for player in ladder.get("players", []) if player.get("elo") is not None]
    own = [player for player in rated if player.get("kind") == "checkpoint"]
    panels = [
        (key, label, points)
        for key, label in _SPENT
        for points in [sorted((player for player in own if player.get(key) is not None), key=lambda player: player[key])]
        if points
    ]
    if not panels:
        return None
    figure, places = axes((WIDE[0], 3.8), len(panels), share_y=True)
    others = sorted((player for player in rated if player.get("kind") != "checkpoint"), key=lambda player: player["elo"])
    for place, (key, label, points) in zip(places, panels):
        for player in others:
            place.axhline(player["elo"], color=COLOURS["grey"], linewidth=1.0, linestyle=(0, (4, 3)))
        with_interval(place, [player[key] for player in points], points, "elo", COLOURS["blue"])
        place.set_xlabel(label)
        plain_ticks(place.xaxis)
    anchor = (ladder.get("anchor") or {}).get("player")
    places[0].set_ylabel(f"Elo above {anchor}" if anchor else "Elo")
    label_right(places[-1], [(player["elo"], player["name"]) for player in others])
    return figure


def with_interval(place: Axes, xs: Sequence[float], rows: Sequence[Mapping[str, Any]], name: str, colour: str) -> None:
    """A line of `name` with error bars from `name`_low to `name`_high; a bound that is None is not drawn."""
    ys = [row[name] for row in rows]
    low = [max(0.0, y - row[f"{name}_low"]) if row.get(f"{name}_low") is not None else 0.0 for y, row in zip(ys, rows)]
    high = [max(0.0, row[f"{name}_high"] - y) if row.get(f"{name}_high") is not None else 0.0 for y, row in zip(ys, rows)]
    place.errorbar(xs, ys, yerr=[low, high], color=colour, marker="o", elinewidth=1.1, capsize=2.5)


def plain_ticks(axis: Any, whole: bool = False) -> None:
    """Tick labels as people write them (0.5, 20 k, 1.5 M); `whole`: only at whole numbers."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axis.set_major_locator(MaxNLocator(nbins=6, integer=whole))
    axis.set_major_formatter(FuncFormatter(lambda value, _: short_number(value)))


def short_number(value: float) -> str:
    """A number with few digits: 0.25, 640, 12.5 k, 3 M."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.4g}\N{NARROW NO-BREAK SPACE}{letter}"
    return f"{value:.4g}"


def label_right(place: Axes, labels: Sequence[Tuple[float, str]]) -> None:
    """Names beside the right edge at their heights, moved apart where they would overlap; `labels` from the lowest up."""
    bottom, top = place.get_ylim()
    last = -1.0
    for height, name in labels:
        share = max((height - bottom) / (top - bottom), last + _GAP)
        last = share
        place.annotate(
            name if len(name) <= _LABEL else name[: _LABEL - 1] + "…",
            (1.0, share),
            xycoords="axes fraction",
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=COLOURS["quiet"],
        )
