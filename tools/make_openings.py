"""Makes pawnzero/data/openings_chess.txt: distinct balanced chess openings, found with Stockfish.

Each opening is a random walk from the starting position: at every ply, one of the engine's best moves within a margin of the
best is drawn, at a fixed number of nodes. A walk is kept if its final position is balanced and new. The same seed, engine
version and parameters give the same file. A thousand openings take five minutes.

    python tools/make_openings.py [--count 1000] [--engine stockfish]
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path
from typing import Dict, List, Optional, Tuple

import chess
import chess.engine

TARGET = Path(__file__).parent.parent / "pawnzero" / "data" / "openings_chess.txt"
MULTI_PV = 6
WALK_NODES = 12_000
JUDGE_NODES = 40_000
MARGIN_CP = 40
BALANCE_CP = 50
SHORTEST, LONGEST = 6, 10

HEADER = """\
# Balanced chess openings, a line each: UCI moves from the starting position.
# Made by tools/make_openings.py --count {count} --seed {seed} with {engine}: random walks of {shortest} to
# {longest} plies among the engine's {multi_pv} best moves within {margin} centipawns of the best ({walk} nodes), kept where
# the last position is new and within {balance} centipawns of equal ({judge} nodes).
"""


class Guide:
    """Queries the engine; caches the moves of positions already seen (walks share their first plies)."""

    def __init__(self, engine: chess.engine.SimpleEngine) -> None:
        self._engine = engine
        self._choices: Dict[str, List[chess.Move]] = {}

    def choices(self, board: chess.Board) -> List[chess.Move]:
        """The moves within MARGIN_CP of the best."""
        key = board.epd()
        if key not in self._choices:
            limit = chess.engine.Limit(nodes=WALK_NODES)
            lines = self._engine.analyse(board, limit, multipv=MULTI_PV, game=object())
            scores = [line["score"].relative.score(mate_score=10_000) for line in lines]
            self._choices[key] = [line["pv"][0] for line, score in zip(lines, scores) if scores[0] - score <= MARGIN_CP]
        return self._choices[key]

    def balanced(self, board: chess.Board) -> bool:
        """Whether the position is within BALANCE_CP of equal."""
        info = self._engine.analyse(board, chess.engine.Limit(nodes=JUDGE_NODES), game=object())
        return abs(info["score"].relative.score(mate_score=10_000)) <= BALANCE_CP


def walk(guide: Guide, generator: random.Random) -> chess.Board:
    """One random walk of SHORTEST to LONGEST plies."""
    board = chess.Board()
    for _ in range(generator.randint(SHORTEST, LONGEST)):
        board.push(generator.choice(guide.choices(board)))
    return board


def find_openings(guide: Guide, count: int, seed: int) -> List[Tuple[str, ...]]:
    """`count` openings as tuples of UCI moves, sorted."""
    generator = random.Random(seed)
    found: Dict[str, Optional[Tuple[str, ...]]] = {}
    kept = 0
    while kept < count:
        board = walk(guide, generator)
        if board.epd() in found:
            continue
        keep = guide.balanced(board)
        found[board.epd()] = tuple(move.uci() for move in board.move_stack) if keep else None
        kept += keep
    return sorted(moves for moves in found.values() if moves is not None)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--engine", default="stockfish")
    options = parser.parse_args()
    with chess.engine.SimpleEngine.popen_uci(options.engine) as engine:
        openings = find_openings(Guide(engine), options.count, options.seed)
        header = HEADER.format(
            count=options.count,
            seed=options.seed,
            engine=engine.id["name"],
            shortest=SHORTEST,
            longest=LONGEST,
            multi_pv=MULTI_PV,
            margin=MARGIN_CP,
            walk=WALK_NODES,
            balance=BALANCE_CP,
            judge=JUDGE_NODES,
        )
    TARGET.write_text(header + "".join(" ".join(moves) + "\n" for moves in openings), encoding="utf-8")


if __name__ == "__main__":
    main()
