"""Keeps the memory that one step frees in the process, for the next step to use.

A step frees all of its activations. By default glibc returns that memory to the system, which has to clear it again for the
next step, page by page (docs/performance.md has the cost).
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
"""Sizes in bytes below which blocks come from the heap, which is kept: the preferred one, and the most an older glibc takes."""
_VARIABLES = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_MMAP_MAX_", "MALLOC_TOP_PAD_")


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Let the process keep the memory it frees from now on, and return what is free to the system at the end of the block.

    Works only with glibc, and does nothing where the environment already configures its allocator (mallopt(3)).
    """
    libc = _keep()
    try:
        yield
    finally:
        if libc is not None:
            libc.malloc_trim(0)


@lru_cache(maxsize=None)
def _keep() -> Optional[Any]:
    """The C library, set to keep freed memory from now on; None where its settings were left alone."""
    if not sys.platform.startswith("linux") or _said_by_the_owner():
        return None
    try:
        libc = ctypes.CDLL(None)
    except OSError:  # a Python that loads no libraries
        return None
    if not all(hasattr(libc, name) for name in ("gnu_get_libc_version", "mallopt", "malloc_trim")):
        return None
    # The second call alone would do harm: it ends glibc's own adjustment of the mmap threshold, which the first call sets.
    taken = any(libc.mallopt(_MMAP_THRESHOLD, size) for size in _THRESHOLDS) and libc.mallopt(_TRIM_THRESHOLD, _NEVER)
    return libc if taken else None


def _said_by_the_owner() -> bool:
    return any(name in os.environ for name in _VARIABLES) or "glibc.malloc." in os.environ.get("GLIBC_TUNABLES", "")
