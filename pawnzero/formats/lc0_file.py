"""lc0's weights file as plain arrays.

The file is a gzipped protobuf message `Net`; each layer is quantized to 16 bits between its minimum and maximum. Field numbers
and names are those of lc0's published description of the format: proto/net.proto in the repository
LeelaChessZero/lczero-common. A layer's name here is its path there: "input.weights", "residual.0.conv1.biases",
"residual.0.se.w1", "ip1_val_w". The only third-party package needed is numpy, so that the tests' lc0 oracle can write nets.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Mapping, Tuple

import numpy as np

from pawnzero.errors import PawnzeroError
from pawnzero.formats import wire

MAGIC = struct.pack("<I", 0x1C0)
START = b"\x1f\x8b"
"""The first bytes of a gzip file."""

_STEPS = 65535
_LINEAR16 = 1

_CONVOLUTION = {"weights": 1, "biases": 2, "bn_means": 3, "bn_stddivs": 4, "bn_gammas": 5, "bn_betas": 6}
_EXCITATION = {"w1": 1, "b1": 2, "w2": 3, "b2": 4}
_RESIDUAL = {"conv1": (1, _CONVOLUTION), "conv2": (2, _CONVOLUTION), "se": (3, _EXCITATION)}
_REPEATED = "residual"
_WEIGHTS = {
    "input": (1, _CONVOLUTION),
    _REPEATED: (2, _RESIDUAL),
    "policy1": (11, _CONVOLUTION),
    "policy": (3, _CONVOLUTION),
    "value": (6, _CONVOLUTION),
    "ip1_val_w": 7,
    "ip1_val_b": 8,
    "ip2_val_w": 9,
    "ip2_val_b": 10,
}
"""Field numbers by name; for a message that is not a layer, with those of its own fields."""
_ATTENTION = (21, 25, 27)
"""Fields that only nets with attention have; some files have them although their format does not mention attention."""

KIND_FIELDS = {"input": 1, "output": 2, "network": 3, "policy": 4, "value": 5, "default_activation": 7}
"""Field numbers in NetworkFormat, which describes the architecture; all values are enumerators."""


@dataclass(frozen=True)
class Lc0Net:
    """The contents of a weights file.

    layers: arrays by name (see above); `unpack` gives [n] float32, flattened in the order of torch's own weights
    kind:   enumerators by the names of KIND_FIELDS, 0 where the file has none
    steps:  training steps
    attention: whether there are attention layers, which are not read
    """

    layers: Mapping[str, np.ndarray]
    kind: Mapping[str, int]
    steps: int = 0
    attention: bool = False


def pack(net: Lc0Net) -> bytes:
    """The net as a weights file. The same net gives the same bytes."""
    kind = b"".join(wire.integer(KIND_FIELDS[name], value) for name, value in net.kind.items() if value)
    message = [
        wire.four_bytes(1, MAGIC),
        wire.block(3, wire.integer(1, 0), wire.integer(2, 21)),  # min_version 0.21, the first to know these formats
        wire.block(4, wire.integer(1, _LINEAR16), wire.block(2, kind)),
        wire.block(5, wire.integer(1, net.steps)),
        wire.block(10, _pack_layers(_tree(net.layers), _WEIGHTS)),
    ]
    return gzip.compress(b"".join(message), mtime=0)


def unpack(file: bytes) -> Lc0Net:
    """Read a weights file. Raises PawnzeroError that says what is wrong with it."""
    try:
        message = wire.read(gzip.decompress(file))
    except (OSError, EOFError, zlib.error):
        raise PawnzeroError("damaged or truncated: not a whole gzip file") from None
    if message.get(1) != [MAGIC]:
        raise PawnzeroError("not lc0's weights (their magic number is missing)")
    header, weights = _within(message, 4), _within(message, 10)
    if _integer(header, 1) != _LINEAR16 or not weights:
        raise PawnzeroError("no weights in lc0's encoding LINEAR16")
    kind = _within(header, 2)
    return Lc0Net(
        layers=dict(_unpack_layers(weights, _WEIGHTS, "")),
        kind={name: _integer(kind, field) for name, field in KIND_FIELDS.items()},
        steps=_integer(_within(message, 5), 1),
        attention=any(field in weights for field in _ATTENTION),
    )


def _message(value: wire.Value, name: str) -> bytes:
    if isinstance(value, int):
        raise PawnzeroError(f"damaged: {name} is a number, expected a message")
    return value


def _within(fields: wire.Fields, field: int) -> wire.Fields:
    """The fields of an embedded message; none if it is missing."""
    return wire.read(_message(fields.get(field, [b""])[-1], f"field {field}"))


def _integer(fields: wire.Fields, field: int) -> int:
    value = fields.get(field, [0])[-1]
    return value if isinstance(value, int) else 0


def _tree(layers: Mapping[str, np.ndarray]) -> Dict[str, Any]:
    """{"input.weights": a, …} as {"input": {"weights": a}, …}."""
    tree: Dict[str, Any] = {}
    for name, values in layers.items():
        *path, last = name.split(".")
        place = tree
        for part in path:
            place = place.setdefault(part, {})
        place[last] = values
    return tree


def _pack_layers(tree: Mapping[str, Any], places: Mapping[str, Any]) -> bytes:
    """Encode a tree of layers as a message; `places` has the field numbers."""
    out: List[bytes] = []
    for name, part in tree.items():
        field, within = _place(places[name])
        for one in part.values() if name == _REPEATED else [part]:
            out.append(wire.block(field, _pack_layers(one, within) if within else _pack_layer(one)))
    return b"".join(out)


def _unpack_layers(fields: wire.Fields, places: Mapping[str, Any], path: str) -> Iterator[Tuple[str, np.ndarray]]:
    """Names and values of the layers in the message at `path`."""
    for name, place in places.items():
        field, within = _place(place)
        for index, value in enumerate(fields.get(field, [])):
            message = wire.read(_message(value, name))
            if within:
                yield from _unpack_layers(message, within, f"{path}{name}." + (f"{index}." if name == _REPEATED else ""))
            else:
                yield path + name, _unpack_layer(message, path + name)


def _place(place: Any) -> Tuple[int, Mapping[str, Any]]:
    return place if isinstance(place, tuple) else (place, {})


def _pack_layer(values: np.ndarray) -> bytes:
    low, high = np.float32(values.min()), np.float32(values.max())
    steps = np.zeros(values.size, "<u2")
    if high > low:
        share = (values.reshape(-1).astype(np.float64) - low) / (np.float64(high) - low)
        steps = np.rint(share * _STEPS).astype("<u2")
    return wire.number(1, float(low)) + wire.number(2, float(high)) + wire.block(3, steps.tobytes())


def _unpack_layer(fields: wire.Fields, name: str) -> np.ndarray:
    low, high = (_float(fields, field, name) for field in (1, 2))
    params = _message(fields.get(3, [b""])[-1], name)
    if not np.isfinite([low, high]).all() or len(params) % 2:
        raise PawnzeroError(f"damaged: layer {name} has {len(params)} bytes, from {low} to {high}")
    steps = np.frombuffer(params, "<u2").astype(np.float32)
    values: np.ndarray = steps / np.float32(_STEPS) * (high - low) + low
    return values


def _float(fields: wire.Fields, field: int, name: str) -> np.float32:
    value = _message(fields.get(field, [bytes(4)])[-1], name)
    return np.float32(struct.unpack("<f", value)[0]) if len(value) == 4 else np.float32("nan")
