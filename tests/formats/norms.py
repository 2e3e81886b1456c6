"""lc0 nets with batch norm in their files, as older ones have it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pawnzero.formats.lc0_file import Lc0Net

CONVOLUTION = ("weights", "biases", "bn_means", "bn_stddivs", "bn_gammas", "bn_betas")


def with_batch_norm(net: Lc0Net, biased: bool, gammas: bool) -> Lc0Net:
    """Another net: norms follow two of its convolutions, which have biases of their own or not."""
    layers, chance = dict(net.layers), np.random.RandomState(1)
    for unit in ("input", "residual.1.conv2"):
        size = len(layers[f"{unit}.biases"])
        if not biased:
            del layers[f"{unit}.biases"]
        added = {"bn_means": chance.random_sample(size) - 0.5, "bn_stddivs": chance.random_sample(size) + 0.3}
        if gammas:
            added.update(bn_gammas=chance.random_sample(size) + 0.5, bn_betas=chance.random_sample(size) - 0.5)
        layers.update({f"{unit}.{name}": values.astype(np.float32) for name, values in added.items()})
    return replace(net, layers=layers)
