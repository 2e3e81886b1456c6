"""`pawnzero judge`: what it reports, and what it says of what cannot be judged."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from pawnzero.games import get_game

KEYS = {"positions", "mistakes", "mistake_rate", "value_sign_accuracy", "informative", "fastest_win_rate", "phases"}


def test_random_against_all_of_tic_tac_toe(cli: Any) -> None:
    told = cli("judge", "random", "--game", "tic_tac_toe", "--json")
    found = told.json()
    assert found.keys() >= KEYS
    assert (found["positions"], found["source"], found["player"]) == (4520, "all", "random")
    assert 0.3 < found["mistake_rate"] == found["mistakes"] / 4520 < 0.5
    assert found["value_sign_accuracy"] is None
    assert found["mistake_rate_low"] is None  # all positions are no sample
    other = cli("judge", "random", "--game", "tic_tac_toe", "--json", "--seed", "5").json()
    assert other["mistakes"] != found["mistakes"]


def test_a_game_that_is_judged_whole_takes_no_count(cli: Any) -> None:
    told = cli("judge", "random", "--game", "tic_tac_toe", "--count", "5")
    assert told.code == 2
    assert "--count is for sampled positions, but tic_tac_toe is judged on all its 4,520" in told.error()


def test_a_net_is_judged_raw_and_searching(cli: Any, tmp_path: Path, tiny_config: Path) -> None:
    agent = tmp_path / "Three"
    cli("iterate", agent, "--game", "tic_tac_toe", "--config", tiny_config, "--device", "cpu")
    raw = cli("judge", agent, "--config", tiny_config, "--sims", "0", "--device", "cpu", "--json").json()
    searching = cli("judge", agent, "--config", tiny_config, "--sims", "24", "--device", "cpu", "--json").json()
    assert (raw["Simulations"], searching["Simulations"]) == ("0", "24")
    assert searching["mistakes"] < raw["mistakes"]
    assert 0.0 < raw["value_sign_accuracy"] == searching["value_sign_accuracy"] < 1.0
    shown = cli("judge", agent, "--config", tiny_config, "--sims", "0", "--device", "cpu", "--quiet").out
    judged = f"{agent / 'checkpoints' / 'best.pt'} (step 4), by its raw policy (0 simulations): tic_tac_toe, all positions"
    assert shown.splitlines()[0] == judged
    searched = cli("judge", agent, "--config", tiny_config, "--device", "cpu", "--quiet").out
    assert "(step 4), with 4 simulations per move: " in searched.splitlines()[0]
    table = [line.split() for line in shown.splitlines() if line.startswith(("opening", "middle", "end", "all"))]
    assert [row[:2] for row in table] == [["opening", "82"], ["middle", "2,148"], ["end", "2,290"], ["all", "4,520"]]
    assert table[-1][2] == f"{raw['mistakes']:,}"


def test_the_rate_of_a_files_positions_has_an_interval(cli: Any, tmp_path: Path) -> None:
    path = tmp_path / "positions.txt"
    path.write_text("51\n5\n12\n")
    argv = ["judge", "random", "--game", "tic_tac_toe", "--positions", path]
    found = cli(*argv, "--json").json()
    assert 0.0 <= found["mistake_rate_low"] <= found["mistake_rate"] <= found["mistake_rate_high"] <= 1.0
    shown = cli(*argv).out
    assert f"{100 * found['mistake_rate_low']:.2f} to {100 * found['mistake_rate_high']:.2f} %" in shown
    assert "95 % interval" in shown


def test_a_file_of_connect_four(cli: Any, tmp_path: Path) -> None:
    pytest.importorskip("bitbully", reason="bitbully has no wheel for this Python or machine (pip install bitbully)")
    path = tmp_path / "positions.txt"
    path.write_text("44455\n2252576253462244111563365343671351441 -1\n")
    found = cli("judge", "random", "--game", "connect_four", "--positions", path, "--json").json()
    assert (found["positions"], found["source"]) == (2, "file")
    assert list(found["phases"]) == ["opening", "end"]


def test_a_sample_of_connect_four(cli: Any) -> None:
    pytest.importorskip("bitbully", reason="bitbully has no wheel for this Python or machine (pip install bitbully)")
    found = cli("judge", "random", "--game", "connect_four", "--count", "6", "--json").json()
    assert {name: figures["positions"] for name, figures in found["phases"].items()} == {"opening": 2, "middle": 2, "end": 2}


def test_without_the_solver_one_line_says_how_to_get_it(cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    get_game("connect_four")  # its kernels are found before the cache is another
    for name in ("bitbully", "bitbully.bitbully_core"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setenv("PAWNZERO_CACHE", str(tmp_path))
    outcome = cli("judge", "random", "--game", "connect_four", "--count", "3")
    assert outcome.code == 1
    assert outcome.error().endswith("-m pip install bitbully")


def test_what_cannot_be_judged(cli: Any, tmp_path: Path, agent_dir: Path) -> None:
    for argv in (["random"], ["random", "--game", "chess"], [agent_dir]):
        assert "chess: no perfect play to judge by" in cli("judge", *argv).error()
    path = tmp_path / "positions.txt"
    path.write_text("444\n4448\n")
    outcome = cli("judge", "random", "--game", "connect_four", "--positions", path)
    assert outcome.code == 2
    assert f"{path}: line 2: '4448'" in outcome.error()
    assert "none.txt" in cli("judge", "random", "--game", "tic_tac_toe", "--positions", tmp_path / "none.txt").error()
    assert "nobody" in cli("judge", "nobody", "--game", "tic_tac_toe").error()
    both = cli("judge", "random", "--game", "connect_four", "--positions", path, "--count", "5")
    assert "--count" in both.error()
