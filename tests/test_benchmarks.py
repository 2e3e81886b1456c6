"""The scripts in `benchmarks/`: each runs and says what it should, in its cheapest form."""

from __future__ import annotations

import importlib
import itertools
import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Callable, Dict

import pytest

from pawnzero.nets import quantized
from pawnzero.nets.quantized import weight_limit

ROOT = Path(__file__).resolve().parent.parent
Script = Callable[[str], ModuleType]

FAKE_LC0 = """#!{python}
import sys
assert sys.argv[1] == "selfplay" and "--visits=8" in sys.argv and "--backend=random" in sys.argv
print("id name Lc0 v0.0.0-fake", flush=True)
while True:
    for game, nodes in enumerate((8, 10)):
        print(f"info player 1 gameid {{game}} side white depth 2 seldepth 4 time 1 nodes {{nodes}} score cp -1 pv e2e3 a7a5")
    for game in (1, 0):
        print(f"bestmove e2e3 ponder a7a5 player 1 gameid {{game}} side white", flush=True)
    print("tournamentstatus P1: +0 -1 =0 LOS: 15.87% P1-W: +0 -0 =0 P1-B: +0 -1 =0 npm 67.846154 nodes 882 moves 13")
"""
"""Prints what lc0 0.31 prints in self-play with --move-thinking."""


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    """Imports a script by its name, as it is when run from its folder."""
    for folder in (ROOT / "benchmarks", ROOT / "benchmarks" / "peers"):
        monkeypatch.syspath_prepend(str(folder))
    return importlib.import_module


def lc0_program(folder: Path) -> Path:
    path = folder / "lc0"
    path.write_text(FAKE_LC0.format(python=sys.executable))
    path.chmod(0o755)
    return path


def report(main: Callable[..., int], capsys: pytest.CaptureFixture[str], *argv: str) -> Dict[str, Any]:
    assert main([*argv, "--json"]) == 0
    found: Dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_compare_measures_both_sides_and_passes_over_who_is_absent(
    script: Script, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    quick = ["--seconds", "0.1", "--depth", "2", "--simulations", "8", "--threads", "1", "--lc0", str(lc0_program(tmp_path))]
    found = report(script("compare").main, capsys, *quick, "--only", "perft", "search")
    rows = {row["peer"].split()[0]: row for row in found["rows"]}
    assert {"python-chess", "Lc0"} <= set(rows)
    for row in found["rows"]:
        assert row["ratio"] == pytest.approx(row["ours"] / row["theirs"], rel=0.01)
        assert min(row["ours_runs"]) <= row["ours"] <= max(row["ours_runs"])
    assert not found["failed"]
    assert all("pip install" in line["why"] for line in found["absent"])
    assert len(found["rows"]) + len(found["absent"]) == 6


def test_compare_says_which_peer_failed(script: Script, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "lc0"
    path.write_text(f"#!{sys.executable}\nprint('no such backend')\n")
    path.chmod(0o755)
    compare = script("compare")
    options = [
        "--seconds",
        "0.05",
        "--simulations",
        "8",
        "--only",
        "search",
        "--lc0",
        str(path),
        "--peers-python",
        sys.executable,
    ]
    assert compare.main([*options, "--markdown"]) == 1
    out = capsys.readouterr().out
    assert "| work | ours | peer | theirs | ratio |" in out
    assert "failed: lc0: RuntimeError: lc0 ended after 0 moves: no such backend" in out


def test_nodes_of_lc0_are_counted_search_by_search(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    lc0 = script("lc0")
    both = ["info player 1 gameid 0 depth 2 nodes 8 score cp 1", "info player 2 gameid 1 depth 2 nodes 10 score cp 1"]
    both += [
        "bestmove e2e3 player 2 gameid 1 side black",
        "bestmove e2e3 player 1 gameid 0 side white",
        "tournamentstatus nodes 99",
    ]
    monkeypatch.setattr(lc0.time, "perf_counter", itertools.count().__next__)  # a second passes at each look
    about: Dict[str, Any] = {}
    # 16 moves to warm up at second 0; then 10, 8 and 10 nodes are counted at seconds 1, 2 and 3, and it is 4 when it ends
    assert lc0.rate(["id name Lc0 v0", *both * 20], 3.0, about) == (10 + 8 + 10) / 4
    assert about == {"peer": "Lc0 v0"}
    with pytest.raises(RuntimeError, match="lc0 ended after 2 moves: tournamentstatus nodes 99"):
        lc0.rate(both, 3.0, about)


def test_tree_reuse_counts_what_two_trees_share(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    reuse = script("tree_reuse")
    found = report(reuse.main, capsys, "--no-net", "--moves", "16", "--games", "4", "--simulations", "16")
    assert [row["algorithm"] for row in found["rows"]] == ["gumbel", "puct"] * 2
    for row in found["rows"]:
        assert row["moves"] >= 16
        assert 0.0 < row["kept"] < 1.0
        assert 0.0 < row["again"] < 1.0
    old = {0: {5: 1, 7: 2}, 1: {3: 3, 4: 4}, 2: {}, 3: {}, 4: {}}
    new = {0: {3: 1, 9: 2}, 1: {6: 3}, 2: {}, 3: {}}
    assert reuse.size(old, 1) == 3
    assert reuse.common(old, 1, new, 0) == 2  # the root, and where action 3 leads


def test_look_ahead_says_what_it_costs_and_what_it_is_worth(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    quick = ["--game", "tic_tac_toe", "--games", "4", "--selfplay-games", "2", "--rounds", "1", "--simulations", "4"]
    assert script("look_ahead").main(quick) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["cpu_time"] > 0.0
    assert found["wins"] + found["draws"] + found["losses"] == found["games"] == 4


def test_engine_answers_says_how_many_were_known(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    assert script("engine_answers").main(["--games", "1", "--plies", "8", "--sims", "40"]) == 0
    *_, told = capsys.readouterr().out.splitlines()
    known = re.fullmatch(r"1 games, 40 simulations a move: ([0-9.]+)% known, [0-9.]+ times as fast", told)
    assert known is not None
    assert 5.0 < float(known[1]) < 95.0


def test_arena_speed_sets_a_match_beside_selfplay(script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    small = ["--channels", "4", "--blocks", "1", "--simulations", "2", "--games", "4", "--max-plies", "12"]
    found = report(script("arena_speed").main, capsys, *small, "--rounds", "1", "--seconds", "0.1")
    (match,) = found["matches"]
    assert match["mean_plies"] <= 12
    assert match["ratio"] == found["ratio"] == pytest.approx(2 * match["rate"] / sum(found["selfplay"]))


def test_replay_sampling_prints_a_line_a_size(
    script: Script, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["replay_sampling.py", "--rows", "300", "--seconds", "0.01", "--batch", "8"])
    script("replay_sampling").main()
    assert capsys.readouterr().out.splitlines()[-1].split()[0] == "300"


def test_int8_is_set_against_the_usual_format(
    script: Script, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if weight_limit() == 0:
        pytest.skip("this torch has no convolution of 8-bit integers")
    monkeypatch.setattr(quantized._MEASURED, "recall", lambda key: 2.0)
    quick = ["--game", "tic_tac_toe", "--channels", "8", "--blocks", "1", "--rounds", "1", "--games", "2", "--sims", "2"]
    assert script("int8").main([*quick, "--precision", "float32"]) == 0
    head, speeds, match = capsys.readouterr().out.splitlines()
    assert head.startswith("tic_tac_toe 8x1 se 4: cpu, int8 (answers 2.0 times as fast as float32; ")
    assert re.fullmatch(r"positions a second on one core: float32 [\d,]+, int8 [\d,]+; [\d.]+ times as fast", speeds)
    assert match.startswith("int8 against float32, 2 games at 2 simulations: +")
