"""Converts nets to and from lc0's weights. Our architecture is one of lc0's, so that each program can play the other's nets.

It is a ResNet, with or without squeeze-excitation, on the classical 112 planes, with a convolutional policy head of 80 planes
and a WDL head. Branch scales and the 50-move counter's factor 1/99 are folded into the weights, as in lc0's own files. Batch
norm in an lc0 net is folded likewise (Ioffe and Szegedy, 2015; the file holds variances, and ε is 1e-5).
"""

from __future__ import annotations

from typing import Any, Dict, Iterator, Mapping, Tuple

import numpy as np
import torch

from pawnzero.config import ModelConfig
from pawnzero.errors import PawnzeroError, UsageError
from pawnzero.formats import lc0_file
from pawnzero.formats.lc0_file import Lc0Net
from pawnzero.nets.checkpoint import Checkpoint
from pawnzero.nets.fold import fold
from pawnzero.nets.resnet import PolicyValueNet

_GAME = "chess"
_EPSILON = 1e-5

_SE_RESNET, _RESNET = 4, 3
_KINDS: Mapping[str, Tuple[Tuple[int, ...], Mapping[int, str]]] = {
    "network": (
        (_SE_RESNET, _RESNET),
        {1: "classical", 2: "SE with a classical policy", 5: "ONNX", 6: "attention body"},
    ),
    "input": ((1,), {2: "112 planes with castling plane", 3: "canonical 112 planes", 4: "canonical 112 planes"}),
    "policy": ((2,), {1: "classical", 3: "attention"}),
    "value": ((2,), {1: "classical"}),
    "output": ((2,), {1: "classical"}),
    "default_activation": ((0,), {1: "mish"}),
}
"""The accepted enumerators of each field of NetworkFormat, and the names of others for error messages."""
_WANTED = "expected a ResNet or SE-ResNet on the classical 112 planes with convolutional policy, WDL value and ReLU"

_LAYERS: Mapping[str, Tuple[str, str]] = {
    "stem": ("input.weights", "input.biases"),
    "policy_hidden": ("policy1.weights", "policy1.biases"),
    "policy_out": ("policy.weights", "policy.biases"),
    "value_planes": ("value.weights", "value.biases"),
    "value_hidden": ("ip1_val_w", "ip1_val_b"),
    "value_out": ("ip2_val_w", "ip2_val_b"),
}
_BLOCK: Mapping[str, Tuple[str, str]] = {
    "first": ("conv1.weights", "conv1.biases"),
    "second": ("conv2.weights", "conv2.biases"),
    "squeeze": ("se.w1", "se.b1"),
    "excite": ("se.w2", "se.b2"),
}
"""lc0's names of a layer's weight and bias, by our name of the layer; those of a block are prefixed with "residual.N."."""


def encode_lc0(checkpoint: Checkpoint) -> bytes:
    """The net with averaged weights as an lc0 weights file. Raises UsageError for a game other than chess."""
    if checkpoint.game != _GAME:
        raise UsageError(f"a net for {checkpoint.game}, expected one for chess: lc0 plays nothing else")
    kind = {name: wanted[0] for name, (wanted, _) in _KINDS.items()}
    if not checkpoint.model.se_ratio:
        kind["network"] = _RESNET
    layers = {
        lc0_name: values.numpy()
        for names, layer in _named(fold(checkpoint.make_net(averaged=True)))
        for lc0_name, values in zip(names, (layer.weight, layer.bias))
    }
    return lc0_file.pack(Lc0Net(layers, kind, checkpoint.step))


def decode_lc0(file: bytes) -> Checkpoint:
    """The net in an lc0 weights file, as a checkpoint without training state.

    Raises PawnzeroError, without the file's name, if the file is damaged or its architecture is not ours.
    """
    found = lc0_file.unpack(file)
    if found.attention:
        raise PawnzeroError(f"an lc0 net with attention; {_WANTED}")
    for kind, (wanted, others) in _KINDS.items():
        value = found.kind[kind]
        if value not in wanted:
            raise PawnzeroError(f"an lc0 net whose {kind} is {others.get(value, f'number {value}')}; {_WANTED}")
    layers = _without_norms(found.layers)
    net = PolicyValueNet(_shape(layers), _GAME)
    with torch.no_grad():
        for names, module in _named(net):
            for name, parameter in zip(names, (module.weight, module.bias)):
                parameter.copy_(torch.from_numpy(_sized(layers, name, parameter.numel())).view(parameter.shape))
        net.stem.weight /= net.plane_scale
    weights = net.state_dict()
    return Checkpoint(_GAME, net.shape, found.steps, 0, weights, weights)


def _named(net: Any) -> Iterator[Tuple[Tuple[str, str], Any]]:
    """For each layer of a `PolicyValueNet` or of folded `Layers`: lc0's names of weight and bias, and the layer itself."""
    for name, names in _LAYERS.items():
        yield names, getattr(net, name)
    for index, block in enumerate(net.blocks):
        for name, (weight, bias) in _BLOCK.items():
            holder = block if hasattr(block, name) else block.excitation
            layer = None if holder is None else getattr(holder, name)
            if layer is not None:  # None without squeeze-excitation
                yield (f"residual.{index}.{weight}", f"residual.{index}.{bias}"), layer


def _shape(layers: Mapping[str, np.ndarray]) -> ModelConfig:
    """The shape of a net with these layers. Raises PawnzeroError if our nets cannot have it.

    Whether there is squeeze-excitation is decided by the layers, not by the network kind, as in lc0.
    """
    channels = len(_layer(layers, "input.biases"))
    blocks = len({name.split(".")[1] for name in layers if name.startswith("residual.")})
    if not any(".se." in name for name in layers):
        return ModelConfig(channels=channels, blocks=blocks, se_ratio=0)
    hidden = len(_layer(layers, "residual.0.se.b1"))
    ratios = [ratio for ratio in range(1, channels + 1) if channels // ratio == hidden]
    if not ratios:
        raise PawnzeroError(
            f"an lc0 net that squeezes {channels} channels to {hidden}; expected {channels} divided by a whole number"
        )
    return ModelConfig(channels=channels, blocks=blocks, se_ratio=ratios[0])


def _without_norms(layers: Mapping[str, np.ndarray]) -> Dict[str, np.ndarray]:
    """The layers with batch norm, if any, folded into the convolutions' weights and biases.

    Raises PawnzeroError if a norm does not fit its convolution, or a variance is negative or not finite.
    """
    folded = dict(layers)
    for name in layers:
        if not name.endswith(".bn_means"):
            continue
        unit = name[: -len("bn_means")]
        means, weights = _layer(layers, name), _layer(layers, unit + "weights")
        variances = _sized(layers, unit + "bn_stddivs", len(means))
        if not (np.isfinite(variances) & (variances >= 0)).all():
            raise PawnzeroError(f"an lc0 net with a variance of {variances.min():g} in {unit}bn_stddivs, expected none below 0")
        gains, shifts, biases = (
            _sized(layers, unit + part, len(means)) if len(layers.get(unit + part, ())) else np.full_like(means, usual)
            for part, usual in (("bn_gammas", 1.0), ("bn_betas", 0.0), ("biases", 0.0))
        )
        gains = gains / np.sqrt(variances + np.float32(_EPSILON))
        if weights.size % len(means):
            raise PawnzeroError(f"an lc0 net whose {unit}weights are {weights.size} numbers for {len(means)} channels")
        folded[unit + "weights"] = (weights.reshape(len(means), -1) * gains[:, np.newaxis]).reshape(-1)
        folded[unit + "biases"] = (biases - means) * gains + shifts
    return folded


def _layer(layers: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    if not len(layers.get(name, ())):
        raise PawnzeroError(f"an lc0 net without {name}; {_WANTED}")
    return layers[name]


def _sized(layers: Mapping[str, np.ndarray], name: str, size: int) -> np.ndarray:
    values = _layer(layers, name)
    if values.size != size:
        raise PawnzeroError(f"an lc0 net whose {name} are {values.size} numbers, expected {size}")
    return values
