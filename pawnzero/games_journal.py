"""What is kept of an unfinished self-play stage, so that one that was killed goes on with true figures."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Dict, Iterator, Mapping, Optional, Set, Type

from pawnzero.errors import PawnzeroError


class GamesJournal:
    """A file with a JSON object a line, only ever added to; each line is with the system when `add` returns.

    A game's line is written before the game goes into the replay buffer: a game that is there has its line here. A line cut
    short by a kill is passed over.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stream: Optional[IO[bytes]] = None

    def __enter__(self) -> GamesJournal:
        """Open for adding. Raises PawnzeroError where it cannot be written."""
        try:
            self._stream = open(self._path, "ab")
            if self._stream.tell():
                self._stream.write(b"\n")  # what was cut short ends here
        except OSError as error:
            raise PawnzeroError(f"{self._path}: cannot be written ({error.strerror})") from None
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], traceback: Optional[TracebackType]
    ) -> None:
        assert self._stream is not None
        try:
            self._stream.close()
        except OSError as closing:
            if error is None:  # else it says why the last line could not be written
                raise PawnzeroError(f"{self._path}: cannot be written ({closing.strerror})") from None

    def add(self, line: Mapping[str, Any]) -> None:
        """Add a line. Raises PawnzeroError where it cannot be written."""
        assert self._stream is not None, "opened for adding"
        try:
            self._stream.write(json.dumps(line).encode() + b"\n")
            self._stream.flush()
        except OSError as error:
            raise PawnzeroError(f"{self._path}: cannot be written ({error.strerror})") from None

    def lines(self) -> Iterator[Dict[str, Any]]:
        """The whole lines, oldest first; none where there is no file."""
        if not self._path.exists():
            return
        for text in self._path.read_bytes().splitlines():
            try:
                line = json.loads(text)
            except ValueError:
                continue
            if isinstance(line, dict):
                yield line

    def games(self) -> Set[int]:
        """Ids of the games that have a line."""
        return {line["game_id"] for line in self.lines() if isinstance(line.get("game_id"), int)}

    def remove(self) -> None:
        """Forget everything, if there is anything."""
        if self._path.exists():
            self._path.unlink()
