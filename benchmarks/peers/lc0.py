"""lc0: `lc0 selfplay`, counting nodes move by move from its output.

Settings: binary, backend, weights (a path or null), simulations (visits per move), parallelism (games at once), seconds. Tested
with lc0 0.31 and its backends random and eigen.
"""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Dict, Iterable, List, Tuple

from turn import Measure, Settings, take_turn

_WARM_MOVES = 16


def set_up(settings: Settings) -> Tuple[Measure, Settings]:
    weights = settings["weights"] and Path(settings["weights"]).name
    about = {"peer": "lc0", "how": " ".join(["lc0", *arguments({**settings, "weights": weights})])}

    def measure(seconds: float) -> float:
        process = subprocess.Popen(
            [settings["binary"], *arguments(settings)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert process.stdout is not None
        try:
            return rate(process.stdout, seconds, about)
        finally:
            process.kill()
            process.wait()

    return measure, about


def arguments(settings: Settings) -> List[str]:
    found = ["selfplay", f"--backend={settings['backend']}", f"--visits={settings['simulations']}"]
    if settings["weights"]:
        found.append(f"--weights={settings['weights']}")
    found += [f"--parallelism={settings['parallelism']}", "--games=-1", "--threads=1"]
    return found + ["--noise-epsilon=0.25", "--temperature=1", "--move-thinking"]


def rate(lines: Iterable[str], seconds: float, about: Settings) -> float:
    """Nodes per second, over at least `seconds` after the first moves. Raises RuntimeError if lc0 ends before that.

    With --move-thinking, lc0 prints `info … gameid 3 … nodes 66 …` at the end of a search and then `bestmove … gameid 3 …`.
    """
    searched: Dict[str, int] = {}
    moves, nodes, started, last = 0, 0, 0.0, ""
    for line in lines:
        words = line.split()
        last = line.strip() or last
        if words[:2] == ["id", "name"]:
            about["peer"] = " ".join(words[2:])
        if words[:1] == ["info"] and "nodes" in words:
            searched[_after("gameid", words)] = int(_after("nodes", words))
        elif words[:1] == ["bestmove"]:
            moves += 1
            nodes += searched.pop(_after("gameid", words))
            if moves == _WARM_MOVES:
                nodes, started = 0, time.perf_counter()
            elif moves > _WARM_MOVES and time.perf_counter() - started >= seconds:
                return nodes / (time.perf_counter() - started)
    raise RuntimeError(f"lc0 ended after {moves} moves: {last}")


def _after(word: str, words: List[str]) -> str:
    return words[words.index(word) + 1]


if __name__ == "__main__":
    take_turn(set_up, "name its binary with --lc0")
