"""The nets that come with the package, one per game, so that there is an opponent from the start."""

from __future__ import annotations

from pathlib import Path
from typing import List

from pawnzero.errors import UsageError

PREFIX = "shipped:"
_FOLDER = Path(__file__).parent / "data" / "nets"


def shipped_games() -> List[str]:
    """Return the games that a net is shipped for."""
    return sorted(path.stem for path in _FOLDER.glob("*.pt"))


def net_file(spec: str) -> Path:
    """Return the file or directory that a player's name means; for ``shipped:GAME``, the net that came with the package.

    Raises UsageError for a game without a shipped net.
    """
    if not spec.startswith(PREFIX):
        return Path(spec)
    game = spec[len(PREFIX) :]
    if game not in shipped_games():
        raise UsageError(f"player {spec!r}: expected one of {', '.join(PREFIX + name for name in shipped_games())}")
    return _FOLDER / f"{game}.pt"
