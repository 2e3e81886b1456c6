"""What a shell offers after a tab, asked of the shells themselves."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Callable, List

import pytest

from pawnzero.cli.main import COMMANDS
from pawnzero.cli.manual import Argument, read_arguments
from pawnzero.games import GAME_NAMES

Complete = Callable[[str], List[str]]

_ASK_BASH = """
source "$1"
shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_pawnzero
printf '%s\\n' "${COMPREPLY[@]}"
"""


def _script(cli: Any, shell: str, folder: Path) -> Path:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"needs {shell}: apt-get install {shell}")
    path = folder / f"_pawnzero.{shell}"
    path.write_text(cli("completion", shell).out, encoding="utf-8")
    return path


def _ask(argv: List[str], folder: Path) -> List[str]:
    done = subprocess.run(argv, cwd=str(folder), capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return [line.split("\t")[0] for line in done.stdout.splitlines() if line]


@pytest.fixture(params=["bash", "fish"])
def complete(request: Any, cli: Any, tmp_path: Path) -> Complete:
    """What a shell offers for the last word of a line, in a folder with the file `mine.json`."""
    script = _script(cli, request.param, tmp_path)
    (tmp_path / "mine.json").write_text("{}")

    def ask(line: str) -> List[str]:
        if request.param == "fish":
            return _ask(["fish", "--no-config", "-c", f"source {script}; complete -C'{line}'"], tmp_path)
        return _ask(["bash", "-c", _ASK_BASH, "bash", str(script), *line.split(" ")], tmp_path)

    return ask


def test_commands_are_offered(complete: Complete) -> None:
    assert {name for name in complete("pawnzero ") if not name.startswith("-")} == set(COMMANDS)
    assert complete("pawnzero sel") == ["selfplay"]


def test_a_commands_flags_are_offered(complete: Complete) -> None:
    assert complete("pawnzero perft startpos 3 --js") == ["--json"]
    offered = complete("pawnzero run models/AgentA --")
    assert {"--hours", "--iterations", "--lr", "--iters-per-epoch", "--quiet"} <= set(offered)
    assert "--epochs" not in offered


def test_values_are_offered(complete: Complete) -> None:
    assert set(complete("pawnzero iterate models/AgentA --game ")) == set(GAME_NAMES)
    assert complete("pawnzero train --device cu") == ["cuda"]
    assert complete("pawnzero play random --color bl") == ["black"]
    assert set(complete("pawnzero completion ")) >= {"bash", "zsh", "fish"}
    assert complete("pawnzero run --config mi") == ["mine.json"]


def test_names_of_files_may_hold_spaces(complete: Complete, tmp_path: Path) -> None:
    (tmp_path / "two words.json").write_text("{}")
    (tmp_path / "two words" / "in it").mkdir(parents=True)
    offered = complete("pawnzero run --config two")  # fish writes the space as it is to be typed
    assert sorted(word.replace("\\", "").rstrip("/") for word in offered) == ["two words", "two words.json"]
    assert len(complete("pawnzero report tw")) == 2


def test_zsh_takes_the_script(cli: Any, tmp_path: Path) -> None:
    script = _script(cli, "zsh", tmp_path)
    take = f"autoload -U compinit; compinit -D; source {script}; print $_comps[pawnzero]; print ${{+functions[_pawnzero]}}"
    assert _ask(["zsh", "-f", "-c", take], tmp_path) == ["_pawnzero", "1"]
    assert re.search(r"'--iterations\[run this many more iterations\]:N: '", script.read_text(encoding="utf-8"))


def test_arguments_are_read_from_a_parser() -> None:
    import argparse

    parser = argparse.ArgumentParser()
    parser.add_argument("place", metavar="PLACE", help="where")
    parser.add_argument("-n", "--number", default=3, help="how many\n(%(default)s, 100 %%)")
    parser.add_argument("--kind", choices=("a", "b"))
    parser.add_argument("--hidden", help=argparse.SUPPRESS)
    parser.add_argument_group("more").add_argument("--switch", action="store_true", help="on")
    assert read_arguments(parser) == [
        Argument((), "PLACE", "where", "", ()),
        Argument(("-n", "--number"), "NUMBER", "how many (3, 100 %)", "", ()),
        Argument(("--kind",), "a|b", "", "", ("a", "b")),
        Argument(("--switch",), "", "on", "more", ()),
    ]
