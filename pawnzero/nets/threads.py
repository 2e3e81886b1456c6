"""Threads that each run a net on their own part of a batch, one core each.

A net's operators are short. Splitting each of them over OpenMP's threads costs a wake-up and a wait an operator; giving
each thread a part of the batch and all operators costs one a batch, and a part's activations stay in its core's cache.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import torch

_setting = threading.Lock()
_local = threading.local()


@lru_cache(maxsize=None)
def core_count() -> int:
    """Cores that torch was given when this was first asked (the machine's, or OMP_NUM_THREADS)."""
    return torch.get_num_threads()


@lru_cache(maxsize=None)
def workers() -> ThreadPoolExecutor:
    """A thread for each core, shared by all nets of the process."""
    count = core_count()
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
