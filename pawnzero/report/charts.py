"""The charts of a report, and what each looks like in a healthy run.

Every function returns a matplotlib figure, or None if its files hold nothing to draw. All are drawn within `style`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Tuple

from pawnzero.pipeline.match_log import UNTRAINED
from pawnzero.report.chart_groups import Layer, bars_together, matches_together, places
from pawnzero.report.ladder_picture import ladder_figure
from pawnzero.report.sources import Run, number
from pawnzero.report.style import (
    COLOURS,
    DASHED,
    HALF,
    MANY,
    SERIES,
    WIDE,
    axes,
    plain_ticks,
    with_interval,
)
from pawnzero.settings import by_dotted_key

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FIRST = "against the untrained net, promoted anyway"
_NEAR = 3.0
"""The ply limit is drawn if it is less than this many times the longest mean length."""
_OUTCOMES = (
    ("first_player_wins", "first side won", "blue"),
    ("draws", "drawn", "grey"),
    ("second_player_wins", "second side won", "orange"),
)


def _ladder(run: Run) -> Optional[Figure]:
    return None if run.ladder is None else ladder_figure(run.ladder)


def _arena(run: Run) -> Optional[Figure]:
    """Match scores with their intervals by iteration; a filled point means that the net was promoted by its score."""
    if not run.matches:
        return None
    figure, (place,) = axes(WIDE)
    together, xs, rows = matches_together(run.matches)
    with_interval(place, xs, rows, "score", COLOURS["blue"], line=False)
    names = ("promoted", "not promoted") if together == 1 else ("a promotion among them", "none promoted")
    looks = (("o", COLOURS["blue"], names[0]), ("o", COLOURS["paper"], names[1]), ("D", COLOURS["paper"], _FIRST))
    for kind, (mark, fill, label) in enumerate(looks):
        chosen = [(x, row["score"]) for x, row in zip(xs, rows) if _kind(row) == kind]
        if chosen:
            size = 6 if len(xs) <= MANY else 3
            place.plot(*zip(*chosen), mark, color=COLOURS["blue"], markerfacecolor=fill, markersize=size, label=label)
    place.axhline(0.5, color=COLOURS["quiet"], linewidth=1.0)
    threshold = number(run.matches[-1].get("threshold"))
    if threshold is not None:
        place.axhline(threshold, color=COLOURS["orange"], linewidth=1.2, linestyle=DASHED, label="promotion threshold")
    place.set_ylim(0, 1)
    place.set_ylabel("score of the newest net")
    by = places(run.matches)[0]
    _by_count(place, by if together == 1 else f"{by} (one point for {together} together)")
    _legend(figure, place)
    return figure


def _kind(row: Mapping[str, Any]) -> int:
    """The kind of a match: 0 promoted, 1 not promoted, 2 no best net to beat."""
    return 2 if row.get("opponent") == UNTRAINED else int(row.get("promoted") is not True)


def heads(run: Run) -> List[str]:
    """Names of the heads' losses in train.json, `policy_loss` and `value_loss` first.

    Excludes their sum and held-out losses.
    """
    found = {
        name: None
        for record in run.training
        for name in record
        if name.endswith("_loss") and not name.startswith("held_out_") and number(record[name]) is not None
    }
    return sorted(found, key=lambda name: (name != "policy_loss", name != "value_loss", name))


def _losses(run: Run) -> Optional[Figure]:
    """A panel for each head's loss, on training samples and on held-out games."""
    names = heads(run)
    if not names:
        return None
    figure, places = axes(WIDE, len(names))
    for place, name in zip(places, names):
        _records(place, run, name, "training", "blue", "-")
        _records(place, run, f"held_out_{name}", "held-out games", "orange", "-")
        place.set_title(name.replace("_", " "))
        _by_step(place)
    places[0].set_ylabel("cross-entropy (nats)" if len(names) == 2 else "loss")
    _legend(figure, places[0])
    return figure


def _entropy(run: Run) -> Optional[Figure]:
    """The entropy of the policy target (the search) and of the net's policy, and their difference."""
    if not any(number(record.get("policy_entropy")) is not None for record in run.training):
        return None
    figure, (place, difference) = axes(WIDE, 2)
    _records(place, run, "policy_entropy", "the net's policy", "blue", "-")
    _records(place, run, "target_entropy", "the search's policy (target)", "orange", "--")
    place.set_title("entropy of the policy")
    place.set_ylabel("nats")
    place.set_ylim(bottom=0)
    both = [(r["step"], number(r.get("policy_entropy")), number(r.get("target_entropy"))) for r in run.training]
    gaps = [(step, net - target) for step, net, target in both if net is not None and target is not None]
    if gaps:
        difference.plot(*zip(*gaps), color=COLOURS["blue"], marker=_marker(len(gaps)))
    difference.axhline(0, color=COLOURS["quiet"], linewidth=1.0)
    difference.set_title("the net's entropy minus the target's")
    _by_step(place)
    _by_step(difference)
    _legend(figure, place)
    return figure


def _results(run: Run) -> Optional[Figure]:
    """Shares of won, drawn and lost self-play games, stacked."""
    return _stacked(run, [(label, colour, dict(run.series("selfplay", name))) for name, label, colour in _OUTCOMES])


def _endings(run: Run) -> Optional[Figure]:
    """Shares of the endings of self-play games, the most frequent at the bottom."""
    total: Dict[str, float] = {}
    counts: Dict[str, Dict[int, float]] = {}
    for one in run.iterations:
        for ending, count in ((one.get("selfplay") or {}).get("endings") or {}).items():
            total[ending] = total.get(ending, 0) + count
            counts.setdefault(ending, {})[one["iteration"]] = count
    ordered = sorted(total, key=lambda ending: -total[ending])
    return _stacked(run, [(ending, SERIES[index % len(SERIES)], counts[ending]) for index, ending in enumerate(ordered)])


def _length(run: Run) -> Optional[Figure]:
    """Mean plies of self-play games and of arena games."""
    played = run.series("selfplay", "mean_plies")
    if not played:
        return None
    figure, (place,) = axes(HALF)
    place.plot(*zip(*played), color=COLOURS["blue"], marker=_marker(len(played)), label="self-play")
    arena = run.series("arena", "mean_plies")
    if arena:
        place.plot(*zip(*arena), color=COLOURS["orange"], linestyle="--", marker=_marker(len(arena)), label="arena")
    limit = number(by_dotted_key(run.agent.metadata.get("config") or {}).get("selfplay.max_plies"))
    if limit is not None and limit < _NEAR * max(plies for _, plies in (*played, *arena)):
        place.axhline(limit, color=COLOURS["quiet"], linewidth=1.0, linestyle=DASHED, label="ply limit, as last used")
    place.set_ylim(bottom=0)
    place.set_ylabel("mean length of a game (plies)")
    _by_count(place, "iteration")
    _legend(figure, place)
    return figure


def _openings(run: Run) -> Optional[Figure]:
    """Number of different openings (the first eight plies) in self-play, beside the number of games."""
    games, different = run.series("selfplay", "games"), run.series("selfplay", "distinct_openings")
    if not different:
        return None
    figure, (place,) = axes(HALF)
    _bars(place, [x for x, _ in games], [("games played", "grid", [y for _, y in games])])
    place.plot(*zip(*different), color=COLOURS["blue"], marker=_marker(len(different)), label="different first eight plies")
    place.set_ylim(bottom=0)
    place.set_ylabel("games per iteration")
    _by_count(place, "iteration")
    _legend(figure, place)
    return figure


def _throughput(run: Run) -> Optional[Figure]:
    """Self-play simulations per second and training samples per second, one panel each."""
    panels = [
        (title, points)
        for title, points in (
            ("self-play: simulations per second", run.series("selfplay", "nodes_per_second")),
            ("training: samples per second", run.series("train", "samples_per_second")),
        )
        if points
    ]
    if not panels:
        return None
    figure, places = axes(WIDE, len(panels))
    for place, (title, points) in zip(places, panels):
        place.plot(*zip(*points), color=COLOURS["blue"], marker=_marker(len(points)))
        place.set_title(title)
        place.set_ylim(bottom=0)
        plain_ticks(place.yaxis)
        _by_count(place, "iteration")
    return figure


class Picture(NamedTuple):
    """A chart of the report.

    name:    of its file · title: its heading · healthy: what it shows, and what it looks like in a healthy run
    draw:    makes the figure · wide: whether it spans the page
    """

    name: str
    title: str
    healthy: str
    draw: Callable[[Run], Optional[Figure]]
    wide: bool


PICTURES: Dict[str, Tuple[Picture, ...]] = {
    "Strength": (
        Picture(
            "ladder",
            "Against players that do not change",
            "Numbered checkpoints with 95 % intervals; the horizontal lines are other players, with their intervals at the "
            "right edge. Healthy: rising, steeply at first, then more slowly. All intervals include the anchor's uncertainty, "
            "so nets whose intervals overlap may still differ for certain; the page's first sentence compares the newest with "
            "the oldest directly.",
            _ladder,
            True,
        ),
        Picture(
            "arena",
            "The newest net against the best before it",
            "One point per match, or per several neighbouring matches where there are many, with its 95 % interval. Healthy: "
            "around or above one half, with a promotion now and then. The fewer the games, the less a single match says. The "
            "first match is against the untrained net, because there is no best net yet.",
            _arena,
            True,
        ),
    ),
    "Learning": (
        Picture(
            "losses",
            "Losses by head",
            "Healthy: falling fast, then slowly. Where games are held out, their loss stays close to the training loss; a "
            "widening gap means that the net memorises positions. When better games replace old ones, a loss may rise for a "
            "while.",
            _losses,
            True,
        ),
        Picture(
            "entropy",
            "Entropy of the policies",
            "How undecided the policies are. Healthy: both fall slowly, and their difference with them. A net near 0 has "
            "collapsed to single moves; one that stays far above its target does not follow the search.",
            _entropy,
            True,
        ),
    ),
    "Self-play": (
        Picture(
            "results",
            "Results",
            "Healthy: decisive games among the draws. If nearly all games are drawn, the net learns to expect draws and "
            "little else.",
            _results,
            False,
        ),
        Picture(
            "endings",
            "Endings",
            "Healthy: most games end by the rules. A large share at the ply limit (max plies) means that the net does not "
            "know how to win yet.",
            _endings,
            False,
        ),
        Picture(
            "length",
            "Length",
            "Healthy: well below the ply limit (shown if it is near), and without sudden jumps from one iteration to the next.",
            _length,
            False,
        ),
        Picture(
            "openings",
            "Different openings",
            "Healthy: nearly as many different openings as games. If the line falls towards 0, self-play repeats itself.",
            _openings,
            False,
        ),
    ),
    "Speed": (
        Picture(
            "throughput",
            "Throughput",
            "Healthy: level. A fall comes from a busy machine, from smaller micro-batches after memory ran out, or "
            "from a changed setting.",
            _throughput,
            True,
        ),
    ),
}
"""The report's charts by section, in page order."""


def _stacked(run: Run, counts: List[Tuple[str, str, Dict[int, float]]]) -> Optional[Figure]:
    """One bar per iteration with shares of its self-play games; `counts` are (name, colour, games by iteration)."""
    totals = {one["iteration"]: sum(games.get(one["iteration"], 0) for _, _, games in counts) for one in run.iterations}
    shown = [iteration for iteration, total in totals.items() if total]
    if not shown:
        return None
    figure, (place,) = axes(HALF)
    _bars(
        place,
        shown,
        [
            (name, colour, [games.get(iteration, 0) / totals[iteration] for iteration in shown])
            for name, colour, games in counts
        ],
    )
    place.set_ylim(0, 1)
    place.set_ylabel("share of self-play games")
    _by_count(place, "iteration")
    _legend(figure, place)
    return figure


def _records(place: Axes, run: Run, name: str, label: str, colour: str, look: str) -> None:
    """Plot a figure of train.json over the training steps; nothing if no record has it."""
    points = [(record["step"], value) for record in run.training for value in [number(record.get(name))] if value is not None]
    if points:
        place.plot(*zip(*points), color=COLOURS[colour], linestyle=look, marker=_marker(len(points)), label=label)


def _marker(points: int) -> str:
    """Mark points while they are few; a single point would otherwise be invisible."""
    return "o" if points <= MANY else ""


def _bars(place: Axes, xs: List[int], layers: List[Layer]) -> None:
    """Stacked bars of (name, colour, heights); if there are many, only their outline, without gaps."""
    xs, layers = bars_together(xs, layers)
    if len(xs) > MANY:
        colours = [COLOURS[colour] for _, colour, _ in layers]
        place.stackplot(
            xs, *(heights for _, _, heights in layers), colors=colours, labels=[name for name, _, _ in layers], step="mid"
        )
        return
    bottoms = [0.0] * len(xs)
    for name, colour, heights in layers:
        place.bar(xs, heights, bottom=bottoms, width=0.86, color=COLOURS[colour], label=name)
        bottoms = [before + height for before, height in zip(bottoms, heights)]


def _by_step(place: Axes) -> None:
    place.set_xlabel("training step")
    plain_ticks(place.xaxis)


def _by_count(place: Axes, what: str) -> None:
    place.set_xlabel(what)
    plain_ticks(place.xaxis, whole=True)


def _legend(figure: Figure, place: Axes) -> None:
    """Put the legend above the chart, where it hides no data."""
    handles, labels = place.get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside upper left", ncols=min(4, len(labels)), columnspacing=1.4, handlelength=1.6)
