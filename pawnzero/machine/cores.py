"""The number of cores this process may use: fewer than the machine has if limited (taskset, a container)."""

from __future__ import annotations

import math
import os
from contextlib import suppress

from pawnzero.machine.container import core_quota


def usable_cores() -> int:
    """Return the number of cores this process may keep busy, rounded up; all of the machine's if the limits are unknown."""
    cores = os.cpu_count() or 1
    with suppress(AttributeError, OSError):  # not on every system
        cores = len(os.sched_getaffinity(0))
    quota = core_quota()
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))
