"""Where an agent's ladder is kept, and what everybody who reads that file may rely on."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict

from pawnzero.errors import PawnzeroError
from pawnzero.files import read_json

FORMAT = 1
LADDER_FILE = "ladder.json"
"""In the agent's experiments."""


def read_ladder(path: Path) -> Dict[str, Any]:
    """What a ladder's file holds: of this version and with a list of players; nothing else of it has been looked at.

    Raises PawnzeroError where it cannot be read or is no such file.
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
    raise PawnzeroError(f"{path}: no ladder of this version ({problem})")
