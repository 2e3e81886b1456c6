"""The first signal asks, the second acts as ever, and handlers are left as they were found."""

from __future__ import annotations

import os
import signal
import threading
from typing import List

import pytest

from pawnzero.train.signals import StopRequest


def test_the_first_asks_and_the_second_interrupts() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with StopRequest() as stop:
        assert not stop.asked
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.asked
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_a_signal_that_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with StopRequest() as stop:
            os.kill(os.getpid(), signal.SIGINT)
            assert not stop.asked
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_on_another_thread_nothing_is_asked_and_no_handler_set() -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen: List[bool] = []

    def work() -> None:
        with StopRequest() as stop:
            seen.append(stop.asked or signal.getsignal(signal.SIGTERM) != before)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False]
