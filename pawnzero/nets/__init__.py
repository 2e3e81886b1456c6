"""The policy-value net and its inference. torch is imported in this layer and later ones, never in an earlier one."""

from __future__ import annotations

import numpy  # noqa: F401  # before torch, which would only warn if it is missing

from pawnzero.nets.device import resolve_device
from pawnzero.nets.resnet import PolicyValueNet
from pawnzero.settings import read_shape

__all__ = ["PolicyValueNet", "make_model"]


def make_model(
    device: str = "cpu",
    channels: int = 64,
    blocks: int = 6,
    se_ratio: int = 4,
    game: str = "chess",
    seed: int = 0,
    mirrored: bool = False,
) -> PolicyValueNet:
    """Create an untrained net on `device` ("auto", "cpu", "cuda", "cuda:N"); the same seed gives the same weights.

    Raises UsageError if the device is not available, a number is out of range, the game is unknown, or the game or shape allows
    no mirrored net.
    """
    sizes = {"channels": channels, "blocks": blocks, "se_ratio": se_ratio, "mirrored": mirrored}
    shape = read_shape(sizes, "make_model")
    net = PolicyValueNet(shape, game, seed)
    return net.to(resolve_device(device))
