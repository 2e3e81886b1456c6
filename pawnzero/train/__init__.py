"""How a net learns from the replay buffer."""

from __future__ import annotations

from pawnzero.train.loop import train
from pawnzero.train.report import TrainReport
from pawnzero.train.train_loop import train_loop

__all__ = ["TrainReport", "train", "train_loop"]
