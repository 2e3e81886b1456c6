"""Detects whether training's threads have to wait for a core, from Linux's scheduler statistics.

The threads that compute a step synchronize after every operator. If one of them has to wait for a core, all of them wait, so
even a little other work on the cores costs much (docs/training.md has figures).
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Dict, Optional, Tuple

MOST_WAITING = 0.2
"""Share of waiting above which `look` warns. Two threads on two cores waited 2 % alone, and 34 % beside one busy process."""
_SECONDS = 15.0
"""Shortest time to judge by; a shorter one may have caught a passing disturbance."""

_told = False
"""Whether this process has warned already; each stage of a long run would repeat the warning."""


class Crowding:
    """Measures from its creation, and afresh after each look that covered enough time.

    tasks: a folder with one folder per thread of this process, each with a file `schedstat`: nanoseconds that the thread ran,
    and nanoseconds that it was runnable but waited for a core (Linux, Documentation/scheduler/sched-stats.rst).
    """

    def __init__(self, tasks: Path = Path("/proc/self/task")) -> None:
        self._tasks = tasks
        self._begin()

    def _begin(self) -> None:
        self._began, self._before = time.monotonic(), _times(self._tasks)

    def waiting(self) -> float:
        """Share of the threads' runnable time spent waiting for a core; 0 where the system does not report it."""
        ran = waited = 0
        for thread, times in _times(self._tasks).items():
            before = self._before.get(thread, (0, 0))
            ran, waited = ran + times[0] - before[0], waited + times[1] - before[1]
        return waited / (ran + waited) if ran + waited > 0 else 0.0

    def look(self) -> Optional[str]:
        """A warning, at most once per process, if threads have waited more than MOST_WAITING of the time; else None."""
        global _told
        if _told or time.monotonic() - self._began < _SECONDS:
            return None
        share = self.waiting()
        self._begin()
        if share <= MOST_WAITING:
            return None
        _told = True
        return (
            f"training's threads waited {share:.0%} of the time for a core, which makes steps much slower: other programs use "
            "the cores, or there are more threads than cores (`pawnzero doctor` shows which)"
        )


def _times(tasks: Path) -> Dict[str, Tuple[int, int]]:
    """How long each living thread ran and waited, in nanoseconds. Empty where the system does not report it."""
    found: Dict[str, Tuple[int, int]] = {}
    for file in tasks.glob("*/schedstat"):
        try:
            ran, waited = file.read_text(encoding="ascii").split()[:2]
            found[file.parent.name] = (int(ran), int(waited))
        except (OSError, ValueError):  # the thread has ended since
            continue
    return found
