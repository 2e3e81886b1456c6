"""Nets prepared for inference: constants folded into weights, one number format, and few passes over memory.

`FoldedNet` uses tensor operations and runs on any device. `CompiledNet` is for CPUs: oneDNN convolutions with fused ReLU, and
our own kernels between them.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, List, Optional, Tuple, Union

import numpy as np
import torch
from torch.nn import functional

from pawnzero.games import get_game
from pawnzero.nets.kernels import excite_and_add
from pawnzero.nets.planes import numbers, unpack
from pawnzero.nets.resnet import PolicyValueNet, ResidualBlock, by_square

_DENSE_BLOCK = 32


@dataclass(frozen=True)
class Layer:
    """A convolution's weight [out, in, rows, columns] or a matrix [out, in], and its bias [out]."""

    weight: torch.Tensor
    bias: torch.Tensor

    def to(self, device: torch.device, dtype: torch.dtype) -> Layer:
        weight = self.weight.to(device, dtype)
        if weight.dim() == 4:
            weight = weight.contiguous(memory_format=torch.channels_last)
        return Layer(weight, self.bias.to(device, dtype))


@dataclass(frozen=True)
class Block:
    """x → relu(x + sigmoid(s) · y + t), where y = second(relu(first(x))) and (s, t) = excite(relu(squeeze(mean of y))).

    squeeze, excite: both None without squeeze-excitation, which makes it x → relu(x + y).
    """

    first: Layer
    second: Layer
    squeeze: Optional[Layer] = None
    excite: Optional[Layer] = None

    def to(self, device: torch.device, dtype: torch.dtype) -> Block:
        gates = [layer.to(device, dtype) for layer in (self.squeeze, self.excite) if layer is not None]
        return Block(self.first.to(device, dtype), self.second.to(device, dtype), *gates)


@dataclass(frozen=True)
class Layers:
    """All parameters of a net, named as in `PolicyValueNet`, with the scales of planes and branches folded into the weights.

    The stem takes planes as `Game.encode` gives them. A matrix that follows planes takes them flattened plane by plane. ReLU
    follows the stem, is in the blocks, and follows every layer of the heads but the last.
    """

    stem: Layer
    blocks: Tuple[Block, ...]
    policy_hidden: Layer
    policy_out: Layer
    value_planes: Layer
    value_hidden: Layer
    value_out: Layer


def fold(net: PolicyValueNet) -> Layers:
    """Return a folded copy of the net's layers, float32 on the CPU."""
    blocks: List[Block] = []
    for block in net.blocks:
        assert isinstance(block, ResidualBlock)
        convolutions = _folded(block.first), _folded(block.second, block.scale, block.scale)
        gates = block.excitation
        blocks.append(Block(*convolutions, *([] if gates is None else [_folded(gates.squeeze), _folded(gates.excite)])))
    return Layers(
        stem=_folded(net.stem, net.plane_scale),
        blocks=tuple(blocks),
        policy_hidden=_folded(net.policy_hidden),
        policy_out=_folded(net.policy_out),
        value_planes=_folded(net.value_planes),
        value_hidden=_folded(net.value_hidden),
        value_out=_folded(net.value_out),
    )


def unfolded(net: PolicyValueNet) -> PolicyValueNet:
    """Return a copy of the net itself, float32 on the CPU, as the reference for folded copies."""
    return copy.deepcopy(net).to("cpu", torch.float32).eval()


class FoldedNet:
    """A net's inference copy on a device in a number format, in tensor operations.

    Calling it with planes [B, P + Q, rows, columns] returns the policy head's outputs [B, rows · columns · policy_planes],
    square by square (see `policy_where`), in its number format, and WDL logits [B, 3] float32.
    """

    def __init__(self, net: PolicyValueNet, device: torch.device, dtype: torch.dtype) -> None:
        game = get_game(net.game_name)
        self.device = device
        self.dtype = self.input_dtype = dtype
        self.board_shape = game.board_shape
        self.planes: int = net.plane_scale.shape[1]
        """P + Q"""
        self.policy_where = _square_by_square(game.policy_index, game.policy_planes, game.board_shape)
        """[A] int32: index of each action's logit in a row of the policy output."""
        layers = fold(net)
        self._stem = layers.stem.to(device, dtype)
        self._blocks = [block.to(device, dtype) for block in layers.blocks]
        self._policy_hidden = layers.policy_hidden.to(device, dtype)
        self._policy_out = layers.policy_out.to(device, dtype)
        planes, hidden = layers.value_planes, layers.value_hidden
        self._value_planes = Layer(planes.weight.flatten(1), planes.bias).to(device, dtype)
        squares = game.board_shape[0] * game.board_shape[1]
        by_plane = hidden.weight.view(len(hidden.weight), -1, squares)
        self._value_hidden = Layer(by_plane.transpose(1, 2).flatten(1), hidden.bias).to(device, dtype)
        self._value_out = layers.value_out.to(device, torch.float32)

    @property
    def bytes_a_position(self) -> int:
        """An upper estimate of the device memory needed per position of a batch."""
        squares = self.board_shape[0] * self.board_shape[1]
        unpacking, layers = 3 * self.planes, 6 * len(self._stem.bias)
        return squares * (unpacking + layers) * self._stem.bias.element_size()

    def __call__(self, planes: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
        x = self._convolve(planes, self._stem, True)
        for block in self._blocks:
            x = self._residual(x, block)
        policy = self._convolve(self._convolve(x, self._policy_hidden, True), self._policy_out, False)
        return by_square(policy).flatten(1), self._value(x)

    def _value(self, x: torch.Tensor) -> torch.Tensor:
        value = functional.linear(by_square(x), self._value_planes.weight, self._value_planes.bias).relu_()
        return self._dense(value.flatten(1))

    def _dense(self, value: torch.Tensor) -> torch.Tensor:
        value = functional.linear(value, self._value_hidden.weight, self._value_hidden.bias).relu_()
        return functional.linear(value.float(), self._value_out.weight, self._value_out.bias)

    def _residual(self, x: torch.Tensor, block: Block) -> torch.Tensor:
        branch = self._convolve(self._convolve(x, block.first, True), block.second, False)
        if block.squeeze is None or block.excite is None:
            return branch.add_(x).relu_()
        middle = functional.linear(branch.mean((2, 3)), block.squeeze.weight, block.squeeze.bias).relu_()
        scale, shift = functional.linear(middle, block.excite.weight, block.excite.bias)[:, :, None, None].chunk(2, dim=1)
        return torch.addcmul(x, branch, torch.sigmoid(scale)).add_(shift).relu_()

    def _convolve(self, x: torch.Tensor, layer: Layer, activate: bool) -> torch.Tensor:
        y = functional.conv2d(x, layer.weight, layer.bias, padding=1).contiguous(memory_format=torch.channels_last)
        return y.relu_() if activate else y


class CompiledNet(FoldedNet):
    """`FoldedNet` on the CPU in float32 or bfloat16, with kernels where torch would make many passes over memory."""

    def __init__(self, net: PolicyValueNet, dtype: torch.dtype) -> None:
        assert dtype in (torch.float32, torch.bfloat16)
        super().__init__(net, torch.device("cpu"), dtype)
        self._gates = [_gates(block) for block in net.blocks]
        self._fused = fused_convolutions(dtype)
        if self._fused:
            self._stem = self._packed(self._stem)
            self._blocks = [Block(self._packed(b.first), self._packed(b.second), b.squeeze, b.excite) for b in self._blocks]
            self._policy_hidden, self._policy_out = self._packed(self._policy_hidden), self._packed(self._policy_out)

    def __call__(self, planes: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
        x = self._convolve(planes, self._stem, True)
        for block, gates in zip(self._blocks, self._gates):
            branch = self._convolve(self._convolve(x, block.first, True), block.second, False)
            if gates:
                excite_and_add(numbers(by_square(branch)), numbers(by_square(x)), *gates)
                x = branch
            else:
                x = branch.add_(x).relu_()
        policy = self._convolve(self._convolve(x, self._policy_hidden, True), self._policy_out, False)
        return by_square(policy).flatten(1), self._value(x)

    def images(self, bits: np.ndarray, scalars: np.ndarray, size: int) -> torch.Tensor:
        """Unpack positions to input planes, padded with zeros to `size` positions (see `planes.unpack`)."""
        return unpack(bits, scalars, self.board_shape, self.dtype, size)

    def _dense(self, value: torch.Tensor) -> torch.Tensor:
        """Run in blocks of a fixed size, since a matrix product may round differently with another number of rows.

        A position's result must not depend on its batch.
        """
        size = len(value)
        value = functional.pad(value, (0, 0, 0, -size % _DENSE_BLOCK))
        return torch.cat([super(CompiledNet, self)._dense(block) for block in value.split(_DENSE_BLOCK)])[:size]

    def _convolve(self, x: torch.Tensor, layer: Layer, activate: bool) -> torch.Tensor:
        if self._fused:
            return _fused_convolution(x, layer, activate)
        return super()._convolve(x, layer, activate)

    def _packed(self, layer: Layer) -> Layer:
        size = [64, layer.weight.shape[1], *self.board_shape]
        return _pack(layer, size)


@lru_cache(maxsize=None)
def fused_convolutions(dtype: torch.dtype) -> bool:
    """Whether this torch has oneDNN's convolution with fused ReLU and prepacked weights, and computes it correctly.

    These operators are not part of torch's public interface, so they are tested before use.
    """
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(4, 16, 8, 8, generator=generator).to(dtype).contiguous(memory_format=torch.channels_last)
    layer = Layer(torch.randn(32, 16, 3, 3, generator=generator) / 12, torch.ones(32)).to(x.device, dtype)
    wanted = functional.conv2d(x, layer.weight, layer.bias, padding=1)
    try:
        packed = _pack(layer, list(x.shape))
        found = [_fused_convolution(x, packed, activate) for activate in (False, True)]
    except (AttributeError, NotImplementedError, RuntimeError, TypeError):
        return False
    last = all(one.is_contiguous(memory_format=torch.channels_last) for one in found)
    return last and all(torch.allclose(one, other, atol=0.05) for one, other in zip(found, (wanted, wanted.relu())))


def _pack(layer: Layer, size: List[int]) -> Layer:
    weight = torch.ops.mkldnn._reorder_convolution_weight(layer.weight, [1, 1], [1, 1], [1, 1], 1, size)
    return Layer(weight, layer.bias)


def _fused_convolution(x: torch.Tensor, layer: Layer, activate: bool) -> torch.Tensor:
    result: torch.Tensor = torch.ops.mkldnn._convolution_pointwise(
        x, layer.weight, layer.bias, [1, 1], [1, 1], [1, 1], 1, "relu" if activate else "none", [], ""
    )
    return result


def _folded(
    layer: Union[torch.nn.Conv2d, torch.nn.Linear],
    inputs: Union[torch.Tensor, float] = 1.0,
    bias: Union[torch.Tensor, float] = 1.0,
) -> Layer:
    """A layer's float32 CPU copy with its weight scaled by `inputs` and its bias by `bias`."""
    assert layer.bias is not None
    weight, offset = (layer.weight * inputs).detach(), (layer.bias * bias).detach()
    return Layer(weight.to("cpu", torch.float32, copy=True), offset.to("cpu", torch.float32, copy=True))


def _gates(block: torch.nn.Module) -> Tuple[Any, ...]:
    """The arguments of `excite_and_add` after its images; empty without squeeze-excitation."""
    assert isinstance(block, ResidualBlock)
    if block.excitation is None:
        return ()
    squeeze, excite = _folded(block.excitation.squeeze), _folded(block.excitation.excite)
    parts = (squeeze.weight.t(), squeeze.bias, excite.weight.t(), excite.bias)
    return tuple(np.ascontiguousarray(part.numpy()) for part in parts)


def _square_by_square(index: np.ndarray, planes: int, board_shape: Tuple[int, int]) -> np.ndarray:
    """`Game.policy_index` for outputs that list all planes of one square before the next square."""
    squares = board_shape[0] * board_shape[1]
    plane, square = np.divmod(index.astype(np.int64), squares)
    return (square * planes + plane).astype(np.int32)
