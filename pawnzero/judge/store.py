"""A cache of solved positions that persists between runs: an append-only file with one line per position.

A line is the position's key in hexadecimal, its scores, and a checksum of both. Every append begins with a line break, so that
a line torn by a crash (or by another process) invalidates only itself: its checksum does not match, and the position is solved
again.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Dict, List, Optional, Sequence


class Store:
    """Scores by position key. A file that cannot be read or written is no error: its positions are solved again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: Optional[Dict[int, Sequence[int]]] = None
        self._unsaved: List[int] = []

    def __contains__(self, key: int) -> bool:
        return key in self._scores

    def get(self, key: int) -> Sequence[int]:
        """The scores of a position in the store."""
        return self._scores[key]

    def put(self, key: int, scores: Sequence[int]) -> None:
        """Add a position; `save` writes it."""
        self._scores[key] = scores
        self._unsaved.append(key)

    def save(self) -> None:
        """Append the new positions to the file, in a single write."""
        if not self._unsaved:
            return
        lines = b"".join(_line(key, self._scores[key]) for key in self._unsaved)
        self._unsaved.clear()
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with open(self._path, "ab", buffering=0) as stream:
                stream.write(b"\n" + lines)
        except OSError:
            return

    @property
    def _scores(self) -> Dict[int, Sequence[int]]:
        if self._known is None:
            self._known = _read(self._path)
        return self._known


def _line(key: int, scores: Sequence[int]) -> bytes:
    text = f"{key:016x} {' '.join(map(str, scores))}".encode()
    return text + b" %08x\n" % zlib.crc32(text)


def _read(path: Path) -> Dict[int, Sequence[int]]:
    """The file's intact lines."""
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError:
        return {}
    found: Dict[int, Sequence[int]] = {}
    for line in lines:
        text, _, checksum = line.rpartition(b" ")
        if text and checksum == b"%08x" % zlib.crc32(text):
            key, *scores = text.split()
            found[int(key, 16)] = [int(score) for score in scores]
    return found
