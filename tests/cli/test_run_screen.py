"""What `pawnzero run` tells while it goes on: how the run stands, and the screen it is drawn on."""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

import pytest

from pawnzero.cli import display, loop_story
from pawnzero.cli.display import PlainProgress, shown_progress
from pawnzero.cli.loop_story import LoopStory
from pawnzero.cli.run_screen import RunScreen

Clock = Callable[[float], None]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that only moves when told: clock(seconds)."""
    now = [100.0]
    for module in (display, loop_story):
        monkeypatch.setattr(module.time, "monotonic", lambda: now[0])

    def move(seconds: float) -> None:
        now[0] += seconds

    return move


def found(iteration: int, *, promoted: bool = False, loss: float = 3.0, alarm: Optional[str] = None) -> Dict[str, Any]:
    """What an iteration leaves in metadata.json, so far as it is told."""
    return {
        "iteration": iteration,
        "selfplay": {"games": 10, "draws": 4, "positions": 1500, "nodes_per_second": 20000.0},
        "train": {"policy_loss": loss, "value_loss": 1.0, "step": 100 * (iteration + 1)},
        "arena": {
            "wins": 12,
            "draws": 5,
            "losses": 3,
            "score": 0.725,
            "elo": 168.4,
            "elo_low": 40.0,
            "elo_high": None,
            "promoted": promoted,
            "step": 100 * (iteration + 1),
        },
        "alarms": [{"text": alarm}] if alarm else [],
    }


def rows(story: LoopStory) -> Dict[str, str]:
    return dict(story.rows())


def test_a_budget_of_hours(clock: Clock) -> None:
    story = LoopStory([], 0, hours=2.0)
    clock(600)
    assert story.budget() == "10 min 00 s of 2 h 00 min used, 1 h 50 min left"
    story.iteration_done(found(0))
    assert story.budget().endswith("left; about 11 more iterations of 10 min 00 s")
    assert story.share() == pytest.approx(1 / 12)
    clock(9999)
    assert "0.0 s left" in story.budget()
    assert story.share() == 1.0


def test_a_budget_of_iterations(clock: Clock) -> None:
    story = LoopStory([], 7, iterations=4)
    clock(30)
    assert story.budget() == "0 of 4 iterations in 30 s"
    clock(30)
    story.iteration_done(found(7))
    clock(20)
    assert story.budget() == "1 of 4 iterations in 1 min 20 s, about 2 min 40 s left"
    assert story.share() == 0.25
    clock(170)
    assert story.budget() == "1 of 4 iterations in 4 min 10 s", "longer than it was expected to take"
    for number in (8, 9, 10):
        story.iteration_done(found(number))
    assert story.budget() == "4 of 4 iterations in 4 min 10 s"


def test_nothing_is_told_of_what_was_not_done_yet() -> None:
    assert LoopStory([], 0, iterations=1).rows() == [("iteration", "0 under way, 0 finished")]


def test_how_the_run_stands() -> None:
    losses = (3.3, 3.0, 2.8, 2.7, 2.65)
    story = LoopStory([found(n, loss=loss, promoted=n == 1) for n, loss in enumerate(losses)], 5, iterations=3)
    told = rows(story)
    assert told["iteration"] == "5 under way, 5 finished"
    assert told["self-play"] == "50 games, 7,500 positions so far; in the last iteration 40% drawn, 20,000 simulations/s"
    assert "policy 3.300 → 2.800 → 2.700 → 2.650" in told["losses"]
    assert told["arena"] == "12 won, 5 drawn, 3 lost: score 0.725, Elo +168 (+40 to ?); not promoted"
    assert told["strength"] == "promoted in 1 of 5 matches, last at step 200"
    assert "alarm" not in told
    story.iteration_done(found(5, alarm="nearly all games are drawn", promoted=True))
    told = rows(story)
    assert told["alarm"] == "nearly all games are drawn"
    assert told["iteration"] == "6 under way, 6 finished"
    assert told["arena"].endswith("; promoted")


def test_the_ladder_says_how_strong_it_is(tmp_path: Path) -> None:
    ladder = tmp_path / "ladder.json"
    story = LoopStory([found(0)], 1, hours=1.0, ladder=ladder)
    assert "ladder" not in rows(story)["strength"]
    players: List[Dict[str, Any]] = [
        {"kind": "random", "step": None, "elo": 0.0, "elo_low": 0.0, "elo_high": 0.0},
        {"kind": "checkpoint", "step": 100, "elo": 90.0, "elo_low": 50.0, "elo_high": 130.0},
        {"kind": "checkpoint", "step": 300, "elo": 250.0, "elo_low": 200.0, "elo_high": 310.0},
        {"kind": "checkpoint", "step": 400, "elo": None, "elo_low": None, "elo_high": None},
    ]
    ladder.write_text(json.dumps({"format": 1, "anchor": {"player": "random", "elo": 0.0}, "players": players}))
    assert rows(story)["strength"].endswith("Elo +250 (+200 to +310) above random at step 300 (ladder)")
    ladder.write_text("{}")
    assert "ladder" not in rows(story)["strength"]


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_screen_shows_stage_budget_and_standing(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = _Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    story = LoopStory([found(0)], 1, iterations=2)
    with shown_progress(lambda: RunScreen("AgentA: chess, 64×6 net", story)) as progress:
        progress.start("self-play", 20, "games")
        progress.advance(0, positions=100)
        clock(20)
        progress.advance(10, positions=600, draws="40%")
        progress.note("[bold] is no markup here")
        progress._live.refresh()
        progress.finish()
    drawn = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen.getvalue())
    for words in (
        "AgentA: chess, 64×6 net",
        "self-play: 10/20 games, 0.5 games/s, 20 s left",
        "600 positions (25/s), draws 40%",
        "0 of 2 iterations in 20 s",
        "policy 3.000",
        "[bold] is no markup here",
    ):
        assert words in drawn, words
    assert re.findall("╯(.?)", drawn, re.DOTALL) == ["\n"] * drawn.count("╯"), "a terminal's ^C would break the line"
    assert screen.getvalue().count("\x1b[?25l") == screen.getvalue().count("\x1b[?25h")  # the cursor is back


def test_in_a_log_there_are_plain_lines(cli: Any, agent_dir: Path, tiny_config: Path) -> None:
    told = cli("run", agent_dir, "--iterations", "1", "--config", tiny_config)
    assert "iteration 1" in told.out
    assert "  budget     1 of 1 iteration in" in told.out
    assert "\x1b" not in told.out
    quiet = cli("run", agent_dir, "--iterations", "1", "--config", tiny_config, "--quiet")
    assert "iteration 2" not in quiet.out
    assert "Results:" in quiet.out


def test_a_log_has_the_rate_of_positions(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    progress = PlainProgress()
    progress.start("self-play", 2, "games")
    progress.advance(0, positions=1000)
    clock(4.0)
    progress.advance(2, positions=1200, draws="0%")
    progress.finish()
    assert capsys.readouterr().out.splitlines()[-1] == "self-play: 2 games in 4.0 s, 1,200 positions (50/s), draws 0%"
