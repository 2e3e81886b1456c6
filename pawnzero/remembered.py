"""What was found out on this machine before, so that it need not be found out again: files of answers in the cache folder.

An answer stands under a key that says all it depends on. The files may be deleted at any time; a question is then asked anew.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any, Dict

from pawnzero.errors import PawnzeroError
from pawnzero.files import read_json, write_json
from pawnzero.native import cache_home


class Remembered:
    """The answers to one kind of question, in the file `name`.json of the cache folder."""

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def path(self) -> Path:
        """The file; it need not be there."""
        return cache_home() / f"{self._name}.json"

    def recall(self, key: str) -> Any:
        """What was kept under `key`; None where there is nothing, or the file cannot be read."""
        return self._all().get(key)

    def keep(self, key: str, answer: Any) -> None:
        """Keep `answer`, a value JSON can hold. A file that cannot be written costs the question again, nothing else."""
        with suppress(PawnzeroError, OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_json(self.path, {**self._all(), key: answer})

    def _all(self) -> Dict[str, Any]:
        try:
            known = read_json(self.path)
        except PawnzeroError:
            return {}
        return known if isinstance(known, dict) else {}
