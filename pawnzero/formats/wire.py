"""Protocol Buffers' wire format: reads and writes the few kinds of fields that ONNX files and lc0's weights consist of.

A message is a sequence of fields. Each has a number and a wire type, then a value: a varint, 4 or 8 bytes, or a length and so
many bytes (text, tensors, embedded messages). Source: the Protocol Buffers documentation, chapter "Encoding".
"""

from __future__ import annotations

import struct
from typing import Dict, List, Mapping, Tuple, Union

from pawnzero.errors import PawnzeroError

_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5

Value = Union[int, bytes]
Fields = Mapping[int, List[Value]]
"""A message's values by field number, in the message's order: an integer for a varint, else the bytes."""


def integer(field: int, value: int) -> bytes:
    """A field that holds a non-negative integer, a boolean or an enumerator."""
    return _varint(field << 3 | _VARINT) + _varint(value)


def four_bytes(field: int, value: bytes) -> bytes:
    """A fixed32 field."""
    assert len(value) == 4, "four bytes are wanted"
    return _varint(field << 3 | _FOUR_BYTES) + value


def number(field: int, value: float) -> bytes:
    """A float field."""
    return four_bytes(field, struct.pack("<f", value))


def block(field: int, *content: Union[bytes, str]) -> bytes:
    """A field that holds text, bytes or a message: the concatenation of its contents."""
    joined = b"".join(part.encode() if isinstance(part, str) else part for part in content)
    return _varint(field << 3 | _LENGTH) + _varint(len(joined)) + joined


def read(message: bytes) -> Fields:
    """The fields of a message. Raises PawnzeroError if it is truncated or not a message."""
    found: Dict[int, List[Value]] = {}
    place = 0
    while place < len(message):
        key, place = _read_varint(message, place)
        value: Value
        if key & 7 == _VARINT:
            value, place = _read_varint(message, place)
        else:
            if key & 7 == _LENGTH:
                length, place = _read_varint(message, place)
            elif key & 7 in (_FOUR_BYTES, _EIGHT_BYTES):
                length = 4 if key & 7 == _FOUR_BYTES else 8
            else:
                raise PawnzeroError(f"wire type {key & 7} at byte {place}, expected a protobuf message")
            value = message[place : place + length]
            place += length
            if len(value) < length:
                raise PawnzeroError(f"truncated: {len(value)} bytes of {length} in field {key >> 3}")
        found.setdefault(key >> 3, []).append(value)
    return found


def _varint(value: int) -> bytes:
    """Seven bits per byte, lowest first; all but the last byte have the eighth bit set."""
    assert value >= 0, "negative integers are written another way"
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_varint(message: bytes, place: int) -> Tuple[int, int]:
    value, shift = 0, 0
    while place < len(message) and shift < 64:
        byte = message[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
        shift += 7
    raise PawnzeroError(f"truncated: a number has no end at byte {place}")
