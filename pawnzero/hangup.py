"""Which signals ask a process to end, and where its output goes once its terminal has hung up.

A connection that drops takes the terminal with it: the processes of that terminal get SIGHUP, often twice, from the shell and
from the system, and whatever they write to it fails from then on.
"""

from __future__ import annotations

import os
import signal
import stat
from typing import Any, Tuple

HANGUP: Any = getattr(signal, "SIGHUP", None)
"""None where the platform has no such signal. `nohup` and others have it ignored, and it stays so."""

ASKING: Tuple[int, ...] = (signal.SIGINT, signal.SIGTERM) + (() if HANGUP is None else (HANGUP,))
"""They ask to end: Ctrl-C, the system or a supervisor, a terminal that hung up."""


def leave_lost_terminal() -> None:
    """Let what is written to a terminal that hung up go nowhere, so that it does not stop what is still to be saved."""
    for stream in (1, 2):
        try:
            device = stat.S_ISCHR(os.fstat(stream).st_mode)
        except OSError:  # closed
            continue
        if device and not os.isatty(stream):  # as is a terminal that hung up; to others nobody listens either
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream)
            os.close(nowhere)
