"""Numbered checkpoints of a folder, and the check that latest.pt is not missing beside them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import List, Tuple

from pawnzero.errors import PawnzeroError

_NAME = re.compile(r"ckpt_(\d{6,})\.pt")


def numbered_path(folder: Path, step: int) -> Path:
    """The path of the checkpoint of a step: ckpt_000100.pt."""
    return folder / f"ckpt_{step:06d}.pt"


def numbered_checkpoints(folder: Path) -> List[Tuple[int, Path]]:
    """(step, path) of all numbered checkpoints in `folder`, by step."""
    matches = ((_NAME.fullmatch(path.name), path) for path in folder.iterdir())
    return sorted((int(match.group(1)), path) for match, path in matches if match)


def numbered_by_writing(folder: Path) -> List[Tuple[int, Path]]:
    """(step, path) of all numbered checkpoints, the last written at the end.

    Later steps may be older files, of a run that was abandoned when latest.pt was replaced by an older checkpoint.
    """
    return sorted(numbered_checkpoints(folder), key=lambda one: (one[1].stat().st_mtime_ns, one[0]))


def check_latest(folder: Path, trained: bool = False) -> None:
    """Raise PawnzeroError if latest.pt has been lost: training would start over, and delete the remaining checkpoints.

    trained: whether latest.pt is known to have existed. If not, a single numbered checkpoint without a best.pt is accepted,
    since a process may have been killed between writing it and its first latest.pt.
    """
    latest, best = folder / "latest.pt", folder / "best.pt"
    if latest.exists():
        return
    numbered = numbered_by_writing(folder) if folder.is_dir() else []
    if len(numbered) > 1 or (numbered and (trained or best.exists())):
        step, newest = numbered[-1]
        raise PawnzeroError(f"{latest} is missing; copy {newest.name} to latest.pt to go on from step {step}")
    if best.exists():
        raise PawnzeroError(f"{latest} is missing; copy best.pt to latest.pt to go on from the promoted net")
    if trained:
        raise PawnzeroError(f"{latest} is missing, and there is no net to go on from; name another directory for a new agent")
