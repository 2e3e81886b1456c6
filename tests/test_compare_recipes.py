"""tools/compare_recipes.py: trains by each recipe from each seed, lets the nets play, and says how far they differ."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any, Callable, Dict, List, Tuple

import pytest

from pawnzero.agent import Agent
from pawnzero.config import Config, to_json
from pawnzero.pipeline.iteration import run_until
from tests.iterations import CONFIG, Notes

TOOLS = Path(__file__).resolve().parent.parent / "tools"
ARMS = ("--arm", "recipe", "--arm", "fewer", "mcts_sims=3")
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
        trained = Agent.open(tmp_path / "cmp" / name)
        assert len(trained.iterations) == 1
        assert agent["core_minutes"] > 0.0
        used = trained.metadata["config"]
        assert (used["seed"], used["mcts_sims"]) == (int(name[-1]), 8 if name.startswith("recipe") else 3)
    assert set(found["matches"]) == {"fewer_3 recipe_3", "fewer_5 recipe_5"}
    by_seed = found["differences"]["fewer"]["by_seed"]
    assert set(by_seed) == {"3", "5"}
    assert all(low < elo < high for elo, low, high in by_seed.values())
    printed = capsys.readouterr().out
    assert "fewer against recipe" in printed
    assert "by the 2 seeds" in printed


def test_the_arm_that_wins_its_match_is_ahead(compare: Compare, tmp_path: Path) -> None:
    compare(*ARMS, "--seeds", "3", *AT_ONCE)
    file = tmp_path / "cmp" / "comparison.json"
    found = json.loads(file.read_text())
    found["matches"]["fewer_3 recipe_3"]["pairs"] = [0, 0, 0, 0, 2]  # all four games won by the first named
    file.write_text(json.dumps(found))
    again = compare(*ARMS, "--seeds", "3", *AT_ONCE)
    assert again["differences"]["fewer"]["mean"][0] > 0.0


def test_each_side_of_a_match_plays_its_own_net(compare: Compare, tool: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: List[Tuple[Path, int]] = []
    make = tool.net_player

    def noted(path: Path, **terms: Any) -> Any:
        asked.append((path, terms["search"].gumbel_considered))
        return make(path, **terms)

    monkeypatch.setattr(tool, "net_player", noted)
    compare("--arm", "recipe", "search.gumbel_considered=5", "--arm", "other", "--seeds", "3", *AT_ONCE)
    assert [(path.parent.parent.name, considered) for path, considered in asked] == [("other_3", 5), ("recipe_3", 5)]


def test_goes_on_after_an_interruption(
    compare: Compare, tool: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run = tool.run_iteration
    interrupted: List[Path] = []

    def stopped_in_its_match(place: Path, config: Config, **how: Any) -> Dict[str, Any]:
        stop = place.name == "fewer_3" and not interrupted
        interrupted.extend([place] if stop else [])
        return dict(run(place, config, progress=Notes("arena", 0) if stop else None, **how))

    monkeypatch.setattr(tool, "run_iteration", stopped_in_its_match)
    with pytest.raises(SystemExit) as exit_:
        compare(*ARMS, "--seeds", "3", *AT_ONCE)
    assert exit_.value.code == 130
    before = json.loads((tmp_path / "cmp" / "comparison.json").read_text())["agents"]["fewer_3"]["core_minutes"]
    assert before > 1e-6  # enough already, but its iteration is not finished

    found = compare(*ARMS, "--seeds", "3", *AT_ONCE)
    assert found["agents"]["fewer_3"]["core_minutes"] > before
    (done,) = Agent.open(tmp_path / "cmp" / "fewer_3").iterations
    assert done["train"]["step"] == CONFIG.trainer_iters


def test_adds_to_a_finished_comparison(compare: Compare, tmp_path: Path) -> None:
    first = compare(*ARMS, "--seeds", "3", *AT_ONCE)
    assert compare(*ARMS, "--seeds", "3", *AT_ONCE) == first

    wider = compare(*ARMS, "--arm", "third", "trainer.lr=0.01", "--seeds", "3", "4", *AT_ONCE)
    assert (len(wider["agents"]), len(wider["matches"])) == (6, 4)
    for kind in ("agents", "matches"):
        assert {name: wider[kind][name] for name in first[kind]} == first[kind]

    used = max(agent["core_minutes"] for agent in first["agents"].values())
    longer = compare(*ARMS, "--seeds", "3", "--core-minutes", str(1.1 * used), "--games", "4", "--sims", "2")
    assert all(len(Agent.open(tmp_path / "cmp" / name).iterations) > 1 for name in first["agents"])
    (match,) = first["matches"]
    assert longer["matches"][match]["nets"] != first["matches"][match]["nets"]


def test_copies_of_an_agent_go_on_from_it(compare: Compare, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_until(tmp_path / "First", CONFIG, iterations=2, device="cpu")
    found = compare(*ARMS, "--seeds", "3", "--from", str(tmp_path / "First"), *AT_ONCE)

    assert Agent.open(tmp_path / "First").metadata["next_iteration"] == 2
    for name, agent in found["agents"].items():
        copy = Agent.open(tmp_path / "cmp" / name)
        assert [one["iteration"] for one in copy.iterations] == [0, 1, 2]
        assert copy.iterations[-1]["train"]["step"] == 15
        assert agent["begun"] == 2

    # Once copied it may go on to learn, and the same command still resumes; but it can no longer be copied for a new arm.
    run_until(tmp_path / "First", CONFIG, iterations=1, device="cpu")
    assert compare(*ARMS, "--seeds", "3", "--from", str(tmp_path / "First"), *AT_ONCE)["agents"] == found["agents"]
    more = ("--arm", "least", "mcts_sims=2", "--seeds", "3", "--from", str(tmp_path / "First"))
    assert "has learned since" in refused(compare, capsys, *ARMS, *more)
    assert not (tmp_path / "cmp" / "least_3").exists()


def test_an_agent_in_the_middle_of_an_iteration_is_not_copied(
    compare: Compare, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "First"
    run_until(place, CONFIG, iterations=1, device="cpu")
    with pytest.raises(KeyboardInterrupt):
        run_until(place, CONFIG, iterations=1, device="cpu", progress=Notes("train", 2))
    words = (*ARMS, "--seeds", "3", "--from", str(place))
    assert "an iteration is under way; finish it first" in refused(compare, capsys, *words)
    assert sorted(path.name for path in (tmp_path / "cmp").iterdir()) == [".lock"]
    run_until(place, CONFIG, iterations=1, device="cpu")
    assert {agent["begun"] for agent in compare(*words, *AT_ONCE)["agents"].values()} == {2}


def test_the_interval_is_students(tool: ModuleType) -> None:
    # The 97.5 % quantile of Student's t with two degrees of freedom is 4.3027; the standard deviation is 100.
    assert tool.mean_difference([0.0, 100.0, 200.0]) == pytest.approx((100.0, 100.0 - 248.4, 100.0 + 248.4), abs=0.05)
    assert tool.mean_difference([40.0]) == (40.0, None, None)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--arm", "recipe"], "--arm twice or more"),
        (["--arm", "recipe", "--arm", "recipe", "mcts_sims=3"], "two arms have the same name"),
        (["--arm", "recipe", "--arm", "fewer", "mcts_sim=2"], "the nearest valid one is 'mcts_sims'"),
        (["--arm", "recipe", "--arm", "fewer", "mcts_sims"], "expected KEY=VALUE"),
        (["--arm", "recipe", "--arm", "fewer", "mcts_sims=x"], "expected an integer"),
        (["--arm", "recipe", "--arm", "../up", "mcts_sims=2"], "expected a name of letters"),
        (["--arm", "recipe", "--arm", "other", "seed=2"], "--seeds"),
        (["--arm", "recipe", "--arm", "few", "selfplay.full_search_share=0.5"], "arm few: "),
        (["--arm", "recipe", "--arm", "other", "game=connect_four"], "arm other plays connect_four, expected tic_tac_toe"),
        ([*ARMS, "--seeds", "1", "1"], "different ones"),
        ([*ARMS, "--seeds", "-1"], "seed is -1"),
        ([*ARMS, "--games", "3"], "expected an even number"),
        ([*ARMS, "--from", "nobody"], "no agent here"),
    ],
)
def test_wrong_input_gets_one_line(
    compare: Compare, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: List[str], expected: str
) -> None:
    with pytest.raises(SystemExit) as exit_:
        compare(*AT_ONCE, *words)
    (line,) = capsys.readouterr().err.splitlines()
    assert exit_.value.code == 2
    assert expected in line
    assert not list(tmp_path.glob("cmp/*/metadata.json"))


def refused(compare: Compare, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as exit_:
        compare(*AT_ONCE, *words)
    assert exit_.value.code == 2
    return capsys.readouterr().err


def test_refuses_what_would_compare_something_else(
    compare: Compare, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_until(tmp_path / "cmp" / "recipe_4", CONFIG, iterations=1, device="cpu")
    first = compare(*ARMS, "--seeds", "3", *AT_ONCE)
    seed, origin = ("--seeds", "3"), str(tmp_path / "cmp" / "recipe_4")
    assert "its arm fewer is {'mcts_sims': 3}" in refused(
        compare, capsys, "--arm", "recipe", "--arm", "fewer", "mcts_sims=4", *seed
    )
    assert 'begun with another "from"' in refused(compare, capsys, *ARMS, *seed, "--from", origin)
    assert "not an agent of this comparison" in refused(compare, capsys, *ARMS, "--seeds", "4")
    assert "or more" in refused(compare, capsys, *ARMS, *seed, "--core-minutes", "1e-7")
    wider = ("--arm", "recipe", "--arm", "wide", "model.channels=16", *seed, "--from", origin)
    assert "arm wide has another game or net" in refused(compare, capsys, *wider)
    assert compare(*ARMS, "--seeds", "3", *AT_ONCE) == first
