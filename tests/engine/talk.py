"""A conversation with a session in this process: each line is said once the engine has answered what comes before it."""

from __future__ import annotations

import re
from queue import Queue
from typing import Iterator, List, Sequence, Tuple, Union

from pawnzero.config import SearchConfig
from pawnzero.engine.net import EngineNet
from pawnzero.engine.session import Session
from pawnzero.games import get_game
from pawnzero.search import UniformEvaluator

CHESS = get_game("chess")
Step = Union[str, Tuple[str, str]]
"""A line to say, or with a pattern that an answer must match before the next line is said."""

NARROW = "k7/p7/P7/8/8/8/8/K7 w - - 94 80"
"""Kings alone can move, and six plies on it is drawn: less than two thousand positions, and the start is never proven."""

SECONDS = 60.0


def talk(*steps: Step, search: SearchConfig = SearchConfig(), evaluator: object = None) -> List[str]:  # noqa: B008
    """What the engine says to the steps. A ``go`` without a pattern waits for its ``bestmove``, other lines for nothing."""
    said: Queue[str] = Queue()
    everything: List[str] = []

    def lines() -> Iterator[str]:
        for step in steps:
            line, pattern = (step, "bestmove" if step.startswith("go") else "") if isinstance(step, str) else step
            yield line
            while pattern and not re.match(pattern, said.get(timeout=SECONDS)):
                pass

    def write(line: str) -> None:
        everything.append(line)
        said.put(line)

    net = EngineNet(CHESS, evaluator or UniformEvaluator(), 4)  # type: ignore[arg-type]
    Session("test", lambda threads, tell: net, search, write).run(lines())
    return everything


def only(lines: Sequence[str], start: str) -> List[str]:
    """The lines that begin so."""
    return [line for line in lines if line.startswith(start)]
