"""How many processes torchrun started together, and which of them this is; does not need torch."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import NoReturn

from pawnzero.errors import UsageError


@dataclass(frozen=True)
class Launch:
    """rank: this process's, from 0; size: number of processes; local_rank: rank among those on this machine."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0


def this_launch() -> Launch:
    """Read torchrun's environment variables; a single process if they are missing or invalid."""
    if not {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"} <= set(os.environ):
        return Launch()
    try:
        rank, size, _ = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "MASTER_PORT"))
        launch = Launch(rank, size, int(os.environ.get("LOCAL_RANK", rank)))
    except ValueError:
        return Launch()
    return launch if 0 <= rank < size else Launch()


def refuse_several(what: str) -> None:
    """Raise UsageError if torchrun started several processes, which would each do all of `what`."""
    size = this_launch().size
    if size > 1:
        raise UsageError(f"{what}: torchrun started {size} processes, but only pawnzero train divides its work; start one")


def leave(code: int) -> NoReturn:
    """End this process.

    One of several processes exits immediately: torch's cleanup of its process groups occasionally aborts it after all its work
    is done.
    """
    if this_launch().size == 1:
        sys.exit(code)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
