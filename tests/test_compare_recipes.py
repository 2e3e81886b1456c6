"""tools/compare_recipes.py: trains by each recipe from each seed, lets the nets play, and says how far they differ."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any, Callable, Dict, List

import pytest
from iterations import CONFIG

from pawnzero.agent import Agent
from pawnzero.config import to_json
from pawnzero.pipeline import run_until

TOOLS = Path(__file__).resolve().parent.parent / "tools"
ARMS = ("--arm", "recipe", "--arm", "fewer", "mcts_sims=2")
AT_ONCE = ("--core-minutes", "1e-6", "--games", "4", "--sims", "2")
"""One iteration an agent, and short matches."""

Compare = Callable[..., Dict[str, Any]]


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(TOOLS))
    return importlib.import_module("compare_recipes")


@pytest.fixture
def compare(tool: ModuleType, tmp_path: Path) -> Compare:
    """Runs the tool in the folder "cmp" with a small recipe and returns comparison.json."""
    config = tmp_path / "small.json"
    config.write_text(json.dumps(to_json(CONFIG)))

    def run(*words: str) -> Dict[str, Any]:
        tool.main([str(tmp_path / "cmp"), "--config", str(config), *words])
        return dict(json.loads((tmp_path / "cmp" / "comparison.json").read_text()))

    return run


def test_trains_each_recipe_from_each_seed_and_compares_them(
    compare: Compare, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = compare(*ARMS, "--seeds", "3", "5", *AT_ONCE)

    assert set(found["agents"]) == {"recipe_3", "recipe_5", "fewer_3", "fewer_5"}
    for name, agent in found["agents"].items():
        (iteration,) = Agent.open(tmp_path / "cmp" / name).iterations
        assert agent["iterations"] == 1
        assert agent["core_minutes"] > 0.0
        assert agent["evaluations"] == iteration["selfplay"]["evaluations"]
        assert agent["step"] == iteration["train"]["step"] == 5
        used = Agent.open(tmp_path / "cmp" / name).metadata["config"]
        assert used["seed"] == int(name[-1])
        assert used["mcts_sims"] == (8 if name.startswith("recipe") else 2)
    assert set(found["matches"]) == {"fewer_3 recipe_3", "fewer_5 recipe_5"}
    by_seed = found["differences"]["fewer"]["by_seed"]
    assert set(by_seed) == {"3", "5"}
    assert all(low < elo < high for elo, low, high in by_seed.values())
    assert "fewer against recipe" in capsys.readouterr().out


def test_resumes_and_adds_to_a_finished_comparison(compare: Compare) -> None:
    first = compare(*ARMS, "--seeds", "3", *AT_ONCE)
    assert compare(*ARMS, "--seeds", "3", *AT_ONCE) == first

    wider = compare(*ARMS, "--arm", "third", "trainer.lr=0.01", "--seeds", "3", "4", *AT_ONCE)
    assert len(wider["agents"]) == 6
    assert len(wider["matches"]) == 4
    for kind in ("agents", "matches"):
        assert {name: wider[kind][name] for name in first[kind]} == first[kind]

    used = max(agent["core_minutes"] for agent in wider["agents"].values())
    longer = compare(*ARMS, "--seeds", "3", "--core-minutes", str(1.1 * used), "--games", "4", "--sims", "2")
    assert all(longer["agents"][name]["iterations"] > 1 for name in first["agents"])
    (match,) = (longer["matches"][name] for name in first["matches"])
    assert match["steps"] == [longer["agents"][name]["step"] for name in ("fewer_3", "recipe_3")]


def test_copies_of_an_agent_go_on_from_it(compare: Compare, tmp_path: Path) -> None:
    run_until(tmp_path / "First", CONFIG, iterations=2, device="cpu")
    found = compare(*ARMS, "--seeds", "3", "--from", str(tmp_path / "First"), *AT_ONCE)

    assert Agent.open(tmp_path / "First").metadata["next_iteration"] == 2
    for name, agent in found["agents"].items():
        assert Agent.open(tmp_path / "cmp" / name).metadata["next_iteration"] == 3
        assert agent["iterations"] == 1
        assert agent["step"] == 15


def test_the_interval_is_students(tool: ModuleType) -> None:
    # The 97.5 % quantile of Student's t with two degrees of freedom is 4.3027; the standard deviation is 100.
    assert tool.mean_difference([0.0, 100.0, 200.0]) == pytest.approx((100.0, 100.0 - 248.4, 100.0 + 248.4), abs=0.05)
    assert tool.mean_difference([40.0]) == (40.0, None, None)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--arm", "recipe"], "--arm twice or more"),
        (["--arm", "recipe", "--arm", "recipe", "mcts_sims=2"], "two arms have the same name"),
        (["--arm", "recipe", "--arm", "fewer", "mcts_sim=2"], "the nearest valid one is 'mcts_sims'"),
        (["--arm", "recipe", "--arm", "fewer", "mcts_sims"], "expected KEY=VALUE"),
        (["--arm", "recipe", "--arm", "fewer", "mcts_sims=x"], "expected an integer"),
        (["--arm", "recipe", "--arm", "../up", "mcts_sims=2"], "expected a name of letters"),
        (["--arm", "recipe", "--arm", "other", "seed=2"], "--seeds"),
        ([*ARMS, "--seeds", "1", "1"], "different ones"),
        ([*ARMS, "--from", "nobody"], "no agent here"),
    ],
)
def test_wrong_input_gets_one_line(
    compare: Compare, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: List[str], expected: str
) -> None:
    with pytest.raises(SystemExit) as exit_:
        compare(*words, *AT_ONCE)
    (line,) = capsys.readouterr().err.splitlines()
    assert exit_.value.code == 2
    assert expected in line
    assert not list(tmp_path.glob("cmp/*/metadata.json"))


def test_refuses_another_recipe_under_the_same_name(compare: Compare, capsys: pytest.CaptureFixture[str]) -> None:
    first = compare(*ARMS, "--seeds", "3", *AT_ONCE)
    with pytest.raises(SystemExit) as exit_:
        compare("--arm", "recipe", "--arm", "fewer", "mcts_sims=3", "--seeds", "3", *AT_ONCE)
    assert exit_.value.code == 2
    assert "its arm fewer is {'mcts_sims': 2}" in capsys.readouterr().err
    assert compare(*ARMS, "--seeds", "3", *AT_ONCE) == first
