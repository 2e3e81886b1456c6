"""How many processes were started together by torchrun, and which of them is this? Known without torch."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import NoReturn

from pawnzero.errors import UsageError


@dataclass(frozen=True)
class Launch:
    """rank: of this process, from 0; size: how many there are; local_rank: among those of this machine."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0


def this_launch() -> Launch:
    """What torchrun wrote into the environment; one process alone where it did not."""
    if not {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"} <= set(os.environ):
        return Launch()
    try:
        rank, size, _ = (int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "MASTER_PORT"))
        launch = Launch(rank, size, int(os.environ.get("LOCAL_RANK", rank)))
    except ValueError:
        return Launch()
    return launch if 0 <= rank < size else Launch()


def refuse_several(what: str) -> None:
    """Raises UsageError where torchrun started several processes, which would each do all of `what`."""
    size = this_launch().size
    if size > 1:
        raise UsageError(f"{what}: torchrun started {size} processes, but only pawnzero train divides its work; start one")


def leave(code: int) -> NoReturn:
    """End this process. One of several ends at once: taking torch's groups apart on the way out now and then aborts it, when
    all its work is done."""
    if this_launch().size == 1:
        sys.exit(code)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
