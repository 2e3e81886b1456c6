"""Threads that each run a net on their own part of a batch, on one core each.

A net's operators are short. Splitting each of them over OpenMP threads costs a wake-up and a wait per operator; giving each
thread a part of the batch and all operators costs one per batch, and a part that is not too large stays in its core's cache.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor, wait
from functools import lru_cache
from typing import Callable, List, TypeVar

import torch

from pawnzero.machine.cores import usable_cores

T = TypeVar("T")

_setting = threading.Lock()
_local = threading.local()


_asked_for = 0


def core_count() -> int:
    """Return the number of cores that nets run on: as set by `use_cores`, else as torch was configured at the first call."""
    return _asked_for or _given()


def use_cores(count: int) -> None:
    """Make nets run on `count` cores from now on (0: torch's own number). Must not be called while one is running."""
    global _asked_for
    _given()
    _asked_for = count
    torch.set_num_threads(core_count())


def workers() -> ThreadPoolExecutor:
    """Return the thread pool, one thread per core, shared by all nets of the process."""
    return _pool(core_count())


def on_all_cores(work: Callable[[], T]) -> List[T]:
    """Submit `work` once per worker and return the results; idle workers run it concurrently."""
    pool = workers()
    running = [pool.submit(work) for _ in range(core_count())]
    wait(running)
    return [one.result() for one in running]


@lru_cache(maxsize=None)
def _given() -> int:
    """torch's thread count (the machine's cores, or OMP_NUM_THREADS), capped at the container's CPU quota."""
    return min(torch.get_num_threads(), usable_cores())


def heed_quota() -> None:
    """Cap torch's threads at the container's CPU quota: torch counts the machine's cores, not the share of them it may use."""
    if torch.get_num_threads() > usable_cores():
        torch.set_num_threads(usable_cores())


@lru_cache(maxsize=None)
def _pool(count: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count, thread_name_prefix="net", initializer=use_one_core)


def use_one_core() -> None:
    """Make torch's operators in this thread run in this thread alone from now on. Other threads are not affected."""
    if getattr(_local, "alone", False):
        return
    with _setting:
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        # torch sets the thread count of this thread and the default for later threads. Restore the latter, from a
        # thread whose own count does not matter.
        restorer = threading.Thread(target=torch.set_num_threads, args=(before,))
        restorer.start()
        restorer.join()
    _local.alone = True
