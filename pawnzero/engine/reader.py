"""Lines of standard input, read in a thread of their own, so that a search can look for them without waiting."""

from __future__ import annotations

import os
import threading
from queue import Queue
from typing import Iterable, Iterator, Optional

_CHUNK = 1 << 16


def standard_input() -> Iterator[str]:
    """Lines as they come; bytes that are no text become question marks.

    Read from the descriptor itself: a thread that waits in `sys.stdin` holds a lock that Python wants when it ends.
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
    """`lines` in a queue as they come, then None."""
    queue: Queue[Optional[str]] = Queue()

    def read() -> None:
        try:
            for line in lines:
                queue.put(line)
        finally:
            queue.put(None)

    threading.Thread(target=read, name="uci-input", daemon=True).start()
    return queue
