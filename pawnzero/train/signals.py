"""How training stops when it is asked to: SIGINT and SIGTERM set a flag, and the step in hand is finished first."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from types import FrameType
from typing import Any, Dict, Iterator, Optional


class StopRequest:
    """While entered on the main thread, the first SIGINT or SIGTERM sets `asked`; a second one acts as it always did.

    On other threads, where Python allows no handlers, it is never asked, nor by a signal that the process ignores.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: Dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(number) != signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()

    def _ask(self, number: int, frame: Optional[FrameType]) -> None:
        self.asked = True
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
        self._before = {}


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """While entered on the main thread, SIGINT and SIGTERM end the process at once, also where it waits in a library."""
    before: Dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
