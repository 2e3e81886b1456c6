"""Every part of the package has its place in the order that import-linter keeps."""

from __future__ import annotations

import re
from pathlib import Path

import pawnzero

ROOT = Path(__file__).parent.parent


def test_no_part_is_outside_the_order() -> None:
    order = re.search(r"^layers = \[(.*?)^\]", (ROOT / "pyproject.toml").read_text(), re.DOTALL | re.MULTILINE)
    assert order is not None
    listed = set(re.findall(r"pawnzero\.(\w+)", order[1]))
    package = Path(pawnzero.__file__).parent
    parts = {path.stem for path in package.glob("*.py")} | {path.parent.name for path in package.glob("*/__init__.py")}
    assert parts - listed - {"__init__", "__main__"} == set()
    assert listed - parts == set()
