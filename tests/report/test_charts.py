"""Charts: SVG that takes the page's colours and refers to nothing outside, and the picture of a ladder."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Dict

import numpy as np
import pytest

from pawnzero.arena.stats import estimate
from pawnzero.ladder.ratings import Result, rate
from pawnzero.report import charts, ladder_picture, style
from pawnzero.report.headline import headline
from pawnzero.report.sources import Run, read_run
from tests.report.invented import invent, ladder, pairing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

pytest.importorskip("matplotlib", reason="charts need matplotlib (pip install matplotlib)")

LADDER = ladder()


def test_a_ladder_is_drawn_in_order_of_what_was_spent() -> None:
    with style.style("ladder"):
        figure = ladder_picture.ladder_figure(LADDER)
        assert figure is not None
        assert [panel.get_xlabel() for panel in figure.axes] == [label for _, label in ladder_picture._SPENT]
        assert figure.axes[0].get_ylabel() == "Elo above random"
        drawn = [line for panel in figure.axes for line in panel.lines if list(line.get_ydata()) == [90.0, 210.0]]
        assert list(drawn[1].get_xdata()) == [20, 200]
        assert [note.get_text() for note in figure.axes[-1].texts] == ["random", "fairymax & co"]


def test_names_of_a_ladders_players_lie_apart_within_the_picture() -> None:
    """Eight engines within two hundred points of each other, the strongest at the top of the picture."""
    players = [{"name": f"Engine {n} (Skill Level={n}, nodes=1000)", "kind": "engine", "elo": 600.0 + 25 * n} for n in range(8)]
    intervals = [{**one, "elo_low": one["elo"] - 50, "elo_high": one["elo"] + 50} for one in players]
    with style.style("ladder"):
        figure = ladder_picture.ladder_figure({**LADDER, "players": [*LADDER["players"], *intervals]})
        assert figure is not None
        figure.draw_without_rendering()  # which settles the layout
        boxes = [note.get_window_extent() for note in figure.axes[-1].texts]
        width, height = figure.canvas.get_width_height()
        assert all(below.y1 <= above.y0 + 1 for below, above in zip(boxes, boxes[1:]))
        assert all(box.x1 <= width and box.y0 >= 0 and box.y1 <= height for box in boxes)
        assert figure.axes[-1].texts[-1].get_text() == "Engine 7\n(Skill Level=7, nodes=1000)"
        bars = [list(line.get_ydata()) for line in figure.axes[-1].lines]
        assert [700.0, 800.0] in bars  # the interval of the strongest but one


def test_an_interval_that_reaches_beyond_the_picture_leaves_it_its_room() -> None:
    players = [{**one, "elo_low": -9e4, "elo_high": 9e4} if one["kind"] == "engine" else one for one in LADDER["players"]]
    with style.style("ladder"):
        figure = ladder_picture.ladder_figure({**LADDER, "players": players})
        assert figure is not None
        figure.draw_without_rendering()
        assert figure.axes[-1].get_window_extent().height > 200


def _drawn(run: Run, name: str) -> Figure:
    """The chart of that name."""
    (picture,) = (picture for section in charts.PICTURES.values() for picture in section if picture.name == name)
    with style.style(name):
        figure = picture.draw(run)
    assert figure is not None
    return figure


def test_the_ladders_words_send_to_the_sentence_that_compares_nets_directly() -> None:
    """Two nets whose intervals overlap, both unsure of the random mover, may be sure of each other."""
    played = {**LADDER, "pairings": [pairing(name, "random", [0, 0, 0, 0, 10]) for name in ("step 20", "step 200")]}
    played["pairings"].append(pairing("step 200", "step 20", [10, 12, 30, 25, 23]))
    found = rate([Result(one["first"], one["second"], tuple(one["pairs"])) for one in played["pairings"]], "random", 0.0)
    assert found["step 20"].high > found["step 200"].low
    run: Any = SimpleNamespace(ladder=played, matches=[], agent=SimpleNamespace(numbered=list))
    assert headline(run).answer == "yes"
    (picture,) = (one for one in charts.PICTURES["Strength"] if one.name == "ladder")
    assert "first sentence compares the newest with the oldest" in picture.healthy
    assert "do not overlap" not in picture.healthy


def test_many_matches_are_taken_together_with_the_interval_of_all_their_games(tmp_path: Path) -> None:
    match: Dict[str, Any] = {
        "games": 20,
        "wins": 8,
        "draws": 6,
        "losses": 6,
        "score": 0.55,
        "pairs": [1, 2, 3, 2, 2],
        "promoted": False,
    }
    won = {"games": 3, "wins": 3, "draws": 0, "losses": 0, "score": 1.0, "pairs": None, "promoted": True}
    run = read_run(invent(tmp_path, 0))
    few = _drawn(replace(run, matches=[match] * 120), "arena").axes[0]
    many = _drawn(replace(run, matches=[*[match] * 3000, *[won] * 25]), "arena").axes[0]
    assert few.get_xlabel() == "match"
    assert many.get_xlabel() == "match (one point for 26 together)"
    points = {line.get_label(): np.asarray(line.get_xydata()) for line in many.lines}
    together, mixed = points["none promoted"], points["a promotion among them"]
    assert len(together) + len(mixed) == 117  # 3,025 matches
    assert together[0].tolist() == [13.5, pytest.approx(0.55)]
    assert mixed[-1].tolist() == [3021.0, 1.0]
    (bars,) = many.collections
    expected = estimate([26 * count for count in match["pairs"]])
    assert bars.get_segments()[0].tolist() == [[13.5, expected.score_low], [13.5, expected.score_high]]


def test_the_first_match_has_a_mark_of_its_own_and_matches_lie_by_their_iterations(tmp_path: Path) -> None:
    run = read_run(invent(tmp_path, 3))
    later = [{**row, "iteration": row["iteration"] + 5} for row in run.matches]
    place = _drawn(replace(run, matches=later), "arena").axes[0]
    assert place.get_xlabel() == "iteration"
    points = {line.get_label(): line for line in place.lines}
    assert points["against the untrained net, promoted anyway"].get_xydata().tolist() == [[5.0, 0.6]]
    assert points["promoted"].get_xydata().tolist() == [[7.0, 0.6]]
    assert points["not promoted"].get_xydata().tolist() == [[6.0, 0.6]]
    assert points["against the untrained net, promoted anyway"].get_marker() != points["promoted"].get_marker()
    by_hand = _drawn(replace(run, matches=[*later, {**later[-1], "iteration": None}]), "arena").axes[0]
    points = {line.get_label(): line for line in by_hand.lines}
    assert by_hand.get_xlabel() == "iteration"
    assert points["promoted"].get_xydata().tolist() == [[7.0, 0.6], [7.0, 0.6]]  # by hand, after iteration 7
    untold = [{**row, "iteration": None} for row in later]
    assert _drawn(replace(run, matches=untold), "arena").axes[0].get_xlabel() == "match"


def test_the_ply_limit_is_drawn_where_games_come_near_it(tmp_path: Path) -> None:
    run = read_run(invent(tmp_path, 2))
    for limit, drawn in ((200, False), (40, True)):
        run.agent.metadata["config"]["selfplay"]["max_plies"] = limit
        heights = {line.get_label(): list(line.get_ydata()) for line in _drawn(run, "length").axes[0].lines}
        assert heights.get("ply limit, as last used") == ([limit, limit] if drawn else None)


def test_odd_games_count_in_a_point_of_several_matches(tmp_path: Path) -> None:
    odd = {"games": 3, "wins": 2, "draws": 0, "losses": 1, "score": 2 / 3, "pairs": [0, 0, 0, 0, 1], "promoted": False}
    drawn = _drawn(replace(read_run(invent(tmp_path, 0)), matches=[odd] * 240), "arena").axes[0]
    (points,) = [line for line in drawn.lines if line.get_label() == "none promoted"]
    assert np.asarray(points.get_xydata())[:, 1] == pytest.approx(2 / 3)


def test_very_many_bars_share_their_mean_height(tmp_path: Path) -> None:
    run = read_run(invent(tmp_path, 0))
    played = [{"iteration": n, "selfplay": {"draws": n % 2, "first_player_wins": 1 - n % 2, "games": 1}} for n in range(1000)]
    layers = _drawn(replace(run, iterations=played), "results").axes[0].collections
    outline = layers[0].get_paths()[0].vertices
    assert len(outline) < 4 * 300
    assert set(outline[:, 1].tolist()) == {0.0, 0.5}


def test_svg_refers_to_nothing_outside_and_takes_the_pages_colours() -> None:
    with style.style("ladder"):
        figure = ladder_picture.ladder_figure(LADDER)
        assert figure is not None
        text = style.as_svg(figure)
    ET.fromstring(text)
    assert re.findall(r"\w+://[^\"]*", text) == ["http://www.w3.org/2000/svg"]
    assert not re.search(r"#[0-9a-f]{6}\b", text)
    assert "var(--blue)" in text
    ids = re.findall(r' id="([^"]*)"', text)
    assert set(re.findall(r"(?:href=\"|url\()#(\w+)", text)) == set(ids)
    with style.style("another"):
        other = ladder_picture.ladder_figure(LADDER)
        assert other is not None
        assert not set(ids) & set(re.findall(r' id="([^"]*)"', style.as_svg(other)))


def test_the_picture_of_a_ladder_is_a_file_once_there_is_something_to_draw(tmp_path: Path) -> None:
    path = tmp_path / "ladder.png"
    unrated = {**LADDER, "players": [player for player in LADDER["players"] if player["name"] in ("random", "step 500")]}
    assert not ladder_picture.ladder_picture(unrated, path)
    assert not path.exists()
    assert ladder_picture.ladder_picture(LADDER, path)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_numbers_on_axes() -> None:
    shown = [style.short_number(value).replace("\N{NARROW NO-BREAK SPACE}", " ") for value in (0.25, 640, 12500, 3e6, -2000)]
    assert shown == ["0.25", "640", "12.5 k", "3 M", "-2 k"]
