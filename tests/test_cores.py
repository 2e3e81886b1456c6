"""A container's quota of cores counts wherever threads are counted."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, Optional

import pytest
import torch

from pawnzero import cores
from pawnzero.container import core_quota, memory_limit
from pawnzero.cores import usable_cores
from pawnzero.nets import threads

_V2 = "cpu.max"
_V1 = ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")


def _cgroup(folder: Path, files: Dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({}, None),
        ({_V2: "max 100000\n"}, None),
        ({_V2: "150000 100000\n"}, 1.5),
        ({_V2: "nonsense\n"}, None),
        ({_V2: "100000 0\n"}, None),
        ({_V1[0]: "-1\n", _V1[1]: "100000\n"}, None),
        ({_V1[0]: "400000\n", _V1[1]: "100000\n"}, 4.0),
        ({_V1[0]: "400000\n"}, None),
    ],
)
def test_a_quota_is_read(tmp_path: Path, files: Dict[str, str], quota: Optional[float]) -> None:
    assert core_quota(_cgroup(tmp_path, files)) == quota


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({}, None),
        ({"memory.max": "max\n"}, None),
        ({"memory.max": "4096000000\n"}, 4096000000),
        ({"memory/memory.limit_in_bytes": "8192\n"}, 8192),
    ],
)
def test_a_limit_of_memory_is_read(tmp_path: Path, files: Dict[str, str], limit: Optional[int]) -> None:
    assert memory_limit(_cgroup(tmp_path, files)) == limit


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
