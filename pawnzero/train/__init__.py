"""Training of a net on the positions of the replay buffer."""

from __future__ import annotations

from pawnzero.train.loop import train
from pawnzero.train.report import TrainReport

__all__ = ["TrainReport", "train"]
