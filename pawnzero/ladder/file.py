"""The name of a ladder's file, and the checks that all its readers share."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict

from pawnzero.errors import PawnzeroError
from pawnzero.files import read_json

FORMAT = 1
LADDER_FILE = "ladder.json"
"""Name of the file in the agent's experiments directory."""


def read_ladder(path: Path) -> Dict[str, Any]:
    """The contents of a ladder's file. Only its format version, and that it has a list of players, are checked.

    Raises PawnzeroError if the file cannot be read or fails these checks.
    """
    ladder = read_json(path)
    if not isinstance(ladder, dict):
        problem = "expected a JSON object"
    elif ladder.get("format") != FORMAT:
        problem = f"format {ladder.get('format')!r}, expected {FORMAT}"
    elif not isinstance(ladder.get("players"), list):
        problem = "expected a list of players"
    else:
        return ladder
    raise PawnzeroError(f"{path}: not a ladder of this version ({problem})")
