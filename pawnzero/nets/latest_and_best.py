"""Load the nets kept in a folder of checkpoints, latest.pt and best.pt, and suggest a remedy if one cannot be read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Callable, Optional

from pawnzero.config import ModelConfig
from pawnzero.errors import PawnzeroError
from pawnzero.files.numbered import numbered_by_writing
from pawnzero.nets.checkpoint import Checkpoint, load_checkpoint


def load_latest(folder: Path, game: str, model: ModelConfig) -> Optional[Checkpoint]:
    """Load latest.pt; None if it does not exist.

    Raises PawnzeroError if it is damaged (with a suggestion what to do) or of another game or shape.
    """
    return _load(folder / "latest.pt", game, model, _instead_of_latest)


def load_best(folder: Path, game: str, model: ModelConfig) -> Optional[Checkpoint]:
    """Load best.pt, like `load_latest`."""
    return _load(folder / "best.pt", game, model, _instead_of_best)


def _load(path: Path, game: str, model: ModelConfig, instead: Callable[[Path], str]) -> Optional[Checkpoint]:
    try:
        return load_checkpoint(path, game=game, model=model) if path.exists() else None
    except PawnzeroError as error:
        raise PawnzeroError(f"{error}; {instead(path.parent)}" if _is_damaged(path) else str(error)) from None


def _instead_of_latest(folder: Path) -> str:
    numbered = _newest_whole(folder)
    if numbered is not None:
        return f"copy {numbered.name} over it to go on from step {load_checkpoint(numbered).step}"
    best = folder / "best.pt"
    if best.exists() and not _is_damaged(best):
        return "copy best.pt over it to go on from the promoted net"
    return "there is no other net to go on from"


def _instead_of_best(folder: Path) -> str:
    numbered = _newest_whole(folder)
    copied = "" if numbered is None else f", or copy a numbered checkpoint such as {numbered.name} over it"
    return f"remove it, and the latest net becomes the best one after its next match{copied}"


def _newest_whole(folder: Path) -> Optional[Path]:
    """The most recently written of the numbered checkpoints that can be read."""
    return next((path for _, path in reversed(numbered_by_writing(folder)) if not _is_damaged(path)), None)


def _is_damaged(path: Path) -> bool:
    """Whether the file can be read from disk, but not as a checkpoint of any net."""
    try:
        load_checkpoint(path)
    except PawnzeroError:
        return os.access(str(path), os.R_OK)
    return False
