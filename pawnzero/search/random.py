"""Random numbers that belong to a game: counter-based, so that they do not depend on the batch or thread it is played in.

A stream is one uint64 in an array; drawing advances it by a constant and mixes it (SplitMix64: Steele, Lea and Flood,
"Fast splittable pseudorandom number generators", 2014).
"""

from __future__ import annotations

import math

import numpy as np

from pawnzero.native import kernel

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_S30 = np.uint64(30)
_S27 = np.uint64(27)
_S31 = np.uint64(31)
_S11 = np.uint64(11)
_TO_UNIT = 2.0**-53
_WORD = (1 << 64) - 1


def stream(seed: int, number: int) -> np.uint64:
    """The stream of game `number` under `seed`, both 0 or more."""
    word = (seed * 0x9E3779B97F4A7C15 + 1) & _WORD
    for part in (number & _WORD, seed >> 64):
        word = (word ^ part) & _WORD
        word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
        word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & _WORD
        word ^= word >> 31
    return np.uint64(word)


@kernel
def uniform(rng, g):
    """A float in [0, 1) from stream `g` of rng [G] uint64, which is advanced."""
    word = rng[g] + _GOLDEN
    rng[g] = word
    word = (word ^ (word >> _S30)) * _MIX_1
    word = (word ^ (word >> _S27)) * _MIX_2
    word = word ^ (word >> _S31)
    return float(word >> _S11) * _TO_UNIT


@kernel
def normal(rng, g):
    """A standard normal deviate (Box and Muller 1958)."""
    radius = math.sqrt(-2.0 * math.log(1.0 - uniform(rng, g)))
    return radius * math.cos(2.0 * math.pi * uniform(rng, g))


@kernel
def gamma(rng, g, shape):
    """A gamma deviate of the given shape > 0 and scale 1 (Marsaglia and Tsang 2000)."""
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
