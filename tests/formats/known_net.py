"""A net that is the same everywhere, none of whose weights is zero, for files that other programs were asked about.

python -m tests.formats.known_net known.pb.gz
"""

from __future__ import annotations

import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pawnzero.config import ModelConfig
from pawnzero.formats.lc0 import encode_lc0
from pawnzero.nets.checkpoint import Checkpoint
from pawnzero.nets.resnet import PolicyValueNet

STEP = 1234


def known_net(game: str = "chess", channels: int = 16, blocks: int = 2, **shape: Any) -> PolicyValueNet:
    """Weights are uniform and keep the variance of what passes through them; scales of branches are not 1."""
    net = PolicyValueNet(ModelConfig(channels=channels, blocks=blocks, **shape), game)
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            chance = np.random.RandomState(zlib.crc32(name.encode()))  # its numbers are promised never to change
            reach = 2.5 / np.sqrt(parameter[0].numel()) if parameter.dim() > 1 else 0.2
            middle = 0.75 if name.endswith("scale") else 0.0
            drawn = middle + reach * (2.0 * chance.random_sample(tuple(parameter.shape)) - 1.0)
            parameter.copy_(torch.from_numpy(drawn.astype(np.float32)))
    return net


def known_checkpoint(game: str = "chess", **shape: Any) -> Checkpoint:
    net = known_net(game, **shape)
    return Checkpoint(game, net.shape, STEP, 2, net.state_dict(), net.state_dict())


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(encode_lc0(known_checkpoint()))
