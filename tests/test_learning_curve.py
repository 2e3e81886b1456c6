"""tools/learning_curve.py: iterates an agent, judges it on the way, and counts all the computing."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any, Callable, Dict

import pytest

from pawnzero.agent import Agent
from pawnzero.config import to_json
from pawnzero.pipeline.iteration import run_until
from tests.iterations import CONFIG

TOOLS = Path(__file__).resolve().parent.parent / "tools"
AT_ONCE = ("--core-minutes", "1e-6", "--points", "1", "--sims", "0")
"""One iteration and one point after it."""


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(TOOLS))
    return importlib.import_module("learning_curve")


@pytest.fixture
def draw(tool: ModuleType, tmp_path: Path) -> Callable[..., Dict[str, Any]]:
    """Runs the tool for the agent "A" with a small recipe and returns curve.json."""
    config = tmp_path / "small.json"
    config.write_text(json.dumps(to_json(CONFIG)))

    def run(*words: str) -> Dict[str, Any]:
        out = tmp_path / "curve.json"
        tool.main([str(tmp_path / "A"), "--config", str(config), "--out", str(out), *words])
        return dict(json.loads(out.read_text()))

    return run


def refused(draw: Callable[..., Any], capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as stopped:
        draw(*words)
    assert stopped.value.code == 2
    return capsys.readouterr().err


def test_a_curve_begins_untrained_and_goes_on(draw: Callable[..., Dict[str, Any]], tmp_path: Path) -> None:
    found = draw(*AT_ONCE)
    first, second = found["points"]
    assert (first["core_minutes"], first["positions"]) == (0.0, 0)
    assert first["0"]["positions"] == 4520
    assert second["positions"] == Agent.open(tmp_path / "A").iterations[0]["selfplay"]["positions"] > 0
    assert second["iteration"] == 0

    again = draw(*AT_ONCE)
    assert again == found  # it had its time
    longer = draw("--core-minutes", str(found["so_far"]["seconds"] / 60 + 1e-6), "--points", "2", "--sims", "0")
    assert longer["points"][:2] == found["points"]
    assert longer["so_far"]["seconds"] > found["so_far"]["seconds"]
    iterations = Agent.open(tmp_path / "A").iterations
    assert len(iterations) == 2
    assert longer["points"][2]["positions"] == sum(one["selfplay"]["positions"] for one in iterations)


def test_an_interrupted_iteration_is_counted_and_finished(
    draw: Callable[..., Dict[str, Any]],
    tool: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("pawnzero.pipeline.iteration.evaluate_and_promote", interrupt)
        with pytest.raises(SystemExit) as stopped:
            draw(*AT_ONCE)
    assert stopped.value.code == 130
    assert "the same command resumes" in capsys.readouterr().err
    before = json.loads((tmp_path / "curve.json").read_text())
    assert before["so_far"]["seconds"] > 0.0
    assert len(before["points"]) == 1
    assert Agent.open(tmp_path / "A").latest.exists()

    found = draw(*AT_ONCE)
    assert found["points"][0] == before["points"][0]  # still the untrained net's
    assert found["so_far"]["seconds"] > before["so_far"]["seconds"]
    assert [point["iteration"] for point in found["points"]] == [0, 0]


def test_a_point_whose_judging_was_interrupted_is_made_up_for(
    draw: Callable[..., Dict[str, Any]], tool: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked, look = [], tool.Judge.look

    def once(*arguments: Any) -> Dict[str, Any]:
        looked.append(1)
        if len(looked) == 2:
            raise KeyboardInterrupt
        return dict(look(*arguments))

    with monkeypatch.context() as patch:
        patch.setattr(tool.Judge, "look", once)
        with pytest.raises(SystemExit):
            draw(*AT_ONCE)
    found = draw(*AT_ONCE)
    assert [point["iteration"] for point in found["points"]] == [0, 0]
    assert draw(*AT_ONCE) == found


def test_a_curve_belongs_to_its_agent(
    draw: Callable[..., Dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draw(*AT_ONCE)
    (tmp_path / "A").rename(tmp_path / "B")
    assert "no agent here" in refused(draw, capsys, *AT_ONCE)
    assert not (tmp_path / "A").exists()
    assert "--points" in refused(draw, capsys, *AT_ONCE, "--points", "0")


def interrupt(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


def test_what_does_not_belong_together_is_refused(
    draw: Callable[..., Dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_until(tmp_path / "A", CONFIG, iterations=1)
    assert "has learned already" in refused(draw, capsys, *AT_ONCE)
    assert not (tmp_path / "curve.json").exists()

    (tmp_path / "curve.json").write_text("[]")
    assert "not a learning curve" in refused(draw, capsys, *AT_ONCE)


@pytest.mark.parametrize(("words", "key"), [(("--set", "mcts_sims=3"), "config"), (("--judge-seed", "2"), "judged")])
def test_another_recipe_or_judge_does_not_continue_a_curve(
    draw: Callable[..., Dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str], words: Any, key: str
) -> None:
    found = draw(*AT_ONCE)
    assert f'was begun with another "{key}"' in refused(draw, capsys, *AT_ONCE, *words)
    assert json.loads((tmp_path / "curve.json").read_text()) == found
