"""The process's memory between steps: what one has freed, the next is given again.

A step frees all of its activations. glibc gives such memory back to the system, which has to clear it anew for the next step,
page by page (docs/performance.md says what that costs).
"""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Iterator, Optional

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Parameters of mallopt, from glibc's malloc.h."""
_NEVER = -1
_THRESHOLDS = (1 << 30, 1 << 25)
"""Blocks below so many bytes come from memory that is kept: as wanted, and the most that an older glibc takes."""
_VARIABLES = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_MMAP_MAX_", "MALLOC_TOP_PAD_")


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Let the process keep what it frees from now on, and give the system what is free at the block's end.

    Only glibc is asked to, and only where the environment does not say how memory is to be kept (mallopt(3)).
    """
    libc = _keep()
    try:
        yield
    finally:
        if libc is not None:
            libc.malloc_trim(0)


@lru_cache(maxsize=None)
def _keep() -> Optional[Any]:
    """The C library, from now on set to keep what is freed; None where it is left alone."""
    if not sys.platform.startswith("linux") or _said_by_the_owner():
        return None
    try:
        libc = ctypes.CDLL(None)
    except OSError:  # a Python that loads no libraries
        return None
    if not all(hasattr(libc, name) for name in ("gnu_get_libc_version", "mallopt", "malloc_trim")):
        return None
    # The second call ends glibc's own fitting of the first's threshold, so it must not stand alone.
    taken = any(libc.mallopt(_MMAP_THRESHOLD, size) for size in _THRESHOLDS) and libc.mallopt(_TRIM_THRESHOLD, _NEVER)
    return libc if taken else None


def _said_by_the_owner() -> bool:
    return any(name in os.environ for name in _VARIABLES) or "glibc.malloc." in os.environ.get("GLIBC_TUNABLES", "")
