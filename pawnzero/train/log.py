"""The log of a training run: `train.json`, a JSON array of bounded length, and TensorBoard where it is installed."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any, Dict, List, Optional

from pawnzero.files import reading, set_aside, write_json
from pawnzero.progress import Progress

MOST_RECORDS = 2000
_SECONDS_BETWEEN_WRITES = 5.0

Record = Dict[str, Any]


def thinned(records: List[Record], most: int = MOST_RECORDS) -> List[Record]:
    """Thin records to at most `most` (5 or more): drop every second one of the older half, repeatedly. The first always stays.

    Records with held-out figures are thinned separately: they come at regular intervals, so that dropping every second record
    could remove all of them at once.
    """
    while len(records) > most:
        half = len(records) // 2
        seen = {True: 0, False: 0}
        kept = []
        for record in records[:half]:
            measured = any(name.startswith("held_out_") for name in record)
            if seen[measured] % 2 == 0:
                kept.append(record)
            seen[measured] += 1
        records = kept + records[half:]
    return records


class TrainLog:
    """Records of a run in a file, continued from `step` (see `read_log`).

    Raises PawnzeroError if the directory cannot be written.
    """

    def __init__(self, path: Optional[Path], step: int, progress: Optional[Progress] = None) -> None:
        self._path = path
        self._written = time.monotonic()
        self.records: List[Record] = []
        """Oldest first, thinned."""
        self._board: Any = None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.records = read_log(path, step, progress)
            self._board = _open_tensorboard(path.parent / "tensorboard", step)

    def add(self, record: Record) -> None:
        """Add one record; its numbers go to TensorBoard under the same names."""
        self.records.append(record)
        if self._board is not None:
            for name, value in record.items():
                if name != "step" and isinstance(value, (int, float)):
                    self._board.add_scalar(f"train/{name}", value, record["step"])
        if time.monotonic() - self._written > _SECONDS_BETWEEN_WRITES:
            self.write()

    def write(self) -> None:
        """Rewrite the file with all records, thinned."""
        self._written = time.monotonic()
        self.records = thinned(self.records)
        if self._path is not None:
            write_json(self._path, self.records)

    def close(self) -> None:
        """Write the remaining records and close TensorBoard's file."""
        self.write()
        if self._board is not None:
            self._board.close()


def read_log(path: Path, step: int, progress: Optional[Progress] = None) -> List[Record]:
    """The records in a file up to `step`: what a killed run wrote beyond its last saved state is dropped.

    Empty if there is no file. A file that holds anything else is set aside, which one line says: training does not need it.
    Raises PawnzeroError if it cannot be read.
    """
    if not path.exists():
        return []
    with reading(path):
        text = path.read_bytes()
    try:
        records = json.loads(text)
    except ValueError:
        records = None
    if isinstance(records, list) and all(isinstance(r, dict) and isinstance(r.get("step"), int) for r in records):
        return [_sound(record) for record in records if record["step"] <= step]
    aside = set_aside(path)
    if progress is not None:
        progress.note(
            f"{path}: no JSON array of records with a step each; it is {aside.name} now, and the log of training begins anew"
        )
    return []


def _sound(record: Record) -> Record:
    """The record without null and non-finite figures, which earlier versions wrote."""
    return {name: value for name, value in record.items() if value is not None and not _ill(value)}


def _ill(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _open_tensorboard(folder: Path, step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder), purge_step=step + 1)
