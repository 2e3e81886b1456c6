"""Bit operations on 64-bit words, one machine instruction each inside kernels, and a hash.

Each also has a pure Python body, so that kernels run (slowly) with ``NUMBA_DISABLE_JIT=1``.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload


@intrinsic
def _ctpop(typingctx, word):  # type: ignore[no-untyped-def]
    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


@intrinsic
def _cttz(typingctx, word):  # type: ignore[no-untyped-def]
    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), generate


@intrinsic
def _bswap(typingctx, word):  # type: ignore[no-untyped-def]
    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return builder.bswap(arguments[0])

    return types.uint64(types.uint64), generate


def popcount(word: np.uint64) -> np.int64:
    """Return the number of set bits."""
    return np.int64(bin(int(word)).count("1"))


def lowest(word: np.uint64) -> np.int64:
    """Return the index of the lowest set bit, 0 to 63. Undefined for 0."""
    return np.int64((int(word) & -int(word)).bit_length() - 1)


def byteswap(word: np.uint64) -> np.uint64:
    """Return the bytes in reverse order: a bitboard flipped vertically."""
    return np.uint64(int.from_bytes(int(word).to_bytes(8, "little"), "big"))


GOLDEN = np.uint64(0x9E3779B97F4A7C15)
"""SplitMix64's increment of its state: 2 to the 64th power over the golden ratio, made odd."""
_MIX_1, _MIX_2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31 = np.uint64(30), np.uint64(27), np.uint64(31)
_WORD = (1 << 64) - 1


def scrambled(word: np.uint64) -> np.uint64:
    """Apply SplitMix64's output function, a bijection in which every output bit depends on every input bit.

    Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014.
    """
    mixed = int(word)
    mixed = (mixed ^ mixed >> 30) * int(_MIX_1) & _WORD
    mixed = (mixed ^ mixed >> 27) * int(_MIX_2) & _WORD
    return np.uint64(mixed ^ mixed >> 31)


@overload(scrambled)
def _scrambled_kernel(word):  # type: ignore[no-untyped-def]
    def mixed(word):  # type: ignore[no-untyped-def]
        word = (word ^ (word >> _S30)) * _MIX_1
        word = (word ^ (word >> _S27)) * _MIX_2
        return word ^ (word >> _S31)

    return mixed


@overload(popcount)
def _popcount_kernel(word):  # type: ignore[no-untyped-def]
    return lambda word: np.int64(_ctpop(word))


@overload(lowest)
def _lowest_kernel(word):  # type: ignore[no-untyped-def]
    return lambda word: np.int64(_cttz(word))


@overload(byteswap)
def _byteswap_kernel(word):  # type: ignore[no-untyped-def]
    return lambda word: _bswap(word)
