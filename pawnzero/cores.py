"""How many cores may this process use? Fewer than the machine has, where it was told so (taskset, a container's limits)."""

from __future__ import annotations

import math
import os
from contextlib import suppress
from pathlib import Path
from typing import Optional

_CGROUP = Path("/sys/fs/cgroup")


def usable_cores() -> int:
    """Cores that this process may keep busy, a part of one counted whole; all of the machine's where it cannot be told."""
    cores = os.cpu_count() or 1
    with suppress(AttributeError, OSError):  # not on every system
        cores = len(os.sched_getaffinity(0))
    quota = core_quota()
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))


def core_quota(cgroup: Path = _CGROUP) -> Optional[float]:
    """Cores' worth of time that a container gets (cgroup versions 2 and 1); None: no limit, or none that can be read."""
    for files in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        with suppress(OSError, ValueError):  # "max 100000": no limit
            quota, period = " ".join((cgroup / name).read_text(encoding="ascii") for name in files).split()
            return int(quota) / int(period) if int(quota) > 0 < int(period) else None  # -1: no limit
    return None
