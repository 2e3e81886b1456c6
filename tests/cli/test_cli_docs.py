"""docs/cli.md says what the commands say of themselves."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def maker(monkeypatch: pytest.MonkeyPatch) -> Any:
    """tools/make_cli_docs.py as a module."""
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    return importlib.import_module("make_cli_docs")


def test_the_page_is_up_to_date(maker: Any) -> None:
    written = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert written == maker.page(), "docs/cli.md is out of date; make it again: python tools/make_cli_docs.py"


def test_every_flag_of_a_command_is_on_it(maker: Any) -> None:
    _, _, after = maker.page().partition("## pawnzero train\n")
    section = after.partition("\n## ")[0]
    for written in ("`--agent-dir AGENT_DIR`", "`--iters-per-epoch N`, `--trainer-iters N`", "`--quiet`", "| settings | |"):
        assert written in section
    assert "pawnzero train models/AgentA --epochs 10 --iters-per-epoch 100\n" in section
