"""How many cores may this process use? Fewer than the machine has, where it was told so (taskset, a container's limits)."""

from __future__ import annotations

import math
import os
from contextlib import suppress

from pawnzero.container import core_quota


def usable_cores() -> int:
    """Cores that this process may keep busy, a part of one counted whole; all of the machine's where it cannot be told."""
    cores = os.cpu_count() or 1
    with suppress(AttributeError, OSError):  # not on every system
        cores = len(os.sched_getaffinity(0))
    quota = core_quota()
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))
