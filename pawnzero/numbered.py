"""Which files of a folder are numbered checkpoints, of which step, and is the newest net among them all that is left?"""

from __future__ import annotations

import re
from pathlib import Path
from typing import List, Tuple

from pawnzero.errors import PawnzeroError

_NAME = re.compile(r"ckpt_(\d{6,})\.pt")


def numbered_path(folder: Path, step: int) -> Path:
    """Where the checkpoint of a step lies: ckpt_000100.pt."""
    return folder / f"ckpt_{step:06d}.pt"


def numbered_checkpoints(folder: Path) -> List[Tuple[int, Path]]:
    """(step, path) of all there are, oldest first."""
    matches = ((_NAME.fullmatch(path.name), path) for path in folder.iterdir())
    return sorted((int(match.group(1)), path) for match, path in matches if match)


def numbered_by_writing(folder: Path) -> List[Tuple[int, Path]]:
    """The same, the one that was written last at the end: after going back, later steps are of the run that was given up."""
    return sorted(numbered_checkpoints(folder), key=lambda one: (one[1].stat().st_mtime_ns, one[0]))


def check_latest(folder: Path, trained: bool = False) -> None:
    """Raises PawnzeroError where latest.pt is gone: training would begin anew, and push out what is left.

    trained: it is known that there was one; else a numbered checkpoint alone may be what a killed process wrote first.
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
