"""Files with one JSON object per line, appended to or replaced whole; their contents survive a crash of the writer."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Dict, Iterable, Iterator, Mapping, Optional, Type

from pawnzero.errors import PawnzeroError
from pawnzero.files.atomic import reading, replacing


class Journal:
    """A file with one JSON object per line, which is appended to or replaced whole.

    A line has been passed to the operating system when `add` returns, and is on disk when the block ends. Readers skip a line
    that was cut short by a kill.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stream: Optional[IO[bytes]] = None

    def __enter__(self) -> Journal:
        """Open for appending. Raises PawnzeroError if the file cannot be written."""
        try:
            self._stream = open(self.path, "a+b")
            if self._stream.tell():
                self._stream.seek(-1, os.SEEK_END)
                if self._stream.read(1) != b"\n":
                    self._stream.write(b"\n")  # ends a line that was cut short
        except OSError as error:
            raise PawnzeroError(f"{self.path}: cannot be written ({error.strerror})") from None
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], traceback: Optional[TracebackType]
    ) -> None:
        assert self._stream is not None
        try:
            with self._stream:
                self._stream.flush()
                os.fsync(self._stream.fileno())
        except OSError as closing:
            if error is None:  # otherwise that error already says why a line could not be written
                raise PawnzeroError(f"{self.path}: cannot be written ({closing.strerror})") from None

    def add(self, line: Mapping[str, Any]) -> None:
        """Append a line. Raises PawnzeroError if it cannot be written."""
        assert self._stream is not None, "opened for adding"
        try:
            self._stream.write(_encoded(line))
            self._stream.flush()
        except OSError as error:
            raise PawnzeroError(f"{self.path}: cannot be written ({error.strerror})") from None

    def lines(self) -> Iterator[Dict[str, Any]]:
        """The complete lines, oldest first; none if there is no file. Raises PawnzeroError if it cannot be read."""
        if not self.path.exists():
            return
        with reading(self.path):
            texts = self.path.read_bytes().splitlines()
        for text in texts:
            try:
                line = json.loads(text)
            except ValueError:
                continue
            if isinstance(line, dict):
                yield line

    def replace(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Replace all lines by these. Raises PawnzeroError if they cannot be written; the file is then unchanged."""
        with replacing(self.path) as stream:
            stream.writelines(map(_encoded, lines))

    def remove(self) -> None:
        """Delete the file, if it exists."""
        if self.path.exists():
            self.path.unlink()


def _encoded(line: Mapping[str, Any]) -> bytes:
    return json.dumps(line).encode() + b"\n"
