"""A net with 8-bit integer convolutions: on a CPU up to three times as fast as in its usual format, and slightly inexact.

After ReLU a channel's values are non-negative. They are quantized to 0 to 255 steps, and each input channel of a convolution
has its own step size, chosen so that 255 is the largest value it had in a sample of positions; larger values are clipped. The
step sizes are folded into the weights, which are quantized too, with one scale per output channel. The mean error of rounding
the weights, over the sample, is corrected in the bias (Nagel et al., "Data-Free Quantization Through Weight Equalization and
Bias Correction", ICCV 2019). Sums of products are exact, so a position's result does not depend on its batch.

Skip connections, squeeze-excitation and the value head's matrices are not quantized. Nor is the stem if it has no more planes
than channels: it is cheap then, and its rounding would cost the most accuracy.

The more common single step size for all channels of a layer (Jacob et al., "Quantization and Training of Neural Networks for
Efficient Integer-Arithmetic-Only Inference", CVPR 2018) does not work here: without normalisation a few channels have far
larger values than the others.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache
from typing import List, Optional, Tuple

import numpy as np
import torch
from torch.nn import functional

from pawnzero.games import get_game
from pawnzero.machine.remembered import Remembered
from pawnzero.nets.device import describe_device
from pawnzero.nets.fold import Block, CompiledNet, FoldedNet, Layer, fold, unfolded
from pawnzero.nets.kernels import gather_logits, quantize
from pawnzero.nets.planes import numbers, unpack
from pawnzero.nets.precision import format_name
from pawnzero.nets.resnet import PolicyValueNet, by_square
from pawnzero.nets.threads import workers
from pawnzero.search.evaluator import Question

SAMPLE = 512
"""Number of sample positions: half of them to find the channels' step sizes, half to measure the error."""
POLICY_OFF = 0.01
"""Largest accepted mean divergence of policies, in nats per position."""
VALUE_OFF = 0.03
"""Largest accepted root mean square error of values, which are from -1 to 1."""

_LEVELS = 255
_LIMITS = (127, 63)
"""Largest weights. Older CPUs add two products in 16 bits, which overflow with weights of more than 6 bits and a sign."""
_LEAST_SHARE = 1e-3
"""Lower bound of a channel's largest value, as a share of the largest in its layer, so that no step size is 0."""
_GAIN = 1.1
"""Required speed-up over the usual format: for less it is not worth its rounding."""
_BATCH = 64
_RUNS = 10
_MEASURED = Remembered("formats")
_CPU = torch.device("cpu")


@dataclass(frozen=True)
class _WholeLayer(Layer):
    """An integer convolution.

    weight: packed by oneDNN · scale [out] float32: value of 1 in a sum of products · zeros [out] int64, as the operator
    requires · per_step [in] float32: steps per 1 in the input · result: output format, uint8 if the next convolution takes it
    directly
    """

    scale: torch.Tensor
    zeros: torch.Tensor
    per_step: np.ndarray
    result: torch.dtype


class QuantizedNet(CompiledNet):
    """`CompiledNet` with 8-bit integer convolutions. Its input is what `images` returns.

    dtype:  of everything else, float32 or bfloat16
    planes: [N, P + Q, rows, columns] float32, the positions from which the channels' step sizes are found
    """

    def __init__(self, net: PolicyValueNet, dtype: torch.dtype, planes: torch.Tensor) -> None:
        super().__init__(net, dtype)
        stem_too = _stem_too(net)
        self.input_dtype = torch.uint8 if stem_too else dtype
        self._scalar_scale = _scalar_scale(net)
        watching = _Watching(net)
        with torch.inference_mode():
            watching(planes)
        hidden = (torch.maximum(one, _LEAST_SHARE * one.max()).clamp_min(1e-9) for one in watching.most[1:])
        self._steps = [one / _LEVELS for one in (1.0 / net.plane_scale.flatten(), *hidden)]
        layers = fold(net)
        means = watching.mean
        if stem_too:
            self._stem = self._whole(layers.stem, 0, means[0])
        self._blocks = [
            Block(
                self._whole(block.first, place, means[place], goes_on=True),
                self._whole(block.second, place + 1, means[place + 1]),
                block.squeeze,
                block.excite,
            )
            for place, block in zip(range(1, len(means), 2), layers.blocks)
        ]
        self._policy_hidden = self._whole(layers.policy_hidden, len(means) - 2, means[-2], goes_on=True)
        self._policy_out = self._whole(layers.policy_out, len(means) - 1, means[-1])

    def images(self, bits: np.ndarray, scalars: np.ndarray, size: int) -> torch.Tensor:
        """See `CompiledNet`; if the stem is quantized, scaled plane values from 0 to 1 become 0 to 255."""
        if self.input_dtype != torch.uint8:
            return super().images(bits, scalars, size)
        return unpack(bits, scalars * self._scalar_scale, self.board_shape, torch.uint8, size)

    def _whole(self, layer: Layer, place: int, mean: torch.Tensor, goes_on: bool = False) -> _WholeLayer:
        """The convolution at `place` in the order of evaluation; goes_on: only the next convolution takes its output."""
        weight = layer.weight * self._steps[place].view(1, -1, 1, 1)
        scale = weight.abs().amax((1, 2, 3)).clamp_min(1e-20) / weight_limit()
        rounded = (weight / scale.view(-1, 1, 1, 1)).round()
        lost = (weight - rounded * scale.view(-1, 1, 1, 1)) / self._steps[place].view(1, -1, 1, 1)
        bias = layer.bias + functional.conv2d(mean, lost, padding=1).mean((0, 2, 3))
        if goes_on:
            scale, bias = scale / self._steps[place + 1], bias / self._steps[place + 1]
        return _WholeLayer(
            weight=_pack(rounded.to(torch.int8), scale, [_BATCH, weight.shape[1], *self.board_shape]),
            bias=bias,
            scale=scale,
            zeros=torch.zeros(len(scale), dtype=torch.int64),
            per_step=(1.0 / self._steps[place]).numpy(),
            result=torch.uint8 if goes_on else self.dtype,
        )

    def _convolve(self, x: torch.Tensor, layer: Layer, activate: bool) -> torch.Tensor:
        if not isinstance(layer, _WholeLayer):
            return super()._convolve(x, layer, activate)
        if x.dtype != torch.uint8:
            steps = torch.empty_like(x, dtype=torch.uint8)
            quantize(numbers(by_square(x)), layer.per_step, numbers(by_square(steps)))
            x = steps
        return _whole_convolution(x, layer, activate)


class _Watching(FoldedNet):
    """Records the maximum of each input channel of its convolutions and their mean input image, in order of evaluation."""

    def __init__(self, net: PolicyValueNet) -> None:
        super().__init__(net, _CPU, torch.float32)
        self.most: List[torch.Tensor] = []
        self.mean: List[torch.Tensor] = []

    def _convolve(self, x: torch.Tensor, layer: Layer, activate: bool) -> torch.Tensor:
        self.most.append(x.amax((0, 2, 3)))
        self.mean.append(x.mean(0, keepdim=True))
        return super()._convolve(x, layer, activate)


def quantized(net: PolicyValueNet, dtype: torch.dtype, sample: Question) -> Tuple[Optional[QuantizedNet], str]:
    """Return the net in 8-bit integers and `dtype`, or None if that is not faster or not accurate enough; and the reason.

    sample: `SAMPLE` positions of games like those to be played, the second half from other games than the first; its outputs
    are not filled
    """
    if not weight_limit():
        return None, "this torch has no int8 here"
    if _stem_too(net) and not _from_0_to_1(sample.scalars * _scalar_scale(net)):
        return None, "int8 needs scaled planes from 0 to 1"
    usual, key = format_name(dtype), _gain_key(net, dtype)
    gain = _MEASURED.recall(key)
    if isinstance(gain, float) and gain < _GAIN:
        return None, f"int8 answers only {gain:.2f} times as fast as {usual}"
    half = len(sample) // 2
    planes = unpack(sample.bits[:half], sample.scalars[:half], get_game(net.game_name).board_shape)
    try:
        # in a thread with one core: sums over the sample depend on the number of cores
        found = workers().submit(QuantizedNet, net, dtype, planes).result()
        if not isinstance(gain, float):
            gain = workers().submit(_measure_gain, CompiledNet(net, dtype), found).result()
            _MEASURED.keep(key, gain)
        policy_off, value_off = _off(net, found, sample.part(half, len(sample)))
    except (NotImplementedError, RuntimeError) as error:  # from operators that are not part of torch's public interface
        return None, f"int8 failed here: {' '.join(str(error).split())[:120]}"
    if gain < _GAIN:
        return None, f"int8 answers only {gain:.2f} times as fast as {usual}"
    off = f"policies are off by {policy_off:.2g} nats, values by {value_off:.2g}"
    if not (policy_off <= POLICY_OFF and value_off <= VALUE_OFF):
        return None, f"int8 is too inaccurate: {off}"
    return found, f"answers {gain:.1f} times as fast as {usual}; {off}"


def _stem_too(net: PolicyValueNet) -> bool:
    """Whether the stem is quantized too."""
    return net.plane_scale.shape[1] > net.shape.channels


def _from_0_to_1(scaled: np.ndarray) -> bool:
    return scaled.size == 0 or bool(scaled.min() >= 0.0 and scaled.max() <= 1.0)


def _gain_key(net: PolicyValueNet, dtype: torch.dtype) -> str:
    """Everything the gain depends on. The instructions that oneDNN uses on a CPU show in the largest weight."""
    return f"{net.description} int8 ({weight_limit()}) for {dtype} on {describe_device(_CPU)}"


def _off(net: PolicyValueNet, found: QuantizedNet, asked: Question) -> Tuple[float, float]:
    """Mean divergence of the policies from the net's, in nats, and root mean square difference of the values."""
    planes = unpack(asked.bits, asked.scalars, found.board_shape)
    own = np.arange(len(found.policy_where), dtype=np.int32)
    legal = np.arange(asked.legal.shape[1]) < asked.count[:, np.newaxis]
    answers = []
    with torch.inference_mode():
        whole = found(found.images(asked.bits, asked.scalars, len(asked)))
        for where, (policy, wdl) in ((own, unfolded(net)(planes)), (found.policy_where, whole)):
            logits = np.full(legal.shape, -np.inf, np.float32)
            gather_logits(numbers(policy), where, asked.legal, asked.count, logits)
            chances = wdl.softmax(1)
            answers.append((torch.from_numpy(logits).log_softmax(1).numpy(), (chances[:, 0] - chances[:, 2]).numpy()))
    (right, values), (rough, others) = answers
    divergence = np.where(legal, np.exp(right) * (np.where(legal, right, 0.0) - np.where(legal, rough, 0.0)), 0.0).sum(1)
    return float(divergence.mean()), float(np.sqrt(np.mean((values - others) ** 2)))


def _scalar_scale(net: PolicyValueNet) -> np.ndarray:
    """[Q] float32: the factors of a position's scalar planes."""
    count = get_game(net.game_name).scalar_planes
    scales: np.ndarray = net.plane_scale.flatten().numpy()
    return scales[len(scales) - count :]


@lru_cache(maxsize=None)
def weight_limit() -> int:
    """The largest weight whose products oneDNN adds correctly on this CPU, 127 or 63; 0 if torch has no such convolution.

    These operators are not part of torch's public interface, so they are tested before use.
    """
    generator = torch.Generator().manual_seed(1)
    zeros = torch.zeros(16, dtype=torch.int64)
    x = (
        torch.randint(128, 256, (2, 32, 8, 8), generator=generator)
        .to(torch.uint8)
        .contiguous(memory_format=torch.channels_last)
    )
    for limit in _LIMITS:
        weight = torch.randint(limit // 2, limit + 1, (16, 32, 3, 3), generator=generator)
        weight[1::2] *= -1
        bias = torch.arange(16.0)
        wanted = functional.conv2d(x.double(), weight.double(), bias.double(), padding=1)
        scale = torch.full((16,), 100.0 / float(wanted.abs().max()))
        wanted = (wanted - bias.view(1, -1, 1, 1)) * scale.view(1, -1, 1, 1) + bias.view(1, -1, 1, 1)
        try:
            packed = _pack(weight.to(torch.int8), scale, list(x.shape))
            exact, steps = (
                _whole_convolution(x, _WholeLayer(packed, bias, scale, zeros, np.empty(0), result), result == torch.uint8)
                for result in (torch.float32, torch.uint8)
            )
        except (AttributeError, NotImplementedError, RuntimeError, TypeError):
            return 0
        last = exact.is_contiguous(memory_format=torch.channels_last)
        if last and torch.allclose(exact.double(), wanted, atol=1e-3):
            return limit if bool(((steps.double() - wanted.relu()).abs() <= 0.501).all()) else 0
    return 0


def _pack(weight: torch.Tensor, scale: torch.Tensor, size: List[int]) -> torch.Tensor:
    packed: torch.Tensor = torch.ops.onednn.qconv_prepack(weight, scale, 1.0, 0, [1, 1], [1, 1], [1, 1], 1, size)
    return packed


def _whole_convolution(x: torch.Tensor, layer: _WholeLayer, activate: bool) -> torch.Tensor:
    weight = (layer.weight, layer.scale, layer.zeros, layer.bias)
    form = ([1, 1], [1, 1], [1, 1], 1)
    result: torch.Tensor = torch.ops.onednn.qconv2d_pointwise(
        x, 1.0, 0, *weight, *form, 1.0, 0, layer.result, "relu" if activate else "none", [], ""
    )
    return result


@torch.inference_mode()
def _measure_gain(usual: CompiledNet, found: CompiledNet) -> float:
    """How many times as fast as `usual` `found` is, by their shortest times for `_BATCH` empty boards, run alternately."""
    shortest = {usual: float("inf"), found: float("inf")}
    for _ in range(1 + _RUNS):  # the first is warm-up
        for net in shortest:
            planes = torch.zeros(_BATCH, *net.board_shape, net.planes, dtype=net.input_dtype).permute(0, 3, 1, 2)
            started = time.perf_counter()
            net(planes)
            shortest[net] = min(shortest[net], time.perf_counter() - started)
    return shortest[usual] / shortest[found]
