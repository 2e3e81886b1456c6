"""The net that guesses a position's moves and outcome, and what runs it. torch is imported from here on, never to the left."""

from __future__ import annotations

import os

# Search kernels and torch's OpenMP threads share the cores. After a parallel operator OpenMP's threads spin for some
# milliseconds, and a kernel that runs right then takes twice its time. Where they sleep at once instead, each operator of a
# small net's training step waits to be woken, which doubles the step. GNU's OpenMP, which torch's own wheels have, can spin for
# some ten microseconds: until the next operator of the same step. OpenMP reads the variables once, when torch is first loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

import numpy  # noqa: F401  # before torch, which would only warn where it is missing

from pawnzero.config import ModelConfig
from pawnzero.nets.device import resolve_device
from pawnzero.nets.resnet import PolicyValueNet

__all__ = ["PolicyValueNet", "make_model"]


def make_model(
    device: str = "cpu", channels: int = 64, blocks: int = 6, se_ratio: int = 4, game: str = "chess", seed: int = 0
) -> PolicyValueNet:
    """A fresh net on `device` ("auto", "cpu", "cuda", "cuda:N"); the same seed gives the same weights.

    Raises UsageError when the device is not there or the game is not known.
    """
    net = PolicyValueNet(ModelConfig(channels=channels, blocks=blocks, se_ratio=se_ratio), game, seed)
    return net.to(resolve_device(device))
