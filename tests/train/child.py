"""Trains in a process of its own, `child.py FOLDER UNTIL_STEP PAUSE`: says "here" after PAUSE steps and waits to be killed."""

from __future__ import annotations

import sys
from pathlib import Path

from random_games import CONFIG, fill

from pawnzero.progress import Figure, Progress
from pawnzero.train import train


class Pausing(Progress):
    def __init__(self, after: int) -> None:
        self._left = after

    def advance(self, count: int = 1, **figures: Figure) -> None:
        self._left -= count
        if self._left == 0:
            print("here", flush=True)
            sys.stdin.read()


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    train(
        fill(folder / "replay.pt"),
        CONFIG,
        checkpoints=folder,
        until_step=int(sys.argv[2]),
        device="cpu",
        log=folder / "experiments" / "train.json",
        progress=Pausing(int(sys.argv[3])),
        save_every=7,
    )
