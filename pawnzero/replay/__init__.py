"""The replay buffer: positions to train on, in a ring buffer on disk that overwrites the oldest first."""

from __future__ import annotations

from pawnzero.replay.buffer import ReplayBuffer
from pawnzero.replay.sampling import Batch, Sampler

__all__ = ["Batch", "ReplayBuffer", "Sampler"]
