"""The original layout's name for training a net on a replay buffer, `pawnzero.pipeline.train_loop`."""

from __future__ import annotations

from pawnzero.pipeline.train_loop import train_loop

__all__ = ["train_loop"]
