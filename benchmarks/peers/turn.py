"""How a peer takes its turn: it gets ready, waits for the word, works for a while and reports its rate.

A peer is a script that runs in the interpreter its packages live in, which is not the project's; it talks to `compare.py` in
lines of JSON on its standard output, and imports nothing of pawnzero. By hand, with the settings it asks for:

    echo go | python benchmarks/peers/python_chess.py '{"depth": 4, "seconds": 3}'
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any, Callable, Dict, Tuple

Settings = Dict[str, Any]
Measure = Callable[[float], float]
"""seconds → what was done a second, over at least that time."""


def take_turn(set_up: Callable[[Settings], Tuple[Measure, Settings]], install: str) -> None:
    """Run a peer with the settings on the command line (one JSON object).

    set_up:  settings → what measures, warmed up, and a dict that says what was measured (it may be added to until the end).
             It imports the peer's packages; where one is missing the peer is absent
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
    """Measures what `work` counts, called again and again."""

    def measure(seconds: float) -> float:
        done, started = 0, time.perf_counter()
        while time.perf_counter() - started < seconds:
            done += work()
        return done / (time.perf_counter() - started)

    return measure


def _say(message: Settings) -> None:
    print(json.dumps(message), flush=True)
