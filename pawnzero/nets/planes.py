"""Unpack positions into the net's input planes, in the memory order that convolutions prefer."""

from __future__ import annotations

from typing import Optional, Tuple

import numpy as np
import torch

from pawnzero.nets.kernels import unpack_planes


def unpack(
    bits: np.ndarray,
    scalars: np.ndarray,
    board_shape: Tuple[int, int],
    dtype: torch.dtype = torch.float32,
    size: Optional[int] = None,
) -> torch.Tensor:
    """Unpack bits [B, P] uint64 (bit 8 · row + column) and scalars [B, Q] float32 → planes [B, P + Q, rows, columns].

    On the CPU, channels_last, in float32, bfloat16 or uint8 (steps of 1 / 255); padded with zeros to `size` positions.
    """
    rows, columns = board_shape
    planes = torch.empty((len(bits) if size is None else size, rows, columns, bits.shape[1] + scalars.shape[1]), dtype=dtype)
    unpack_planes(bits, scalars, columns, numbers(planes).reshape(len(planes), rows * columns, -1))
    return planes.permute(0, 3, 1, 2)


def unpack_tensor(words: torch.Tensor, scalars: torch.Tensor, board_shape: Tuple[int, int], dtype: torch.dtype) -> torch.Tensor:
    """`unpack` with tensor operations, on the device of words [B, P] int64 and scalars [B, Q] float32.

    Packed words are cheaper to send there than planes: 8 bytes per bit plane instead of a number per square.
    """
    rows, columns = board_shape
    size, count = words.shape
    ranks = words.view(torch.uint8).view(size, count, 8)[:, :, :rows].transpose(1, 2)  # little-endian: byte r is row r
    files = torch.arange(columns, dtype=torch.uint8, device=words.device)
    squares = (ranks.unsqueeze(2) >> files.view(1, 1, columns, 1)) & 1
    filled = scalars.to(dtype).view(size, 1, 1, -1).expand(size, rows, columns, scalars.shape[1])
    return torch.cat([squares.to(dtype), filled], dim=3).permute(0, 3, 1, 2)


def numbers(tensor: torch.Tensor) -> np.ndarray:
    """Return a CPU tensor's memory as kernels read it: float32, uint8, or the bits of bfloat16 as uint16."""
    if tensor.dtype == torch.bfloat16:
        words: np.ndarray = tensor.view(torch.int16).numpy().view(np.uint16)
        return words
    assert tensor.dtype in (torch.float32, torch.uint8)
    values: np.ndarray = tensor.numpy()
    return values
