"""Threads that each run a net on their own part of a batch, one core each.

A net's operators are short. Splitting each of them over OpenMP's threads costs a wake-up and a wait an operator; giving
each thread a part of the batch and all operators costs one a batch, and a part that is not too large stays in its core's cache.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor, wait
from functools import lru_cache
from typing import Callable, List, TypeVar

import torch

from pawnzero.cores import usable_cores

T = TypeVar("T")

_setting = threading.Lock()
_local = threading.local()


_asked_for = 0


def core_count() -> int:
    """Cores that nets run on: as `use_cores` said, else those that torch was given when this was first asked."""
    return _asked_for or _given()


def use_cores(count: int) -> None:
    """Let nets run on `count` cores from now on (0: as many as torch was given). Not while one is running."""
    global _asked_for
    _given()
    _asked_for = count
    torch.set_num_threads(core_count())


def workers() -> ThreadPoolExecutor:
    """A thread for each core, shared by all nets of the process."""
    return _pool(core_count())


def on_all_cores(work: Callable[[], T]) -> List[T]:
    """What `work` returns in each of the workers, which run it side by side where they have nothing else to do."""
    pool = workers()
    running = [pool.submit(work) for _ in range(core_count())]
    wait(running)
    return [one.result() for one in running]


@lru_cache(maxsize=None)
def _given() -> int:
    """The machine's cores, or OMP_NUM_THREADS; no more than a container's quota has time for."""
    return min(torch.get_num_threads(), usable_cores())


def heed_quota() -> None:
    """Let torch start no more threads than a container's quota has time for: it counts the cores, not what one gets of them."""
    if torch.get_num_threads() > usable_cores():
        torch.set_num_threads(usable_cores())


@lru_cache(maxsize=None)
def _pool(count: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count, thread_name_prefix="net", initializer=use_one_core)


def use_one_core() -> None:
    """From now on torch's operators in this thread run in this thread alone. Other threads keep what they had."""
    if getattr(_local, "alone", False):
        return
    with _setting:
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        # torch sets this thread's number, and the number that later threads start with. Put the latter back, from a
        # thread whose own number does not matter.
        restorer = threading.Thread(target=torch.set_num_threads, args=(before,))
        restorer.start()
        restorer.join()
    _local.alone = True
