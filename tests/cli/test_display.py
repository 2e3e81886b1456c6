"""What is shown while a command works, on a terminal and in a log."""

from __future__ import annotations

import io
import sys
from typing import Any

import pytest

from pawnzero.cli import display
from pawnzero.cli.display import PlainProgress, TerminalProgress, shown_progress


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _cursor_is_back(screen: _Terminal) -> bool:
    """No bar is being drawn: the cursor was shown as often as it was hidden."""
    shown = screen.getvalue()
    return shown.count("\x1b[?25l") == shown.count("\x1b[?25h")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A clock that only moves when told: clock(seconds)."""
    now = [100.0]
    monkeypatch.setattr(display.time, "monotonic", lambda: now[0])

    def move(seconds: float) -> None:
        now[0] += seconds

    return move


def test_a_log_has_a_line_at_start_and_end_and_every_few_seconds(clock: Any, capsys: pytest.CaptureFixture[str]) -> None:
    progress = PlainProgress()
    progress.start("self-play", 100, "games")
    for _ in range(20):
        clock(1.0)
        progress.advance(5, draws="40 %", mean_plies=120.5)
    progress.note("a checkpoint was written")
    progress.finish()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "self-play: 100 games …"
    assert lines[1] == "self-play: 25/100 games, 5 games/s, draws 40 %, mean plies 120.5"
    assert lines[2] == "self-play: 50/100 games, 5 games/s, 10 s left, draws 40 %, mean plies 120.5"
    assert len(lines) == 1 + 4 + 2
    assert lines[-2:] == ["a checkpoint was written", "self-play: 100 games in 20 s, draws 40 %, mean plies 120.5"]


@pytest.mark.parametrize(("unit", "early"), [("games", ""), ("steps", "15 s left")])
def test_games_that_end_first_are_the_short_ones(unit: str, early: str, clock: Any) -> None:
    stage = display.Stage("a stage", 100, unit)
    clock(5.0)
    stage.done = 25
    assert stage.remaining() == early
    stage.done = 49
    assert bool(stage.remaining()) == (unit == "steps")
    stage.done = 50
    assert stage.remaining() == "5.0 s left"
    stage.done = 100
    assert stage.remaining() == ""


def test_a_stage_that_begins_ends_the_one_before(capsys: pytest.CaptureFixture[str]) -> None:
    progress = PlainProgress()
    progress.start("one", 1, "steps")
    progress.start("two", 0, "steps")
    progress.finish()
    progress.finish()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" in ")[0] for line in lines] == ["one: 1 step …", "one: 0 steps", "two …", "two: 0 steps"]


def test_a_terminal_keeps_notes_and_finished_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = _Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("TERM", "xterm")
    with shown_progress() as progress:
        assert isinstance(progress, TerminalProgress)
        progress.start("training", 10, "steps")
        progress.advance(4, loss=2.5)
        progress.note("[bold] is no markup here")
        progress.finish()
        assert _cursor_is_back(screen)
        progress.start("arena", 2, "games")
        assert not _cursor_is_back(screen)
    assert _cursor_is_back(screen)
    shown = screen.getvalue()
    assert "[bold] is no markup here" in shown
    assert "training: 4 steps in" in shown
    assert "loss 2.5" in shown


@pytest.mark.parametrize(("terminal", "term"), [(False, "xterm"), (True, "dumb")])
def test_elsewhere_plain_lines(monkeypatch: pytest.MonkeyPatch, terminal: bool, term: str) -> None:
    monkeypatch.setattr(sys, "stdout", _Terminal() if terminal else io.StringIO())
    monkeypatch.setenv("TERM", term)
    with shown_progress() as progress:
        assert isinstance(progress, PlainProgress)
