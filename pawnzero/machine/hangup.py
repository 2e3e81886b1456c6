"""The signals that ask a process to end, and what becomes of its output once its terminal has hung up.

A dropped connection takes the terminal with it: its processes get SIGHUP, often twice (from the shell and from the system), and
all writes to the terminal fail from then on.
"""

from __future__ import annotations

import os
import signal
import stat
from typing import Any, Tuple

HANGUP: Any = getattr(signal, "SIGHUP", None)
"""None if the platform has no such signal. `nohup` and others set it to be ignored, and we leave that so."""

ASKING: Tuple[int, ...] = (signal.SIGINT, signal.SIGTERM) + (() if HANGUP is None else (HANGUP,))
"""Signals that ask a process to end: Ctrl-C, the system or a supervisor, a terminal that hung up."""


def leave_lost_terminal() -> None:
    """Redirect output to the null device if its terminal has hung up, so that failing writes do not prevent the final saves."""
    for stream in (1, 2):
        try:
            device = stat.S_ISCHR(os.fstat(stream).st_mode)
        except OSError:  # closed
            continue
        if device and not os.isatty(stream):  # true of a terminal that hung up; any other such device has no reader either
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream)
            os.close(nowhere)
