"""The two sides of a comparison: pawnzero in this process, a peer in processes of its own. Never both at once."""

from __future__ import annotations

import itertools
import json
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Dict, List

from pawnzero.config import SearchConfig, SelfplayConfig
from pawnzero.games import get_game
from pawnzero.games.chess.perft import perft
from pawnzero.search import Evaluator
from pawnzero.selfplay import Workload, play_games

PEERS = Path(__file__).resolve().parent / "peers"
_WARM_SIMULATIONS = 4096
"""Kernels and primitives are compiled by then."""


class Absent(Exception):
    """A peer is not installed; the message says how to install it."""


class Failed(Exception):
    """A peer is there and did not work; the message is its last word."""


def perft_rate(depth: int, seconds: float) -> float:
    """Leaves a second of perft from the starting position, one core."""
    perft("startpos", 2)
    done, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        done += perft("startpos", depth)
    return done / (time.perf_counter() - started)


def selfplay_rate(
    evaluator: Evaluator, search: SearchConfig, *, games: int, threads: int, simulations: int, seconds: float
) -> float:
    """Simulations a second of self-play in full swing; `games` at once and `threads`: 0 as self-play itself chooses."""
    workload, stop = Workload(), threading.Event()
    played = play_games(
        get_game("chess"),
        evaluator,
        itertools.count(),
        simulations=simulations,
        search=search,
        settings=SelfplayConfig(games_in_flight=games),
        seed=0,
        threads=threads,
        workload=workload,
        stop=stop,
    )
    player = threading.Thread(target=lambda: [None for _ in played], daemon=True)
    player.start()
    try:
        while player.is_alive() and workload.simulations < _WARM_SIMULATIONS:
            time.sleep(0.01)
        time.sleep(seconds / 4)
        started, before = time.perf_counter(), workload.simulations
        time.sleep(seconds)
        return (workload.simulations - before) / (time.perf_counter() - started)
    finally:
        stop.set()
        player.join()


class Peer:
    """A peer in `processes` of its own (see `peers/turn.py`), ready on entry, asked once, gone on exit.

    python: its interpreter; script: a file name in `peers`. Raises Absent or Failed on entry, Failed in `rate`.
    """

    def __init__(self, python: str, script: str, settings: Dict[str, Any], processes: int = 1) -> None:
        self._command = [python, str(PEERS / script), json.dumps(settings)]
        self._processes = processes
        self._children: List[subprocess.Popen[str]] = []
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed on exit

    def __enter__(self) -> Peer:
        try:
            for _ in range(self._processes):
                pipe = subprocess.PIPE
                self._children.append(subprocess.Popen(self._command, stdin=pipe, stdout=pipe, stderr=self._errors, text=True))
            for child in self._children:
                told = self._message(child)
                if "absent" in told:
                    raise Absent(told["absent"])
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for child in self._children:
            child.kill()
            child.communicate()
        self._errors.close()

    def rate(self) -> Dict[str, Any]:
        """What it reports; its `rate` is the sum over its processes, which start together. They have ended on return."""
        for child in self._children:
            assert child.stdin is not None
            child.stdin.write("go\n")
            child.stdin.flush()
        reports = [self._message(child) for child in self._children]
        for child in self._children:
            child.wait()
        return {**reports[0], "rate": sum(report["rate"] for report in reports)}

    def _message(self, child: subprocess.Popen[str]) -> Dict[str, Any]:
        """The next JSON object that a child prints; whatever else its packages print is passed over."""
        assert child.stdout is not None
        for line in child.stdout:
            if line.startswith("{"):
                return json.loads(line)
        self._errors.seek(0)
        said = [line for line in self._errors.read().splitlines() if line.strip()]
        raise Failed(said[-1] if said else "ended without a word")
