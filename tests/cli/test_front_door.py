"""The front door: help, usage errors, exit codes, what is on which stream, and that it opens fast."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pawnzero.cli import main as front
from pawnzero.cli.manual import read_texts
from pawnzero.cli.output import duration, figure, plain

ROOT = Path(__file__).resolve().parent.parent.parent


def test_help_names_every_command(cli: Any) -> None:
    shown = cli("--help")
    assert shown.code == 0
    assert all(re.search(rf"^    {name}\s", shown.out, re.MULTILINE) for name in front.COMMANDS)


@pytest.mark.parametrize("name", front.COMMANDS)
def test_every_command_has_help(cli: Any, name: str) -> None:
    shown = cli(name, "--help")
    assert shown.code == 0
    assert "examples:" in shown.out


@pytest.mark.parametrize("name", sorted(set(front.COMMANDS) - {"check", "perft", "report", "completion"}))
def test_every_command_that_uses_a_net_takes_a_device(cli: Any, name: str) -> None:
    assert "--device" in cli(name, "--help").out
    assert "--device: 'gpu', expected auto, cpu, cuda or cuda:N" in cli(name, "--device", "gpu").error()


@pytest.mark.parametrize("name", front.COMMANDS)
def test_the_examples_of_a_commands_help_are_right(name: str) -> None:
    texts = read_texts(front.module_of(name))
    assert texts.examples
    for example in texts.examples:
        program, command, *argv = shlex.split(example.split(" > ")[0])
        assert (program, command) == ("pawnzero", name)
        front.command_parser(name, name).parse_args(argv)


def test_parsing_loads_nothing_heavy() -> None:
    code = (
        "import sys; from pawnzero.cli.main import make_parser; make_parser().format_help();"
        "print([name for name in ('numpy', 'numba', 'torch', 'chess', 'rich') if name in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], universal_newlines=True).strip() == "[]"


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["nonsense"],
        ["iterate"],
        ["iterate", "x", "--nonsense"],
        ["iterate", "x", "--iter", "0"],
        ["iterate", "x", "--iteration", "-1"],
        ["iterate", "x", "--batch-size", "0"],
        ["iterate", "x", "--lr", "nan"],
        ["iterate", "x", "--device", "gpu"],
        ["run", "x"],
        ["run", "x", "--hours", "1", "--iterations", "1"],
        ["run", "x", "--hours", "0"],
        ["run", "x", "--hours", "inf"],
        ["train"],
        ["train", "x", "--agent-dir", "y"],
        ["arena", "random"],
        ["judge", "x", "--sims", "1", "--mcts-sims", "0"],
        ["arena", "random", "random", "--games", "0"],
        ["perft", "startpos"],
        ["perft", "startpos", "-1"],
        ["perft", "startpos", "99"],
    ],
)
def test_bad_usage_is_one_line_and_exit_2(cli: Any, argv: list) -> None:
    outcome = cli(*argv)
    assert outcome.code == 2
    assert outcome.error()
    assert outcome.out == ""
    assert not Path("x").exists()


def test_bad_usage_compiles_nothing(tmp_path: Path) -> None:
    """In one process, which says of each command how it ended and how many files the cache had then."""
    program = (
        "import os, pathlib, sys; from pawnzero.cli.main import main\n"
        "for line in sys.argv[1:]:\n"
        "    code = main(line.split())\n"
        "    print(line, code, sum(path.is_file() for path in pathlib.Path(os.environ['PAWNZERO_CACHE']).rglob('*')))"
    )
    refused = ("perft startpos 99", "arena random x", "arena uci:no-such-engine random", "play x", "play random --position x")
    environment = {**os.environ, "PAWNZERO_CACHE": str(tmp_path)}
    command = [sys.executable, "-c", program, *refused]
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    told = [line for line in done.stdout.splitlines() if not line.startswith("settings: ")]
    assert told == [f"{line} 2 0" for line in refused], done.stderr


@pytest.mark.parametrize("argv", [["arena", "x", "y"], ["judge", "x"], ["play", "x"], ["ladder", "x"]])
def test_simulations_have_both_names_in_every_command(argv: list) -> None:
    args = front.make_parser().parse_args([*argv, "--mcts-sims", "3", "--sims", "3"])
    assert args.sims == 3


def test_the_same_directory_may_be_named_in_both_ways(cli: Any) -> None:
    assert "x: no agent here" in cli("train", "x", "--agent-dir", "./x").error()


def test_what_a_command_does_not_know_is_refused_under_its_name(cli: Any) -> None:
    assert cli("train", "x", "--game", "chess").error().endswith("--game chess (see pawnzero train --help)")


def test_perft_json_is_one_object(cli: Any) -> None:
    found = cli("perft", "startpos", "3", "--json").json()
    assert found["nodes"] == 8902
    assert found["seconds"] > 0
    assert found["nodes_per_second"] > 0


def test_perft_takes_a_fen_with_or_without_quotes(cli: Any) -> None:
    fen = "8/2p5/3p4/KP5r/1R3p1k/8/4P1P1/8 w - - 0 1"
    assert "2,812 nodes" in cli("perft", fen, "3").out
    assert "2,812 nodes" in cli("perft", *fen.split(), "3").out


def test_a_long_perft_is_shown_move_by_move(cli: Any) -> None:
    shown = cli("perft", "8/2p5/3p4/KP5r/1R3p1k/8/4P1P1/8 w - - 0 1", "7").out
    assert shown.startswith("perft 7: 14 moves …\n")
    assert "178,633,661 nodes" in shown


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_what_a_stream_cannot_say_stops_nothing(encoding: str) -> None:
    argv = [sys.executable, "-m", "pawnzero", "perft", "8/2p5/3p4/KP5r/1R3p1k/8/4P1P1/8 w - - 0 1", "7"]
    shown = subprocess.run(argv, env={**os.environ, "PYTHONIOENCODING": encoding}, capture_output=True)
    assert (shown.returncode, shown.stderr) == (0, b"")
    assert shown.stdout.startswith(b"perft 7: 14 moves " + "…".encode(encoding, "replace"))


@pytest.mark.skipif(sys.platform == "win32", reason="a shell of Unix")
def test_nor_does_one_that_is_closed() -> None:
    command = f"{shlex.quote(sys.executable)} -m pawnzero perft startpos 2 --json >&-"
    shown = subprocess.run(["sh", "-c", command], capture_output=True)
    assert (shown.returncode, shown.stderr) == (0, b"")


@pytest.mark.skipif(sys.platform == "win32", reason="a shell of Unix")
@pytest.mark.parametrize("given", ["<&-", "</dev/null", "<input"])
def test_input_that_is_no_text_or_closed_ends_no_game(given: str, tmp_path: Path) -> None:
    (tmp_path / "input").write_bytes(b"e4\n\xff\nsave a\0b\nquit\n")
    command = f"{shlex.quote(sys.executable)} -m pawnzero play random {given}"
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONPATH": str(ROOT)}
    shown = subprocess.run(["sh", "-c", command], capture_output=True, cwd=str(tmp_path), env=environment)
    assert (shown.returncode, shown.stderr) == (0, b"")
    assert (b"is neither a legal move here" in shown.stdout) == (given == "<input")
    assert (b"save: expected a file" in shown.stdout) == (given == "<input")


def test_quiet_leaves_the_result_alone(cli: Any) -> None:
    loud, quiet = cli("check"), cli("check", "--quiet")
    assert "perft: 6 positions" in loud.out
    assert "perft: 6 positions" not in quiet.out
    assert quiet.out.splitlines()[-1] == "All checks passed."
    assert (quiet.code, quiet.err) == (0, "")
    told = cli("check", "--quiet", "--json")
    assert told.json()["ok"] is True
    assert told.err == ""


def test_quiet_hides_no_error(cli: Any) -> None:
    assert "nonsense" in cli("perft", "nonsense", "1", "--quiet").error()


def test_check_prints_a_table_and_json(cli: Any) -> None:
    shown = cli("check")
    assert shown.code == 0
    assert "4,865,609" in shown.out
    told = cli("check", "--plies", "50", "--json")
    found = told.json()
    assert found["ok"] is True
    assert found["perft"]["ok"]
    assert found["codec"]["ok"]
    assert "perft: 6 positions" in told.err


def test_check_fails_on_a_mismatch(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from pawnzero.checks import rules as checks

    fen, *counts = checks.PERFT["startpos"]
    monkeypatch.setitem(checks.PERFT, "startpos", (fen, *((depth, count + 1) for depth, count in counts)))
    told = cli("check", "--json")
    assert told.code == 1
    assert told.json()["ok"] is False
    assert "WRONG" in cli("check").out


@pytest.mark.parametrize(
    ("package", "argv"),
    [
        ("numba", ["perft", "startpos", "1"]),
        ("torch", ["smoke", "--device", "cpu"]),
        ("bitbully", ["judge", "random", "--game", "connect_four", "--count", "3"]),
    ],
)
def test_a_missing_package_is_answered_with_the_command_that_installs_it(package: str, argv: list, tmp_path: Path) -> None:
    environment = {**os.environ, "PAWNZERO_CACHE": str(tmp_path)}  # positions that were solved before need no solver
    run = f"from pawnzero.cli.main import main; sys.executable = '/my tools/python'; sys.exit(main({argv}))"
    code = f"import sys; sys.modules[{package!r}] = None; {run}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"'/my tools/python' -m pip install {package}" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="paths of Unix")
def test_a_file_that_cannot_be_written_is_one_line(cli: Any) -> None:
    outcome = cli("arena", "random", "random", "--games", "1", "--max-plies", "20", "--pgn", "/dev/null/games.pgn")
    assert outcome.code == 1
    assert "/dev/null/games.pgn" in outcome.error()


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
def test_interrupting_is_one_line_and_exit_130() -> None:
    argv = [sys.executable, "-u", "-m", "pawnzero", "check", "--plies", "100000000"]
    child = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    assert child.stdout is not None
    for line in child.stdout:
        if line.startswith("random play"):
            break
    child.send_signal(signal.SIGINT)
    _, told = child.communicate(timeout=60)
    assert (child.returncode, told) == (130, "pawnzero check: interrupted\n")


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of Unix")
def test_a_reader_that_goes_away_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([sys.executable, "-m", "pawnzero", "perft", "startpos", "1"], stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    assert (done.returncode, done.stderr) == (1, b"")


def test_documented_scripts_name_themselves() -> None:
    for name in ("run_iteration", "run_smoke", "evaluate_and_promote", "train", "checks"):
        script = ROOT / "training" / f"{name}.py"
        done = subprocess.run([sys.executable, "-S", str(script), "--nonsense"], stderr=subprocess.PIPE, text=True, cwd="/")
        assert done.returncode == 2
        assert done.stderr.startswith(f"{name}.py: error:")


def test_plain_values() -> None:
    import numpy as np

    value = {"a": float("nan"), 1: np.float32("inf"), "b": np.arange(2), "c": (1, Path("x"), np.int16(3)), "d": True}
    assert plain(value) == {"a": None, "1": None, "b": [0, 1], "c": [1, "x", 3], "d": True}
    json.dumps(plain(value), allow_nan=False)


def test_figures_and_times_for_people() -> None:
    assert [figure(v) for v in (None, float("nan"), 0.12345, 999.4, 3983.0, 1234567, 12345.6, "x", True)] == [
        "–", "–", "0.1235", "999.4", "3,983", "1,234,567", "12,346", "x", "True",
    ]  # fmt: skip
    assert [duration(v) for v in (4.24, 59.0, 200, 7500)] == ["4.2 s", "59 s", "3 min 20 s", "2 h 05 min"]


@pytest.mark.parametrize("command", [["check"], ["--version"]])
def test_ctrl_c_while_commands_are_imported_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: Any
) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(front, "module_of", interrupted)
    assert front.main(command) == front.INTERRUPTED
    assert front.script("check", "checks.py", []) == front.INTERRUPTED
    assert capsys.readouterr().err.splitlines() == ["pawnzero: interrupted", "checks.py: interrupted"]
