"""Which batch a net runs fastest in on this machine: tried for a moment, then remembered."""

from __future__ import annotations

import time
from typing import Callable, Dict, List, Sequence

from pawnzero.nets.device import is_out_of_memory
from pawnzero.remembered import Remembered

CARD_BATCHES = (128, 256, 512, 1024, 2048)
"""What is tried on a GPU."""

_MEASURED = Remembered("fastest_batches")
_ROUNDS = 3
_SECONDS = 0.01
"""The shortest time over which a size is measured in a round."""
_GAIN = 1.03
"""A larger batch must be so many times as fast: it costs more games at once, or more of a core's cache."""
_LONG = 0.1
"""Seconds. Nothing larger is tried than what takes so long: what a batch costs beside its positions no longer counts."""

Everywhere = Callable[[Callable[[], float]], List[float]]
"""Calls what it is given in some threads at once, and returns what they return."""

_found: Dict[str, int] = {}
"""What this process has found or recalled, whether or not it could be kept."""


def _alone(measure: Callable[[], float]) -> List[float]:
    return [measure()]


def fastest_batch(
    key: str,
    sizes: Sequence[int],
    run: Callable[[int], None],
    everywhere: Everywhere = _alone,
) -> int:
    """The smallest of `sizes` (ascending) after which positions a second hardly rise.

    key: says all that the answer depends on: net, format, device, threads; what is found is kept in `fastest_batches.json`
    run: takes so many positions through the net and returns when that is done
    everywhere: measures in all threads that will run the net side by side: they wait for each other, and the more often they
         ask for Python's lock, the longer

    Sizes for which memory does not suffice are left out; where that is the first, its error comes out.
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
            speeds(size)  # libraries prepare each size anew
            first = speeds(size)
        except (RuntimeError, MemoryError) as error:
            if not best or not is_out_of_memory(error):
                raise
            break
        best[size] = sum(first)
        if size * len(first) / best[size] > _LONG:
            break
    for _ in range(_ROUNDS - 1):  # in rounds, so that a moment in which the machine is busy falls on all of them
        for size in best:
            best[size] = max(best[size], sum(speeds(size)))
    chosen = sizes[0]
    for size in best:
        if best[size] >= _GAIN * best[chosen]:
            chosen = size
    return chosen


def _speed(size: int, run: Callable[[int], None]) -> float:
    """Positions a second."""
    done, started = 0, time.perf_counter()
    while True:
        run(size)
        done += size
        seconds = time.perf_counter() - started
        if seconds >= _SECONDS:
            return done / seconds
