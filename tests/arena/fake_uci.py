"""A UCI engine that plays the first legal move, and fails on demand: ``fake_uci.py FAULT MOVE`` where a game begins with MOVE.

FAULT: none, crash (ends instead of moving), hang (never answers), illegal (plays a1a1), garbage (no UCI move), resign (0000),
refuse (is no UCI engine at all), unready (says uciok, never readyok), once:FILE (ends when it is started again after FILE was
made), second:FILE (ends when it is started for the second time; FILE counts), slow (tells of its search for four seconds).
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import chess

GREETING = (
    "id name Fake",
    "option name Style type check default false",
    "option name Skill Level type spin default 5 min 0 max 9",
    "uciok",
)


def answer(fault: str, board: chess.Board) -> str:
    if fault == "crash":
        sys.exit(3)
    if fault == "hang":
        time.sleep(600)
    if fault == "slow":
        for depth in range(1, 41):
            print(f"info depth {depth}", flush=True)
            time.sleep(0.1)
    faulty = {"illegal": "a1a1", "garbage": "♞f3 !!", "resign": "(none)"}
    return faulty.get(fault) or min(move.uci() for move in board.legal_moves)


def main() -> None:
    fault, start = (sys.argv[1:] + ["none", ""])[:2]
    if fault == "refuse":
        sys.exit(1)
    if fault.startswith("once:"):
        mark = Path(fault[5:])
        if mark.exists():
            sys.exit(1)
        mark.touch()
        fault = "crash"
    if fault.startswith("second:"):
        count = Path(fault[7:])
        starts = len(count.read_text()) if count.exists() else 0
        count.write_text("." * (starts + 1))
        if starts == 1:
            sys.exit(1)
        fault = "crash"
    board, begins = chess.Board(), False
    for line in sys.stdin:
        words = line.split()
        if words[:1] == ["uci"]:
            print("\n".join(GREETING))
        elif words[:1] == ["isready"] and fault != "unready":
            print("readyok")
        elif words[:1] == ["position"]:
            moves = words[words.index("moves") + 1 :] if "moves" in words else []
            board = chess.Board() if words[1] == "startpos" else chess.Board(" ".join(words[2:8]))
            for move in moves:
                board.push_uci(move)
            begins = moves[:1] == [start]
        elif words[:1] == ["go"]:
            print("bestmove", answer(fault if begins else "none", board))
        elif words[:1] == ["quit"]:
            return
        sys.stdout.flush()


if __name__ == "__main__":
    main()
