"""What a container leaves is read from its cgroup, of either version."""

from __future__ import annotations

from pathlib import Path
from typing import Dict, Optional

import pytest

from pawnzero.machine.container import core_quota, memory_limit

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
