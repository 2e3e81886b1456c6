"""Which files of a folder are numbered checkpoints, and of which step?"""

from __future__ import annotations

import re
from pathlib import Path
from typing import List, Tuple

_NAME = re.compile(r"ckpt_(\d{6,})\.pt")


def numbered_path(folder: Path, step: int) -> Path:
    """Where the checkpoint of a step lies: ckpt_000100.pt."""
    return folder / f"ckpt_{step:06d}.pt"


def numbered_checkpoints(folder: Path) -> List[Tuple[int, Path]]:
    """(step, path) of all there are, oldest first."""
    matches = ((_NAME.fullmatch(path.name), path) for path in folder.iterdir())
    return sorted((int(match.group(1)), path) for match, path in matches if match)
