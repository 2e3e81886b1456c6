"""Protocol Buffers' bytes: the examples of their own documentation, and what is no message."""

from __future__ import annotations

import struct

import pytest

from pawnzero.errors import PawnzeroError
from pawnzero.formats import wire


def test_the_documentations_examples() -> None:
    assert wire.integer(1, 150) == bytes.fromhex("089601")
    assert wire.block(2, "testing") == bytes.fromhex("120774657374696e67")
    assert wire.block(3, wire.integer(1, 150)) == bytes.fromhex("1a03089601")
    assert wire.number(1, 1.5) == b"\x0d" + struct.pack("<f", 1.5)


def test_what_is_written_is_read() -> None:
    message = wire.integer(20, 2**40) + wire.block(2, "a", b"b") + wire.four_bytes(1, b"1234") + wire.integer(20, 0)
    assert wire.read(message + b"\x19" + b"8 bytes!") == {20: [2**40, 0], 2: [b"ab"], 1: [b"1234"], 3: [b"8 bytes!"]}
    assert wire.read(b"") == {}


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (b"\x12\x07test", "4 bytes of 7 in field 2"),
        (b"\x0d12", "2 bytes of 4 in field 1"),
        (b"\x08", "has no end"),
        (b"\x08" + b"\xff" * 11, "has no end"),
        (b"\x0b", "wire type 3"),
    ],
)
def test_what_is_no_message(message: bytes, told: str) -> None:
    with pytest.raises(PawnzeroError, match=told):
        wire.read(message)
