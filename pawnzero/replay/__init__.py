"""Where positions wait to be trained on: a circular buffer on disk, oldest data discarded first when full."""

from __future__ import annotations

from pawnzero.replay.buffer import ReplayBuffer
from pawnzero.replay.sampling import Batch, Sampler

__all__ = ["Batch", "ReplayBuffer", "Sampler"]
