"""README's commands are run as they stand, in a fresh copy of the repository."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List

import pytest

from tests.blocks import read_blocks

ROOT = Path(__file__).resolve().parent.parent
BLOCKS = read_blocks(ROOT / "README.md")


def _commands(*marks: str) -> List[str]:
    return [line for mark, language, text in BLOCKS if mark in marks and language == "sh" for line in text.splitlines()]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What a fresh clone has of what the commands need. The package is this one's, whose kernels are compiled already."""
    shutil.copytree(str(ROOT / "training"), str(tmp_path / "training"), ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "models").mkdir()
    return tmp_path


def _environment(clone: Path) -> Dict[str, str]:
    """`python3` and `pawnzero` are those of this interpreter and of this repository."""
    tools = clone / ".tools"
    tools.mkdir(exist_ok=True)
    for name, arguments in (("python3", ""), ("pawnzero", " -m pawnzero")):
        (tools / name).write_text(f'#!/bin/sh\nexec "{sys.executable}"{arguments} "$@"\n')
        (tools / name).chmod(0o755)
    return {**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}


def _run(command: str, clone: Path) -> None:
    done = subprocess.run(command, shell=True, cwd=str(clone), env=_environment(clone), capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr


def test_the_two_first_commands_are_make_targets() -> None:
    first = BLOCKS[0]
    assert [line.split("#")[0].strip() for line in first[2].splitlines()] == ["make demo", "make test"]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in ("setup", "demo", "test", "lint", "bench"):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_every_command_is_marked_for_a_test() -> None:
    for mark, _, text in BLOCKS[1:]:
        if "python3 " in text or text.startswith("pawnzero "):
            assert mark != "unmarked" or "pip install" in text, text


@pytest.mark.skipif(sys.platform == "win32", reason="a shell of Unix")
@pytest.mark.parametrize("command", _commands(""))
def test_quick_commands(command: str, clone: Path) -> None:
    _run(command, clone)


@pytest.mark.skipif(sys.platform == "win32", reason="a shell of Unix")
def test_the_python_example(clone: Path, cli: Any) -> None:
    agent = clone / "models" / "AgentA"
    assert cli("selfplay", agent, "--games", 2, "--sims", 2, "--max-plies", 20, "--device", "cpu").code == 0
    (example,) = (text for mark, _, text in BLOCKS if mark == "python")
    (clone / "example.py").write_text(example)
    _run("python3 example.py", clone)
    assert (agent / "checkpoints" / "latest.pt").is_file()
    _run("python3 example.py", clone)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.skipif(sys.platform == "win32", reason="a shell of Unix")
def test_long_commands_in_their_order(clone: Path) -> None:
    import torch

    marks = ["slow"]
    if torch.cuda.is_available():
        marks.append("cuda")
    if shutil.which("stockfish") or Path("/usr/games/stockfish").exists():
        marks.append("stockfish")
    for command in _commands(*marks):
        _run(command, clone)
