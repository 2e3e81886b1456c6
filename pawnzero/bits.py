"""Bit operations on 64-bit words, one machine instruction each inside kernels.

Each has a plain Python body as well, so that kernels run (slowly) with ``NUMBA_DISABLE_JIT=1``.
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
    """How many bits are set."""
    return np.int64(bin(int(word)).count("1"))


def lowest(word: np.uint64) -> np.int64:
    """Index of the lowest set bit, 0 to 63. Undefined for 0."""
    return np.int64((int(word) & -int(word)).bit_length() - 1)


def byteswap(word: np.uint64) -> np.uint64:
    """The bytes in reverse order: a bitboard seen from the other side."""
    return np.uint64(int.from_bytes(int(word).to_bytes(8, "little"), "big"))


@overload(popcount)
def _popcount_kernel(word):  # type: ignore[no-untyped-def]
    return lambda word: np.int64(_ctpop(word))


@overload(lowest)
def _lowest_kernel(word):  # type: ignore[no-untyped-def]
    return lambda word: np.int64(_cttz(word))


@overload(byteswap)
def _byteswap_kernel(word):  # type: ignore[no-untyped-def]
    return lambda word: _bswap(word)
