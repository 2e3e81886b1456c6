"""Weights that make a net answer a mirrored position with the mirrored answer, whatever it has learnt.

The channels of such a net come in two halves, and what one half holds of a position the other holds of its mirror image: a
representation of the group of two elements (Cohen and Welling, "Group Equivariant Convolutional Networks", ICML 2016). Its
weights stay the same when the halves change places and the kernels are mirrored. Weights that begin so stay so, to rounding, as
long as gradients are made so; a gradient made so is the one that a position and its mirror image give together. A trained net
is like any other, to play with, to store and to export.
"""

from __future__ import annotations

import math
from typing import Dict, Iterable, Tuple

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
"""Of each layer: how many times its outputs come in two halves, and whether its inputs do. `scale` is no layer."""


class Mirror:
    """The parameters of a `PolicyValueNet`, of even numbers of channels, as its mirror image has them.

    board_shape: rows and columns of the game's board
    """

    def __init__(self, parameters: Iterable[Tuple[str, torch.nn.Parameter]], board_shape: Tuple[int, int]) -> None:
        self._board_shape = board_shape
        self._parameters: Dict[str, torch.nn.Parameter] = {
            name: parameter for name, parameter in parameters if not name.endswith(".scale")
        }

    @torch.no_grad()
    def tie_weights(self) -> None:
        """Make fresh weights so. Sums of two independent weights, they keep their variance."""
        for name, parameter in self._parameters.items():
            parameter.add_(self._mirrored(name, parameter)).mul_(math.sqrt(0.5))

    @torch.no_grad()
    def tie_gradients(self) -> None:
        """Replace each gradient by the mean of it and the mirror image's."""
        for name, parameter in self._parameters.items():
            if parameter.grad is not None:
                parameter.grad.add_(self._mirrored(name, parameter.grad)).mul_(0.5)

    def _mirrored(self, name: str, weight: torch.Tensor) -> torch.Tensor:
        layer = name.split(".")[-2]
        outputs, inputs = _HALVED[layer]
        result = _swapped(weight, 0, outputs) if outputs else weight
        if weight.dim() > 1 and inputs:
            result = _swapped(result, 1, 1)
        if weight.dim() == 4:
            return result.flip(3)
        if weight.dim() == 2 and layer == "value_hidden":  # the only matrix that reads planes, cell by cell
            return result.reshape(len(weight), -1, *self._board_shape).flip(3).reshape(weight.shape)
        return result


def _swapped(weight: torch.Tensor, dim: int, times: int) -> torch.Tensor:
    """`weight` with the halves of a dimension in each other's place; those of each of its `times` parts."""
    shape = weight.shape
    return weight.reshape(*shape[:dim], times, 2, -1, *shape[dim + 1 :]).flip(dim + 1).reshape(shape)
