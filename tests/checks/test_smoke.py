"""One quick game, looked at closely."""

from __future__ import annotations

from pawnzero.checks.smoke import smoke


def test_smoke_finds_a_sound_setup() -> None:
    figures = smoke(device="cpu")
    assert figures["ok"] is True
    assert figures["faults"] == []
    assert figures["plies"] > 0
