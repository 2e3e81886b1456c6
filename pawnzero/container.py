"""How much of the machine a container gets (cgroup versions 2 and 1); None: all of it, or what it gets cannot be read."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Optional

_CGROUP = Path("/sys/fs/cgroup")


def core_quota(cgroup: Path = _CGROUP) -> Optional[float]:
    """Cores' worth of time."""
    for files in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        with suppress(OSError, ValueError):  # "max 100000": no limit
            quota, period = " ".join((cgroup / name).read_text(encoding="ascii") for name in files).split()
            return int(quota) / int(period) if int(quota) > 0 < int(period) else None  # -1: no limit
    return None


def memory_limit(cgroup: Path = _CGROUP) -> Optional[int]:
    """Bytes of memory. Version 1 says a number beyond all memory where there is no limit."""
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        with suppress(OSError, ValueError):  # "max": no limit
            return int((cgroup / name).read_text(encoding="ascii"))
    return None
