"""Charts: SVG that takes the page's colours and refers to nothing outside, and the picture of a ladder."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from pawnzero.report import charts, style
from tests.report.invented import ladder

pytest.importorskip("matplotlib", reason="charts need matplotlib (pip install matplotlib)")

LADDER = ladder()


def test_a_ladder_is_drawn_in_order_of_what_was_spent() -> None:
    with style.style("ladder"):
        figure = charts.ladder_figure(LADDER)
        assert figure is not None
        assert [panel.get_xlabel() for panel in figure.axes] == [label for _, label in charts._SPENT]
        assert figure.axes[0].get_ylabel() == "Elo above random"
        drawn = [line for panel in figure.axes for line in panel.lines if list(line.get_ydata()) == [90.0, 210.0]]
        assert list(drawn[1].get_xdata()) == [20, 200]
        assert [note.get_text() for note in figure.axes[-1].texts] == ["random", "fairymax & co"]


def test_svg_refers_to_nothing_outside_and_takes_the_pages_colours() -> None:
    with style.style("ladder"):
        figure = charts.ladder_figure(LADDER)
        assert figure is not None
        text = style.as_svg(figure)
    ET.fromstring(text)
    assert re.findall(r"\w+://[^\"]*", text) == ["http://www.w3.org/2000/svg"]
    assert not re.search(r"#[0-9a-f]{6}\b", text)
    assert "var(--blue)" in text
    ids = re.findall(r' id="([^"]*)"', text)
    assert set(re.findall(r"(?:href=\"|url\()#(\w+)", text)) == set(ids)
    with style.style("another"):
        other = charts.ladder_figure(LADDER)
        assert other is not None
        assert not set(ids) & set(re.findall(r' id="([^"]*)"', style.as_svg(other)))


def test_the_picture_of_a_ladder_is_a_file_once_there_is_something_to_draw(tmp_path: Path) -> None:
    path = tmp_path / "ladder.png"
    unrated = {**LADDER, "players": [player for player in LADDER["players"] if player["name"] in ("random", "step 500")]}
    assert not charts.ladder_picture(unrated, path)
    assert not path.exists()
    assert charts.ladder_picture(LADDER, path)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_numbers_on_axes() -> None:
    shown = [style.short_number(value).replace("\N{NARROW NO-BREAK SPACE}", " ") for value in (0.25, 640, 12500, 3e6, -2000)]
    assert shown == ["0.25", "640", "12.5 k", "3 M", "-2 k"]
