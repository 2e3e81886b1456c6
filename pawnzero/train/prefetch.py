"""Prefetching: one background thread draws batches, in order, before they are needed."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Callable, Deque, Generator, Iterable, TypeVar

T = TypeVar("T")


def prefetch(draw: Callable[[int], T], steps: Iterable[int], depth: int = 2) -> Generator[T, None, None]:
    """Yield ``draw(step)`` for each step, with up to `depth` results prepared while the caller works on an earlier one.

    An error in `draw` is raised when the caller reaches that step. Close the generator to stop early.
    """
    waiting: Deque[Future[T]] = deque()
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="batches") as thread:
        try:
            for step in steps:
                waiting.append(thread.submit(draw, step))
                if len(waiting) > depth:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
