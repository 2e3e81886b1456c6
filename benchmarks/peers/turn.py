"""The protocol of a peer: it prepares, waits for its turn, works for a while and reports its rate.

A peer is a script that runs in the interpreter with its packages, which is not the project's. It talks to `compare.py` in lines
of JSON on standard output, and imports nothing of pawnzero. To run one by hand, with the settings it needs:

    echo go | python benchmarks/peers/python_chess.py '{"depth": 4, "seconds": 3}'
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any, Callable, Dict, Tuple

Settings = Dict[str, Any]
Measure = Callable[[float], float]
"""seconds → units of work per second, over at least that time"""


def take_turn(set_up: Callable[[Settings], Tuple[Measure, Settings]], install: str) -> None:
    """Run a peer with the settings on the command line (one JSON object).

    set_up:  settings → a warmed-up measuring function, and a dict that describes it (which it may extend while measuring).
             Imports the peer's packages; if one is missing, the peer is absent
    install: the command that installs them
    """
    settings = json.loads(sys.argv[1])
    try:
        measure, about = set_up(settings)
    except ImportError as error:
        _say({"absent": f"{error}; {install}"})
        return
    _say({"ready": True})
    if sys.stdin.readline():
        _say({"rate": measure(settings["seconds"]), **about})


def repeat(work: Callable[[], int]) -> Measure:
    """A function that calls `work` repeatedly and returns the units it counted per second."""

    def measure(seconds: float) -> float:
        done, started = 0, time.perf_counter()
        while time.perf_counter() - started < seconds:
            done += work()
        return done / (time.perf_counter() - started)

    return measure


def _say(message: Settings) -> None:
    print(json.dumps(message), flush=True)
