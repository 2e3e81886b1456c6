"""Unpacking against a loop over every bit."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pawnzero.nets.planes import unpack, unpack_tensor


def _packed(rows: int, columns: int, size: int, bit_planes: int, scalar_planes: int):  # type: ignore[no-untyped-def]
    """Random positions, and the planes they stand for."""
    rng = np.random.default_rng(rows * columns)
    planes = np.zeros((size, bit_planes + scalar_planes, rows, columns), np.float32)
    planes[:, :bit_planes] = rng.random((size, bit_planes, rows, columns)) < 0.3
    planes[0, 0], planes[0, 1] = 1.0, 0.0
    scalars = rng.choice(np.array([0.0, 1.0, 0.5, 57.0], np.float32), (size, scalar_planes))
    planes[:, bit_planes:] = scalars[:, :, np.newaxis, np.newaxis]
    bits = np.zeros((size, bit_planes), np.uint64)
    for b, p, row, column in zip(*np.nonzero(planes[:, :bit_planes])):
        bits[b, p] |= np.uint64(1 << int(8 * row + column))
    return bits, scalars.astype(np.float32), planes


@pytest.mark.parametrize("shape", [(8, 8, 104, 8), (6, 7, 2, 1), (3, 3, 2, 0)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_planes_hold_the_bits(shape, dtype) -> None:  # type: ignore[no-untyped-def]
    rows, columns, bit_planes, scalar_planes = shape
    bits, scalars, planes = _packed(rows, columns, 7, bit_planes, scalar_planes)
    words = torch.from_numpy(bits.view(np.int64))
    found = [unpack_tensor(words, torch.from_numpy(scalars), (rows, columns), dtype)]
    if dtype != torch.float16:
        found.append(unpack(bits, scalars, (rows, columns), dtype))
    for got in found:
        assert got.dtype == dtype
        assert got.is_contiguous(memory_format=torch.channels_last)
        np.testing.assert_array_equal(got.float().numpy(), planes)


def test_padding_is_zero() -> None:
    bits, scalars, planes = _packed(8, 8, 3, 12, 2)
    for _ in range(3):  # memory that was used before comes back dirty
        torch.ones(8 * 14 * 64)
        got = unpack(bits, scalars, (8, 8), torch.float32, 8)
        np.testing.assert_array_equal(got[:3].numpy(), planes)
        assert not got[3:].any()
