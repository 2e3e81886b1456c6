"""Random numbers per game: counter-based, so that they do not depend on the batch or thread that a game is played in.

A stream is one uint64 in an array, the state of SplitMix64: each draw advances it by a constant and scrambles it
(`pawnzero.bits`).
"""

from __future__ import annotations

import math

import numpy as np

from pawnzero.bits import GOLDEN, scrambled
from pawnzero.native import kernel

_S11 = np.uint64(11)
_TO_UNIT = 2.0**-53
_WORD = (1 << 64) - 1


def stream(seed: int, number: int) -> np.uint64:
    """Return the initial state of game `number`'s stream under `seed`; both are 0 or more."""
    word = np.uint64((seed * int(GOLDEN) + 1) & _WORD)
    for part in (number, seed >> 64):
        word = scrambled(word ^ np.uint64(part & _WORD))
    return word


@kernel
def uniform(rng, g):
    """Draw a float in [0, 1) from stream `g` of rng [G] uint64, advancing it."""
    word = rng[g] + GOLDEN
    rng[g] = word
    return float(scrambled(word) >> _S11) * _TO_UNIT


@kernel
def normal(rng, g):
    """Draw a standard normal number (Box and Muller 1958)."""
    radius = math.sqrt(-2.0 * math.log(1.0 - uniform(rng, g)))
    return radius * math.cos(2.0 * math.pi * uniform(rng, g))


@kernel
def gamma(rng, g, shape):
    """Draw a gamma-distributed number with shape > 0 and scale 1 (Marsaglia and Tsang 2000)."""
    boost = 1.0
    if shape < 1.0:
        boost = (1.0 - uniform(rng, g)) ** (1.0 / shape)
        shape += 1.0
    d = shape - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        x = normal(rng, g)
        v = (1.0 + c * x) ** 3
        if v > 0.0 and math.log(1.0 - uniform(rng, g)) < 0.5 * x * x + d - d * v + d * math.log(v):
            return boost * d * v
