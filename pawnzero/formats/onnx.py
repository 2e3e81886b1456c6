"""Nets as ONNX models: planes in, policy logits and WDL probabilities out, for any batch size.

The model is written field by field rather than by torch's exporter or the `onnx` package. A net has few kinds of operators, and
this way an export needs no package, is the same with every torch, and has a graph that reads like the net. Field numbers,
operators and versions are from onnx.proto and the operators' documentation of ONNX 1.8 (operator set 13, IR version 7), which
every ONNX Runtime since 1.6 reads.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Dict, List, Sequence, Union

import numpy as np

from pawnzero import __version__
from pawnzero.formats import wire
from pawnzero.games import get_game
from pawnzero.games.base import Game
from pawnzero.nets.checkpoint import Checkpoint
from pawnzero.nets.fold import Block, Layer, Layers, fold

INPUT, POLICY, WDL = "planes", "policy", "wdl"
"""The model's input [batch, P + Q, rows, columns] and its outputs [batch, A] and [batch, 3], all float32."""

Size = Union[int, str]
"""A dimension of a tensor; a name stands for any size."""

_IR_VERSION, _OPERATOR_SET = 7, 13
_FLOAT, _INT64 = 1, 7
_ATTRIBUTE_INT, _ATTRIBUTE_INTS = 2, 7


def encode_onnx(checkpoint: Checkpoint) -> bytes:
    """The net with averaged weights as an ONNX model; its `metadata_props` describe it.

    The input planes are those of `Game.encode`, with bitboards unpacked and counters unscaled. The policy is the logits of all
    A actions in the game's order, illegal ones included; WDL is probabilities for the player to move.
    """
    game = get_game(checkpoint.game)
    layers = fold(checkpoint.make_net(averaged=True))
    graph = _Graph()
    graph.add_net(layers, game)
    planes: List[Size] = ["batch", game.bit_planes + game.scalar_planes, *game.board_shape]
    content = [
        *graph.nodes,
        wire.block(2, f"pawnzero_{game.name}"),
        *graph.constants,
        wire.block(11, _value_info(INPUT, planes)),
        wire.block(12, _value_info(POLICY, ["batch", game.num_actions])),
        wire.block(12, _value_info(WDL, ["batch", 3])),
    ]
    return b"".join(
        [
            wire.integer(1, _IR_VERSION),
            wire.block(2, "pawnzero"),
            wire.block(3, __version__),
            wire.block(7, *content),
            wire.block(8, wire.integer(2, _OPERATOR_SET)),
            *(wire.block(14, wire.block(1, key), wire.block(2, text)) for key, text in _metadata(checkpoint, game).items()),
        ]
    )


def _metadata(checkpoint: Checkpoint, game: Game) -> Dict[str, str]:
    return {
        "game": game.name,
        "step": str(checkpoint.step),
        **{name: str(size) for name, size in asdict(checkpoint.model).items()},
        "action_order": str(game.order_version),
        POLICY: "logits of all actions in the game's order, legal or not",
        WDL: "probabilities of win, draw and loss for the player to move",
    }


class _Graph:
    """Nodes and constants of a graph, as encoded fields of its message; methods return the name of what they add."""

    def __init__(self) -> None:
        self.nodes: List[bytes] = []
        self.constants: List[bytes] = []

    def add_net(self, layers: Layers, game: Game) -> None:
        """Add the whole net, from INPUT to POLICY and WDL."""
        x = self._relu(self._convolve(INPUT, layers.stem, "stem"))
        for index, block in enumerate(layers.blocks):
            x = self._residual(x, block, f"block{index + 1}")
        hidden = self._relu(self._convolve(x, layers.policy_hidden, "policy_hidden"))
        logits = self._node("Flatten", [self._convolve(hidden, layers.policy_out, "policy_out")], "policy_squares")
        where = self._constant("policy_index", game.policy_index.astype(np.int64))
        self._node("Gather", [logits, where], POLICY, axis=1)
        value = self._relu(self._convolve(x, layers.value_planes, "value_planes"))
        value = self._node("Flatten", [value], "value_squares")
        value = self._relu(self._multiply(value, layers.value_hidden, "value_hidden"))
        self._node("Softmax", [self._multiply(value, layers.value_out, "value_out")], WDL, axis=1)

    def _residual(self, x: str, block: Block, name: str) -> str:
        """Squeeze-excitation's matrices become 1×1 convolutions; `excite` is split into one for scales and one for shifts."""
        branch = self._convolve(self._relu(self._convolve(x, block.first, f"{name}_first")), block.second, f"{name}_second")
        if block.squeeze is None or block.excite is None:
            return self._relu(self._node("Add", [x, branch], name))
        mean = self._node("GlobalAveragePool", [branch], f"{name}_mean")
        middle = self._relu(self._convolve(mean, _on_one_square(block.squeeze), f"{name}_squeeze"))
        scale, shift = _halves(_on_one_square(block.excite))
        gate = self._node("Sigmoid", [self._convolve(middle, scale, f"{name}_scale")], f"{name}_gate")
        branch = self._node("Mul", [branch, gate], f"{name}_scaled")
        branch = self._node("Add", [branch, self._convolve(middle, shift, f"{name}_shift")], f"{name}_excited")
        return self._relu(self._node("Add", [x, branch], name))

    def _convolve(self, x: str, layer: Layer, name: str) -> str:
        size = layer.weight.shape[-1]
        return self._node("Conv", [x, *self._weights(layer, name)], name, kernel_shape=[size, size], pads=[size // 2] * 4)

    def _multiply(self, x: str, layer: Layer, name: str) -> str:
        return self._node("Gemm", [x, *self._weights(layer, name)], name, transB=1)

    def _relu(self, x: str) -> str:
        return self._node("Relu", [x], f"{x}_relu")

    def _weights(self, layer: Layer, name: str) -> List[str]:
        return [
            self._constant(f"{name}_weight", layer.weight.numpy()),
            self._constant(f"{name}_bias", layer.bias.numpy()),
        ]

    def _constant(self, name: str, values: np.ndarray) -> str:
        kind, data = (_INT64, values.astype("<i8")) if values.dtype == np.int64 else (_FLOAT, values.astype("<f4"))
        shape = [wire.integer(1, size) for size in values.shape]
        self.constants.append(wire.block(5, *shape, wire.integer(2, kind), wire.block(8, name), wire.block(9, data.tobytes())))
        return name

    def _node(self, operator: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        names = [*(wire.block(1, name) for name in inputs), wire.block(2, output), wire.block(3, f"make_{output}")]
        settings = [wire.block(5, _attribute(name, value)) for name, value in attributes.items()]
        self.nodes.append(wire.block(1, *names, wire.block(4, operator), *settings))
        return output


def _on_one_square(layer: Layer) -> Layer:
    return Layer(layer.weight[:, :, None, None], layer.bias)


def _halves(layer: Layer) -> List[Layer]:
    return [Layer(weight, bias) for weight, bias in zip(layer.weight.chunk(2), layer.bias.chunk(2))]


def _attribute(name: str, value: Union[int, List[int]]) -> bytes:
    if isinstance(value, int):
        return wire.block(1, name) + wire.integer(3, value) + wire.integer(20, _ATTRIBUTE_INT)
    return wire.block(1, name) + b"".join(wire.integer(8, one) for one in value) + wire.integer(20, _ATTRIBUTE_INTS)


def _value_info(name: str, shape: Sequence[Size]) -> bytes:
    """A float32 tensor of this shape."""
    sizes = [wire.block(1, wire.block(2, size) if isinstance(size, str) else wire.integer(1, size)) for size in shape]
    tensor = wire.integer(1, _FLOAT) + wire.block(2, *sizes)
    return wire.block(1, name) + wire.block(2, wire.block(1, tensor))
