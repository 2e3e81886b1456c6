"""How many cores may this process use? Fewer than the machine has, where it was told so (taskset, a container's cpuset)."""

from __future__ import annotations

import os
from contextlib import suppress


def usable_cores() -> int:
    """Cores that the system lets this process run on; all of the machine's where it does not tell."""
    with suppress(AttributeError, OSError):  # not on every system
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
