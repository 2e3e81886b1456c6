"""Batches come in order, ahead of need, and their errors where they belong."""

from __future__ import annotations

import threading
from typing import List

import pytest

from pawnzero.train.prefetch import prefetch


def test_results_come_in_order_from_another_thread() -> None:
    def draw(step: int) -> object:
        return step, threading.current_thread() is threading.main_thread()

    assert list(prefetch(draw, range(3, 10), depth=2)) == [(step, False) for step in range(3, 10)]
    assert list(prefetch(draw, range(0))) == []


def test_no_more_than_depth_are_prepared_and_closing_stops() -> None:
    drawn: List[int] = []
    batches = prefetch(lambda step: drawn.append(step) or step, range(100), depth=2)
    assert next(batches) == 0
    batches.close()
    assert set(drawn) <= {0, 1, 2}
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("batches")]


def test_an_error_is_raised_at_its_place() -> None:
    def draw(step: int) -> int:
        if step == 3:
            raise KeyError("no row")
        return step

    batches = prefetch(draw, range(6))
    assert [next(batches) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(KeyError, match="no row"):
        next(batches)
