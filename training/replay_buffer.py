"""The original layout's name for `pawnzero.replay`."""

from __future__ import annotations

from pawnzero.replay import Batch, ReplayBuffer, Sampler

__all__ = ["Batch", "ReplayBuffer", "Sampler"]
