"""The memory this process may use: less than the machine has in a container with a limit."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Optional

from pawnzero.machine.container import memory_limit


def usable_memory() -> Optional[int]:
    """Return the bytes of memory this process may use; None if unknown."""
    found = [memory_limit()]
    with suppress(AttributeError, OSError, ValueError):  # not on every system
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return min((one for one in found if one is not None), default=None)
