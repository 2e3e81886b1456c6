"""Trains in a process of its own, which a test kills: `child.py FOLDER UNTIL_STEP`, a line a step on stdout."""

from __future__ import annotations

import sys
from pathlib import Path

from random_games import CONFIG, fill

from pawnzero.progress import Figure, Progress
from pawnzero.train import train


class Telling(Progress):
    def advance(self, count: int = 1, **figures: Figure) -> None:
        print("step", flush=True)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    report = train(
        fill(folder / "replay.pt") if not (folder / "replay.pt").exists() else fill(folder / "replay.pt", games=0),
        CONFIG,
        checkpoints=folder,
        until_step=int(sys.argv[2]),
        device="cpu",
        log=folder / "experiments" / "train.json",
        progress=Telling(),
        save_every=7,
    )
    print("interrupted" if report.interrupted else "done", report.step, flush=True)
