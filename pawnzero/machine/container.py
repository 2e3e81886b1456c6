"""A container's CPU and memory limits (cgroup versions 2 and 1); None if there is no limit or it cannot be read."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Optional

_CGROUP = Path("/sys/fs/cgroup")


def core_quota(cgroup: Path = _CGROUP) -> Optional[float]:
    """Return the CPU time limit, in cores."""
    for files in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        with suppress(OSError, ValueError):  # "max 100000": no limit
            quota, period = " ".join((cgroup / name).read_text(encoding="ascii") for name in files).split()
            return int(quota) / int(period) if int(quota) > 0 < int(period) else None  # -1: no limit
    return None


def memory_limit(cgroup: Path = _CGROUP) -> Optional[int]:
    """Return the memory limit in bytes. Version 1 reports a number beyond any memory if there is no limit."""
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        with suppress(OSError, ValueError):  # "max": no limit
            return int((cgroup / name).read_text(encoding="ascii"))
    return None
