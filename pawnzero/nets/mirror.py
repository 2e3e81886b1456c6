"""Weights with which a net's answer to a mirrored position is always the mirrored answer, whatever it has learnt.

The channels of such a net come in two halves, and what one half represents for a position, the other represents for its mirror
image: a representation of the group of two elements (Cohen and Welling, "Group Equivariant Convolutional Networks", ICML 2016).
Its weights do not change if the halves are exchanged and the kernels mirrored. Weights initialised with this symmetry keep it,
up to rounding, as long as gradients are symmetrised; a symmetrised gradient is that of a position and its mirror image
together. The trained net can be played, stored and exported like any other.
"""

from __future__ import annotations

import math
from typing import Iterable, Tuple

import torch

_HALVED = {
    "stem": (1, False),
    "first": (1, True),
    "second": (1, True),
    "squeeze": (1, True),
    "excite": (2, True),  # scales, then shifts
    "policy_hidden": (1, True),
    "policy_out": (0, True),
    "value_planes": (1, True),
    "value_hidden": (1, True),
    "value_out": (0, True),
}
"""For each layer: how many pairs of halves its outputs form, and whether its inputs come in halves. `scale` is not a layer."""


Parameters = Iterable[Tuple[str, torch.nn.Parameter]]
"""Named parameters of a `PolicyValueNet` with an even number of channels. `board_shape`, below: its board, (rows, columns)."""


@torch.no_grad()
def tie_weights(parameters: Parameters, board_shape: Tuple[int, int]) -> None:
    """Symmetrise untrained weights, in place. As scaled sums of two independent weights, they keep their variance."""
    for name, parameter in parameters:
        if not name.endswith(".scale"):
            parameter.add_(_mirrored(name, parameter, board_shape)).mul_(math.sqrt(0.5))


@torch.no_grad()
def tie_gradients(parameters: Parameters, board_shape: Tuple[int, int]) -> None:
    """Replace each gradient by the mean of itself and its mirror image."""
    for name, parameter in parameters:
        if parameter.grad is not None and not name.endswith(".scale"):
            parameter.grad.add_(_mirrored(name, parameter.grad, board_shape)).mul_(0.5)


def _mirrored(name: str, weight: torch.Tensor, board_shape: Tuple[int, int]) -> torch.Tensor:
    """The mirror image of `weight`, a parameter or its gradient."""
    layer = name.split(".")[-2]
    outputs, inputs = _HALVED[layer]
    result = _swapped(weight, 0, outputs) if outputs else weight
    if weight.dim() > 1 and inputs:
        result = _swapped(result, 1, 1)
    if weight.dim() == 4:
        return result.flip(3)
    if weight.dim() == 2 and layer == "value_hidden":  # the only matrix that reads planes, cell by cell
        return result.reshape(len(weight), -1, *board_shape).flip(3).reshape(weight.shape)
    return result


def _swapped(weight: torch.Tensor, dim: int, times: int) -> torch.Tensor:
    """`weight` with the two halves of a dimension exchanged, in each of its `times` parts."""
    shape = weight.shape
    return weight.reshape(*shape[:dim], times, 2, -1, *shape[dim + 1 :]).flip(dim + 1).reshape(shape)
