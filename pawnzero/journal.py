"""Files with a JSON object a line that only ever grow: what is in them survives whoever wrote it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Dict, Iterator, Mapping, Optional, Type

from pawnzero.errors import PawnzeroError
from pawnzero.files import reading


class Journal:
    """A file with a JSON object a line, only ever added to.

    A line is with the system when `add` returns, and on the disk once the block ends. One cut short by a kill is passed over.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stream: Optional[IO[bytes]] = None

    def __enter__(self) -> Journal:
        """Open for adding. Raises PawnzeroError where it cannot be written."""
        try:
            self._stream = open(self.path, "a+b")
            if self._stream.tell():
                self._stream.seek(-1, os.SEEK_END)
                if self._stream.read(1) != b"\n":
                    self._stream.write(b"\n")  # what was cut short ends here
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
            if error is None:  # else it says why the last line could not be written
                raise PawnzeroError(f"{self.path}: cannot be written ({closing.strerror})") from None

    def add(self, line: Mapping[str, Any]) -> None:
        """Add a line. Raises PawnzeroError where it cannot be written."""
        assert self._stream is not None, "opened for adding"
        try:
            self._stream.write(json.dumps(line).encode() + b"\n")
            self._stream.flush()
        except OSError as error:
            raise PawnzeroError(f"{self.path}: cannot be written ({error.strerror})") from None

    def lines(self) -> Iterator[Dict[str, Any]]:
        """The whole lines, oldest first; none where there is no file. Raises PawnzeroError where it cannot be read."""
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

    def remove(self) -> None:
        """Forget everything, if there is anything."""
        if self.path.exists():
            self.path.unlink()
