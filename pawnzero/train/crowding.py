"""Whether training's threads have to wait for a core, as Linux counts it.

The threads that compute a step wait for each other at every operator. One of them that has to wait for a core keeps all of them
waiting, so that a little other work costs much (docs/training.md has figures).
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Dict, Optional, Tuple

MOST_WAITING = 0.2
"""Alone on two cores two threads waited 2 % of the time that they could have run, beside one other busy process 34 %."""
_SECONDS = 15.0
"""Less says nothing: it may have been a moment."""

_told = False
"""Whether this process has told its owner: each stage of a long run would say the same."""


class Crowding:
    """Counts from when it is made, and anew after each look.

    tasks: a folder with a folder for each of this process's threads, in it `schedstat`: nanoseconds that the thread ran, and
    that it could have run and waited for a core (Linux, Documentation/scheduler/sched-stats.rst).
    """

    def __init__(self, tasks: Path = Path("/proc/self/task")) -> None:
        self._tasks = tasks
        self._begin()

    def _begin(self) -> None:
        self._began, self._before = time.monotonic(), _times(self._tasks)

    def waiting(self) -> float:
        """Share of the time that threads could have run in which they waited for a core; 0 where the system does not tell."""
        ran = waited = 0
        for thread, times in _times(self._tasks).items():
            before = self._before.get(thread, (0, 0))
            ran, waited = ran + times[0] - before[0], waited + times[1] - before[1]
        return waited / (ran + waited) if ran + waited > 0 else 0.0

    def look(self) -> Optional[str]:
        """A line for the owner, once a process, where threads have waited too long for some time; else None."""
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
    """Of each thread that is there: how long it ran and waited, in nanoseconds. Empty where the system does not tell."""
    found: Dict[str, Tuple[int, int]] = {}
    for file in tasks.glob("*/schedstat"):
        try:
            ran, waited = file.read_text(encoding="ascii").split()[:2]
            found[file.parent.name] = (int(ran), int(waited))
        except (OSError, ValueError):  # the thread has ended meanwhile
            continue
    return found
