"""Loads a net from either kind of file: a pawnzero checkpoint, or lc0's weights."""

from __future__ import annotations

from pathlib import Path

from pawnzero.errors import PawnzeroError
from pawnzero.files import reading
from pawnzero.formats.lc0 import decode_lc0
from pawnzero.formats.lc0_file import START
from pawnzero.nets.checkpoint import Checkpoint, load_checkpoint


def load_net(path: Path) -> Checkpoint:
    """Load the net in `path`; its first bytes tell the format. Raises PawnzeroError that names the file and the fault."""
    path = Path(path)
    with reading(path), open(path, "rb") as stream:
        start = stream.read(len(START))
    if start != START:
        return load_checkpoint(path)
    with reading(path):
        file = path.read_bytes()
    try:
        return decode_lc0(file)
    except PawnzeroError as error:
        raise PawnzeroError(f"{path}: {error}") from None
