from __future__ import annotations

import pytest

from pawnzero import games


@pytest.fixture(autouse=True)
def _walk_is_a_game(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(games._MODULES, "walk", "walk_game")
