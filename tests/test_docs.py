"""The pages under docs/: their Python runs as it stands, and their links lead somewhere."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pawnzero import games
from pawnzero.games.conformance import check_game
from tests.blocks import read_blocks

ROOT = Path(__file__).resolve().parent.parent
DOCS = sorted((ROOT / "docs").rglob("*.md"))
_LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", ["python.md", "extending.md"])
def test_the_examples_run_as_they_stand(page: str, tmp_path: Path) -> None:
    examples = [block.text for block in read_blocks(ROOT / "docs" / page) if block.mark == "python"]
    assert examples
    for number, example in enumerate(examples):
        (tmp_path / f"example_{number}.py").write_text(example, encoding="utf-8")
    program = "\n".join(f"import example_{number}" for number in range(len(examples)))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)])}
    done = subprocess.run([sys.executable, "-c", program], cwd=str(tmp_path), env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_example_of_a_game_keeps_the_contract_and_can_be_learned(
    cli: Any, tmp_path: Path, tiny_config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (block,) = (block for block in read_blocks(ROOT / "docs" / "extending.md") if block.mark == "four_on_five")
    (tmp_path / "four_on_five.py").write_text(block.text, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(games._MODULES, "four_on_five", "four_on_five")
    game = games.get_game("four_on_five")
    check_game(game)
    module = importlib.import_module("four_on_five")
    for cells, expected in (([1, 2, 3, 4], True), ([0, 6, 12, 18], True), ([3, 7, 11, 15], True), ([2, 3, 4, 5], False)):
        assert module.has_line(np.bitwise_or.reduce(module.CELL[cells])) == expected
    found = cli("iterate", tmp_path / "A", "--game", "four_on_five", "--config", tiny_config, "--json").json()
    assert found["selfplay"]["games"] == 3
    assert found["train"]["step"] == 4
    assert found["arena"]["games"] == 2


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS], ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in _LINK.findall(page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target
