"""Trains in a process of its own, `child.py FOLDER UNTIL_STEP PAUSE`: says "here" after PAUSE steps and waits.

It is killed then, or gets a signal and goes on when its standard input is closed.
"""

from __future__ import annotations

import sys
from pathlib import Path

from random_games import configure, fill

from pawnzero.progress import Figure, Progress
from pawnzero.train import train

CONFIG_OF_CHILD = configure(schedule="cosine", grad_clip=0.5, reply_weight=0.15)


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
        CONFIG_OF_CHILD,
        checkpoints=folder,
        until_step=int(sys.argv[2]),
        device="cpu",
        log=folder / "experiments" / "train.json",
        progress=Pausing(int(sys.argv[3])),
        save_every=7,
    )
