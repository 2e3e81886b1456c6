"""`pawnzero ladder`: what it prints and leaves, for an agent that has lived through an iteration."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pawnzero.agent import Agent

needs_stockfish = pytest.mark.skipif(
    not (shutil.which("stockfish") or shutil.which("stockfish", path="/usr/games")),
    reason="no stockfish here (on Debian: apt-get install stockfish)",
)


def test_a_ladder_is_told_and_left_on_disk(cli: Any, agent_dir: Path, tiny_config: Path) -> None:
    argv = ["ladder", agent_dir, "--games", "2", "--engines", "none", "--config", tiny_config]
    shown = cli(*argv)
    assert shown.code == 0
    head, *rows = shown.out[shown.out.index("player  ") :].splitlines()
    assert head.split() == ["player", "Elo", "95", "%", "games", "positions", "hours"]
    assert {row.split("  ")[0] for row in rows[:2]} == {"step 4 (best)", "random"}
    assert rows[2] == "4 simulations per move of the nets"
    assert "pairing 1 of 1: step 4 against random" in shown.out.splitlines()
    found = cli(*argv, "--json").json()
    assert found == {**json.loads((agent_dir / "experiments" / "ladder.json").read_text()), "updated": found["updated"]}
    (net,) = (player for player in found["players"] if player["kind"] == "checkpoint")
    assert (net["step"], net["games"], net["best"]) == (4, 2, True)
    (first,) = Agent.open(agent_dir).iterations
    assert (net["positions"], net["hours"]) == (first["selfplay"]["positions"], round(first["seconds"] / 3600, 4))
    assert cli("arena", agent_dir / net["spec"], "random", "--games", "2", "--sims", "1", "--config", tiny_config).code == 0


def test_an_anchor_has_the_rating_that_is_given(cli: Any, agent_dir: Path, tiny_config: Path) -> None:
    argv = ["ladder", agent_dir, "--games", "2", "--engines", "none", "--config", tiny_config]
    found = cli(*argv, "--anchor-elo", "500", "--json").json()
    assert found["anchor"] == {"player": "random", "elo": 500.0}
    assert {player["name"]: player["elo"] for player in found["players"]}["random"] == 500.0
    found = cli(*argv, "--anchor", "step 4", "--anchor-elo", "-30", "--json").json()
    assert found["anchor"] == {"player": "step 4", "elo": -30.0}
    assert cli(*argv, "--anchor", "random", "--json").json()["anchor"] == {"player": "random", "elo": 0.0}


def test_a_picture_is_drawn_where_that_is_possible(cli: Any, agent_dir: Path, tiny_config: Path) -> None:
    pytest.importorskip("matplotlib", reason="draws the picture: pip install matplotlib")
    shown = cli("ladder", agent_dir, "--games", "2", "--engines", "none", "--config", tiny_config).out
    assert f"Picture: {agent_dir / 'experiments' / 'ladder.png'}" in shown
    assert (agent_dir / "experiments" / "ladder.png").read_bytes().startswith(b"\x89PNG")


@needs_stockfish
def test_engines_are_on_the_ladder(cli: Any, agent_dir: Path, tiny_config: Path) -> None:
    argv = ["ladder", agent_dir, "--games", "2", "--engines", "uci:stockfish;nodes=10", "--config", tiny_config, "--json"]
    players = {player["kind"]: player for player in cli(*argv).json()["players"]}
    assert players["engine"]["spec"] == "uci:stockfish;nodes=10"
    assert players["engine"]["games"] == 4


def test_mistakes_are_one_line(cli: Any, agent_dir: Path, tmp_path: Path) -> None:
    assert "nobody" in cli("ladder", tmp_path / "nobody").error()
    assert "engine 'crafty', expected" in cli("ladder", agent_dir, "--engines", "crafty").error()
    assert "anchor 'nobody', expected" in cli("ladder", agent_dir, "--engines", "none", "--anchor", "nobody").error()
