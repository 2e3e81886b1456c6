"""A container's quota of cores counts wherever threads are counted."""

from __future__ import annotations

import pytest
import torch

from pawnzero.machine import cores
from pawnzero.machine.cores import usable_cores
from pawnzero.nets import threads


def test_cores_are_what_mask_and_quota_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)), raising=False)
    for quota, expected in ((None, 8), (0.2, 1), (1.0, 1), (1.5, 2), (8.0, 8), (64.0, 8)):
        monkeypatch.setattr(cores, "core_quota", lambda quota=quota: quota)
        assert usable_cores() == expected


def test_torch_does_not_take_more_threads_than_a_quota_has_time_for(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(4)
        monkeypatch.setattr(threads, "usable_cores", lambda: 3)
        threads.heed_quota()
        assert torch.get_num_threads() == 3
        monkeypatch.setattr(threads, "usable_cores", lambda: 16)
        threads.heed_quota()
        assert torch.get_num_threads() == 3, "as few as it was told to take"
    finally:
        torch.set_num_threads(before)
