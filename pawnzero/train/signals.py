"""How signals stop training: SIGINT, SIGTERM and SIGHUP set a flag, and the current step is finished first."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from types import FrameType
from typing import Any, Dict, Iterator, Optional

from pawnzero.machine.hangup import ASKING, HANGUP, leave_lost_terminal


class StopRequest:
    """While entered on the main thread, the first SIGINT, SIGTERM or SIGHUP sets `asked`; a second one has its usual effect.

    SIGHUP is ignored after the first, since it may come twice when a connection drops. `asked` is never set on other threads,
    where Python allows no signal handlers, nor by a signal that the process ignores.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: Dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():
            for number in ASKING:
                if signal.getsignal(number) != signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()

    def _ask(self, number: int, frame: Optional[FrameType]) -> None:
        self.asked = True
        self._restore(but=HANGUP)
        if number == HANGUP:
            leave_lost_terminal()
            self._before.pop(number, None)
            signal.signal(number, signal.SIG_IGN)

    def _restore(self, but: Optional[int] = None) -> None:
        for number in [number for number in self._before if number != but]:
            handler = self._before.pop(number)
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """While entered on the main thread, SIGINT, SIGTERM and SIGHUP end the process at once, even while it waits in a library.

    A signal that the process ignores stays ignored.
    """
    before: Dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        heard = [number for number in ASKING if signal.getsignal(number) != signal.SIG_IGN]
        before = {number: signal.signal(number, signal.SIG_DFL) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
