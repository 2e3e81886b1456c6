"""Compiled parts of a net on the CPU: what takes torch many passes over memory, done in one.

Images are stored square by square, with all channels of a square together (torch's channels_last), as [B, squares, channels].
Their numbers are float32, or bfloat16 held as uint16: the upper half of a float32's bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from pawnzero.bits import lowest
from pawnzero.native import allocating_kernel, kernel

_WORD = ir.IntType(32)


@intrinsic
def _float_of_bfloat(typingctx, half):  # type: ignore[no-untyped-def]
    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        word = builder.shl(builder.zext(arguments[0], _WORD), ir.Constant(_WORD, 16))
        return builder.bitcast(word, ir.FloatType())

    return types.float32(types.uint16), generate


@intrinsic
def _bfloat_of_float(typingctx, value):  # type: ignore[no-untyped-def]
    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        word = builder.bitcast(arguments[0], _WORD)
        odd = builder.and_(builder.lshr(word, ir.Constant(_WORD, 16)), ir.Constant(_WORD, 1))
        rounded = builder.add(builder.add(word, ir.Constant(_WORD, 0x7FFF)), odd)
        return builder.trunc(builder.lshr(rounded, ir.Constant(_WORD, 16)), ir.IntType(16))

    return types.uint16(types.float32), generate


def widen(number: Any) -> np.float32:
    """Convert an image's number to float32."""
    if isinstance(number, np.uint16):
        return np.array([int(number) << 16], np.uint32).view(np.float32)[0]
    return number


def narrow(value: np.float32, like: Any) -> Any:
    """Convert a finite float32 to the type of `like`: float32, or the nearest bfloat16 (ties to even).

    For uint8, the nearest multiple of 1 / 255, as a number of steps from 0 to 255.
    """
    if isinstance(like, np.uint8):
        return np.uint8(min(max(float(value), 0.0), 1.0) * 255.0 + 0.5)
    if isinstance(like, np.uint16):
        word = int(np.array([value], np.float32).view(np.uint32)[0])
        return np.uint16((word + 0x7FFF + (word >> 16 & 1)) >> 16)
    return np.float32(value)


@overload(widen)
def _widen_kernel(number):  # type: ignore[no-untyped-def]
    if number == types.uint16:
        return lambda number: _float_of_bfloat(number)
    return lambda number: number


@overload(narrow)
def _narrow_kernel(value, like):  # type: ignore[no-untyped-def]
    if like == types.uint8:
        return lambda value, like: np.uint8(
            min(max(np.float32(value), np.float32(0.0)), np.float32(1.0)) * np.float32(255.0) + np.float32(0.5)
        )
    if like == types.uint16:
        return lambda value, like: _bfloat_of_float(np.float32(value))
    return lambda value, like: np.float32(value)


@kernel
def unpack_planes(bits: np.ndarray, scalars: np.ndarray, columns: int, out: np.ndarray) -> None:
    """Unpack positions into images.

    bits [B, P] uint64 (bit 8 · row + column), scalars [B, Q] float32 → out [B, squares, P + Q], filled; rows of `out` beyond B
    are zeroed. Few bits are set, so zeroing and then setting them is faster than testing every square.
    """
    size, count = bits.shape
    squares = out.shape[1]
    zero = narrow(np.float32(0.0), out[0, 0, 0])
    one = narrow(np.float32(1.0), out[0, 0, 0])
    for b in range(out.shape[0]):
        for s in range(squares):
            for p in range(out.shape[2]):
                out[b, s, p] = zero
        if b >= size:
            continue
        for p in range(count):
            word = bits[b, p]
            while word != np.uint64(0):
                bit = lowest(word)
                word &= word - np.uint64(1)
                square = (bit >> 3) * columns + (bit & 7)
                if square < squares:
                    out[b, square, p] = one
        for q in range(scalars.shape[1]):
            value = narrow(scalars[b, q], zero)
            for s in range(squares):
                out[b, s, count + q] = value


@allocating_kernel
def excite_and_add(
    x: np.ndarray,
    skip: np.ndarray,
    squeeze: np.ndarray,
    squeeze_bias: np.ndarray,
    excite: np.ndarray,
    excite_bias: np.ndarray,
) -> None:
    """The end of a residual block, in place: x ← relu(sigmoid(s) · x + t + skip), with (s, t) computed from x's mean.

    x, skip [B, squares, C]; squeeze [C, hidden], squeeze_bias [hidden], excite [hidden, 2 · C], excite_bias [2 · C] float32.
    """
    size, squares, channels = x.shape
    hidden = squeeze_bias.shape[0]
    share = np.float32(1.0) / np.float32(squares)
    nothing = np.float32(0.0)
    total = np.empty(channels, np.float32)
    middle = np.empty(hidden, np.float32)
    gates = np.empty(2 * channels, np.float32)
    scale = np.empty(channels, np.float32)
    shift = np.empty(channels, np.float32)
    line = np.empty(channels, np.float32)  # a buffer between reading and writing lets the compiler use wide registers
    for b in range(size):
        for c in range(channels):
            total[c] = nothing
        for s in range(squares):
            for c in range(channels):
                total[c] += widen(x[b, s, c])
        for h in range(hidden):
            middle[h] = squeeze_bias[h]
        for c in range(channels):
            mean = total[c] * share
            for h in range(hidden):
                middle[h] += mean * squeeze[c, h]
        for c in range(2 * channels):
            gates[c] = excite_bias[c]
        for h in range(hidden):
            value = middle[h]
            if value > nothing:
                for c in range(2 * channels):
                    gates[c] += value * excite[h, c]
        for c in range(channels):
            scale[c] = np.float32(1.0) / (np.float32(1.0) + np.exp(-gates[c]))
            shift[c] = gates[channels + c]
        for s in range(squares):
            for c in range(channels):
                line[c] = widen(x[b, s, c]) * scale[c] + (shift[c] + widen(skip[b, s, c]))
            for c in range(channels):
                x[b, s, c] = narrow(max(line[c], nothing), x[b, s, c])


@kernel
def quantize(x: np.ndarray, per_step: np.ndarray, out: np.ndarray) -> None:
    """Round non-negative numbers to steps: x [B, squares, C], per_step [C] float32 → out [B, squares, C] uint8, at most 255."""
    most, half = np.float32(255.0), np.float32(0.5)
    for b in range(x.shape[0]):
        for s in range(x.shape[1]):
            for c in range(x.shape[2]):
                out[b, s, c] = np.uint8(min(widen(x[b, s, c]) * per_step[c] + half, most))


@kernel
def gather_logits(policy: np.ndarray, where: np.ndarray, legal: np.ndarray, count: np.ndarray, logits: np.ndarray) -> None:
    """Gather the logits of the legal actions.

    policy [B or more, outputs], where [A] int32 (an action's index among the outputs), legal [B, M] int16, count [B] int16 →
    logits [B, M] float32, of which the first `count` of each row are filled.
    """
    for b in range(legal.shape[0]):
        for m in range(count[b]):
            logits[b, m] = widen(policy[b, where[legal[b, m]]])
