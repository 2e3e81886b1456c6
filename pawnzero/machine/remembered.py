"""Results measured on this machine, saved in the cache folder so that they need not be measured again.

A result is stored under a key that names everything it depends on. The files may be deleted at any time; the results are then
measured again.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any, Dict

from pawnzero.errors import PawnzeroError
from pawnzero.files import read_json, write_json
from pawnzero.native import cache_home


class Remembered:
    """The results of one kind, in the file `name`.json of the cache folder."""

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def path(self) -> Path:
        """The file; it need not exist."""
        return cache_home() / f"{self._name}.json"

    def recall(self, key: str) -> Any:
        """Return what was kept under `key`; None if there is nothing or the file cannot be read."""
        return self._all().get(key)

    def keep(self, key: str, answer: Any) -> None:
        """Save `answer`, a JSON value. If the file cannot be written, nothing is saved and no error is raised."""
        with suppress(PawnzeroError, OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_json(self.path, {**self._all(), key: answer})

    def _all(self) -> Dict[str, Any]:
        try:
            known = read_json(self.path)
        except PawnzeroError:
            return {}
        return known if isinstance(known, dict) else {}
