"""How charts are drawn: matplotlib figures in one calm style, as PNG, or as SVG that takes the page's own colours.

matplotlib is imported only when a chart is drawn; ModuleNotFoundError is raised then if it is not installed. The colours are
those of Okabe and Ito ("Color Universal Design", 2008), which most colour-blind people can tell apart; lines that cross also
differ in dash or marker.
"""

from __future__ import annotations

import io
import math
import re
import textwrap
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
"""Colours by name, for light paper.

In the SVG each becomes a CSS variable of that name (`--blue`), which dark mode redefines.
"""

SERIES = ("blue", "orange", "green", "red", "sky", "pink", "grey", "yellow")
"""Names of the colours for series, in order of use."""

DASHED = (0, (4, 2.5))
"""matplotlib's description of a dashed line."""

HALF = (5.3, 3.0)
WIDE = (10.9, 3.2)
"""Chart sizes in inches: half the page's width, and all of it."""

MANY = 40
"""With more points, bars or intervals than this, they are drawn finer."""

_PNG_DPI = 150
_GAP = 0.045
"""Height of one line of a label at the right edge, as a share of the axis."""
_BESIDE, _NAMES = 0.008, 1.03
"""Distance between intervals at the right edge, and where names begin, as shares of the axis from the left."""
_LABEL = 30
_LINES = 2
"""Characters in a line of such a label, and its maximum number of lines; the rest is cut."""


@contextmanager
def style(name: str) -> Iterator[None]:
    """Context manager with the settings of every chart, for drawing and saving. `name` makes the ids in its SVG unique."""
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
    """A figure of `size` inches with this many charts in a row."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=size)
    return figure, list(figure.subplots(1, columns, sharey=share_y, squeeze=False)[0])


def write_png(figure: Figure, path: Path) -> None:
    """Write the picture to `path`, which also fixes its layout. Raises PawnzeroError if it cannot be written."""
    with replacing(path) as stream:
        figure.savefig(stream, format="png", dpi=_PNG_DPI)
    figure.set_layout_engine("none")


def as_svg(figure: Figure) -> str:
    """The picture as an `<svg>` element for a page that defines a CSS variable for each of COLOURS; no external references."""
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


def with_interval(
    place: Axes, xs: Sequence[float], rows: Sequence[Mapping[str, Any]], name: str, colour: str, line: bool = True
) -> None:
    """Points of `name`, joined if `line`, with error bars from `name`_low to `name`_high; a bound that is None is not drawn."""
    ys = [row[name] for row in rows]
    low = [max(0.0, y - row[f"{name}_low"]) if row.get(f"{name}_low") is not None else 0.0 for y, row in zip(ys, rows)]
    high = [max(0.0, row[f"{name}_high"] - y) if row.get(f"{name}_high") is not None else 0.0 for y, row in zip(ys, rows)]
    width, cap = (0.6, 0.0) if len(ys) > MANY else (1.1, 2.5)
    place.errorbar(xs, ys, yerr=[low, high], color=colour, fmt="o-" if line else "none", elinewidth=width, capsize=cap)


def plain_ticks(axis: Any, whole: bool = False) -> None:
    """Tick labels as people write them (0.5, 20 k, 1.5 M); `whole`: only at integers."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axis.set_major_locator(MaxNLocator(nbins=5, integer=whole))
    axis.set_major_formatter(FuncFormatter(lambda value, _: short_number(value)))


def short_number(value: float) -> str:
    """A number with few digits: 0.25, 640, 12.5 k, 3 M."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.4g}\N{NARROW NO-BREAK SPACE}{letter}"
    return f"{value:.4g}"


def label_right(place: Axes, rows: Sequence[Tuple[float, Optional[float], Optional[float], str]]) -> None:
    """Write names beside the right edge at their heights, with their intervals as bars on the edge, clipped to the chart.

    Names that would overlap are moved apart; a line connects each height to its name.

    rows: (height, low, high, name) from the lowest up; no bar if low or high is None
    """
    bottom, top = place.get_ylim()
    heights = [(height - bottom) / (top - bottom) for height, *_ in rows]
    texts = [_label(name) for *_, name in rows]
    at = _apart(heights, [_GAP * (text.count("\n") + 1) for text in texts])
    place.set_ylim(bottom, top)  # otherwise the lines below would change it, and with it all heights
    for place_in_row, ((_, low, high, _), height, share, text) in enumerate(zip(rows, heights, at, texts)):
        if low is not None and high is not None:
            across = place.get_yaxis_transform()
            grey, ends = COLOURS["grey"], (max(low, bottom), min(high, top))
            right = 1.0 + _BESIDE * (place_in_row % 3)  # so that neighbours do not cover each other
            place.plot((right, right), ends, "_-", transform=across, color=grey, linewidth=1.1, markersize=5, clip_on=False)
        place.plot(
            (1.0, _NAMES), (height, share), transform=place.transAxes, color=COLOURS["grey"], linewidth=0.8, clip_on=False
        )
        place.annotate(
            text,
            (_NAMES, share),
            xycoords="axes fraction",
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
            color=COLOURS["quiet"],
        )


def _label(name: str) -> str:
    """A name in lines of at most _LABEL characters, a bracketed part on a line of its own; cut after _LINES lines."""
    lines = [line for part in name.replace(" (", "\n(").split("\n") for line in textwrap.wrap(part, _LABEL)]
    kept = lines[:_LINES]
    if len(lines) > _LINES:
        kept[-1] = f"{kept[-1][: _LABEL - 1]}…"
    return "\n".join(kept)


def _apart(heights: Sequence[float], sizes: Sequence[float]) -> List[float]:
    """Positions for labels of these `sizes` near `heights` (from the lowest up), without overlap.

    None is above the top of the chart as long as there is room below.
    """
    places, floor = [], -math.inf
    for height, size in zip(heights, sizes):
        places.append(max(height, floor + size / 2))
        floor = places[-1] + size / 2
    ceiling = max(1.0 + _GAP / 2, sum(sizes) - _GAP / 2)
    for index in reversed(range(len(places))):
        places[index] = min(places[index], ceiling - sizes[index] / 2)
        ceiling = places[index] - sizes[index] / 2
    return places
