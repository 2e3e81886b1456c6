"""Standard input, read line by line in a thread of its own, so that a search can poll for commands without blocking."""

from __future__ import annotations

import os
import threading
from queue import Queue
from typing import Iterable, Iterator, Optional

_CHUNK = 1 << 16


def standard_input() -> Iterator[str]:
    """Lines as they arrive; undecodable bytes become U+FFFD.

    Reads the file descriptor directly: a thread blocked in `sys.stdin` holds a lock that Python needs at exit.
    """
    rest = b""
    while True:
        chunk = os.read(0, _CHUNK)
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.decode("utf-8", "replace")
        if not chunk:
            if rest:
                yield rest.decode("utf-8", "replace")
            return


def queued(lines: Iterable[str]) -> Queue[Optional[str]]:
    """A queue that receives `lines` as they arrive, then None."""
    queue: Queue[Optional[str]] = Queue()

    def read() -> None:
        try:
            for line in lines:
                queue.put(line)
        finally:
            queue.put(None)

    threading.Thread(target=read, name="uci-input", daemon=True).start()
    return queue
