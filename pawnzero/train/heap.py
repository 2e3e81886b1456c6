"""The process's memory between steps: what one has freed, the next is given again.

A step frees all of its activations. glibc hands such memory back to the system, and so each step has the system clear it anew,
page by page: an eighth of a step of a small net on a CPU (docs/performance.md). A process that trains needs as much again at
once, so it keeps it.
"""

from __future__ import annotations

import ctypes
import os
import sys
from functools import lru_cache

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Parameters of mallopt, from glibc's malloc.h."""
_NEVER = -1
_THRESHOLDS = (1 << 30, 1 << 25)
"""Blocks below so many bytes come from memory that is kept: as wanted, and the most that an older glibc takes."""


@lru_cache(maxsize=None)
def keep_freed_memory() -> bool:
    """Let this process keep what it frees, from now on. Returns whether it does: only glibc is asked to, and only where
    the environment (MALLOC_…_, GLIBC_TUNABLES) does not say already how memory is to be kept."""
    if not sys.platform.startswith("linux") or any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in os.environ):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_TRIM_THRESHOLD, _NEVER)) and any(mallopt(_MMAP_THRESHOLD, size) for size in _THRESHOLDS)
