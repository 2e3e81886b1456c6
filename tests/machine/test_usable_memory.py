"""A container's memory limit counts wherever memory is shared out."""

from __future__ import annotations

import pytest

from pawnzero.machine import memory
from pawnzero.machine.memory import usable_memory


def test_a_containers_limit_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "memory_limit", lambda: None)
    machine = usable_memory()
    assert machine is None or machine > 1 << 20
    monkeypatch.setattr(memory, "memory_limit", lambda: 4096)
    assert usable_memory() == 4096
