"""The first signal asks, the second acts as ever, and handlers are left as they were found."""

from __future__ import annotations

import os
import signal
import threading
from typing import List

import pytest

from pawnzero.train.signals import StopRequest, ended_by_signals


def test_the_first_asks_and_the_second_interrupts() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with StopRequest() as stop:
        assert not stop.asked
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.asked
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_signal_that_is_ignored_stays_so(number: signal.Signals) -> None:
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with StopRequest() as stop:
            os.kill(os.getpid(), number)
            assert not stop.asked
        with ended_by_signals():
            assert signal.getsignal(number) == signal.SIG_IGN
        assert signal.getsignal(number) == signal.SIG_IGN
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize("first", [signal.SIGHUP, signal.SIGTERM])
def test_a_connection_that_drops_asks_and_never_interrupts(first: signal.Signals) -> None:
    def refuse(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGHUP, refuse)
    try:
        with StopRequest() as stop:
            for number in (first, signal.SIGHUP, signal.SIGHUP):
                os.kill(os.getpid(), number)
                assert stop.asked
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN  # nor does a later one
    finally:
        signal.signal(signal.SIGHUP, before)


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
