"""The batch size in which a net runs fastest on this machine: measured briefly, then remembered."""

from __future__ import annotations

import time
from typing import Callable, Dict, List, Sequence

from pawnzero.machine.remembered import Remembered
from pawnzero.nets.device import is_out_of_memory

CARD_BATCHES = (128, 256, 512, 1024, 2048)
"""The sizes tried on a GPU."""

_MEASURED = Remembered("fastest_batches")
_ROUNDS = 3
_SECONDS = 0.01
"""The shortest time for which a size is measured in a round."""
_GAIN = 1.03
"""A larger batch must be this many times as fast: it needs more concurrent games, or more of a core's cache."""
_LONG = 0.1
"""Seconds. No size larger than one that takes this long is tried: fixed costs per batch no longer matter there."""

Everywhere = Callable[[Callable[[], float]], List[float]]
"""Calls its argument concurrently in some threads and returns the results."""

_found: Dict[str, int] = {}
"""What this process has measured or recalled, even if it could not be saved."""


def _alone(measure: Callable[[], float]) -> List[float]:
    return [measure()]


def fastest_batch(
    key: str,
    sizes: Sequence[int],
    run: Callable[[int], None],
    everywhere: Everywhere = _alone,
) -> int:
    """Return the smallest of `sizes` (ascending) beyond which the positions per second hardly rise.

    key: everything the result depends on: net, format, device, threads; the result is saved in `fastest_batches.json`
    run: evaluates this many positions with the net and returns when it is done
    everywhere: measures in all threads that will run the net concurrently, because they wait for each other, the longer the
         more often they need Python's lock

    Sizes that do not fit in memory are left out; if the first does not, its error is raised.
    """
    key = f"{key}: {', '.join(map(str, sizes))}"
    if key not in _found:
        size = _MEASURED.recall(key)
        if size not in sizes:
            size = _measure(sizes, run, everywhere)
            _MEASURED.keep(key, size)
        _found[key] = size
    return _found[key]


def _measure(sizes: Sequence[int], run: Callable[[int], None], everywhere: Everywhere) -> int:
    def speeds(size: int) -> List[float]:
        return everywhere(lambda: _speed(size, run))

    best: Dict[int, float] = {}
    for size in sizes:
        try:
            speeds(size)  # warm-up: libraries prepare each size anew
            first = speeds(size)
        except (RuntimeError, MemoryError) as error:
            if not best or not is_out_of_memory(error):
                raise
            break
        best[size] = sum(first)
        if size * len(first) / best[size] > _LONG:
            break
    for _ in range(_ROUNDS - 1):  # in rounds, so that a busy moment of the machine affects all sizes
        for size in best:
            best[size] = max(best[size], sum(speeds(size)))
    chosen = sizes[0]
    for size in best:
        if best[size] >= _GAIN * best[chosen]:
            chosen = size
    return chosen


def _speed(size: int, run: Callable[[int], None]) -> float:
    """Positions per second."""
    done, started = 0, time.perf_counter()
    while True:
        run(size)
        done += size
        seconds = time.perf_counter() - started
        if seconds >= _SECONDS:
            return done / seconds
