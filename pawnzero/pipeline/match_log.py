"""experiments/arena.csv: one row for each promotion match of an agent."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path
from typing import Any, Dict, Mapping, Optional

from pawnzero.errors import PawnzeroError
from pawnzero.files import set_aside, text_bytes
from pawnzero.progress import Progress

UNTRAINED = "untrained net"
"""The opponent if there is no best net; the latest net is then promoted whatever the score."""

COLUMNS = (
    "time",
    "iteration",
    "step",
    "opponent",
    "games",
    "wins",
    "draws",
    "losses",
    "score",
    "score_low",
    "score_high",
    "elo",
    "elo_low",
    "elo_high",
    "los",
    "pairs",
    "distinct_games",
    "adjudicated",
    "forfeits",
    "mean_plies",
    "simulations",
    "seed",
    "threshold",
    "promoted",
    "promotion",
    "sprt_elo0",
    "sprt_elo1",
    "sprt_llr",
    "sprt_decision",
    "white_wins",
    "white_draws",
    "white_losses",
    "black_wins",
    "black_draws",
    "black_losses",
    "distinct_openings",
    "endings",
    "sprt_elo",
    "sprt_elo_low",
    "sprt_elo_high",
    "sprt_los",
    "itself",
)
"""Columns of arena.csv.

`pairs` are the pentanomial counts (see `MatchResult`), separated by spaces; `endings` looks like "checkmate: 7; stalemate: 1".
Undefined values are empty, among them, depending on `promotion`, the threshold or the columns of the SPRT. `elo` and `los` take
the games as they are; `sprt_elo` and `sprt_los` allow for the test having ended the match. `itself`: whether the latest net
already was the best one.
"""


def has_row(table: Path, report: Mapping[str, Any]) -> bool:
    """Whether a match is in the table. An incomplete last line, which `append_row` will remove, does not count."""
    rows = table.read_bytes() if table.exists() else b""
    return f"{report['time']},{report['iteration']},".encode() in rows[: rows.rfind(b"\n") + 1]


def cells(report: Mapping[str, Any]) -> Dict[str, Any]:
    """A match's report by column name, nested values included."""
    colours = {f"{side}_{what}": count for side, one in report["by_colour"].items() for what, count in one.items()}
    test = {f"sprt_{name}": value for name, value in (report.get("sprt") or {}).items()}
    return {**report, **colours, **test, "endings": "; ".join(f"{name}: {count}" for name, count in report["endings"].items())}


def append_row(path: Path, values: Mapping[str, Any], progress: Optional[Progress] = None) -> None:
    """Append a row of COLUMNS to the table, preceded by the header if the file is new.

    An incomplete last line, which a crash may leave, is removed first. A table with another header is renamed, with a note.
    Raises PawnzeroError if the file cannot be written.
    """
    try:
        before = path.read_bytes() if path.exists() else b""
        whole = before[: before.rfind(b"\n") + 1]
        # Also accepts the header as a spreadsheet saves it (BOM, CRLF).
        header = whole.partition(b"\n")[0].decode("utf-8-sig", "replace").rstrip("\r")
        if whole and header != ",".join(COLUMNS):
            aside = set_aside(path)
            before = whole = b""
            if progress is not None:
                progress.note(f"{path}: its header is not this version's; it is now {aside.name}, and a new table begins")
        with open(path, "ab") as handle:
            if len(whole) < len(before):
                handle.truncate(len(whole))
            text = io.StringIO()
            writer = csv.DictWriter(text, COLUMNS, restval="", extrasaction="ignore", lineterminator="\n")
            if not whole:
                writer.writeheader()
            writer.writerow({name: _cell(value) for name, value in values.items()})
            handle.write(text_bytes(text.getvalue()))
            handle.flush()
            os.fsync(handle.fileno())
    except OSError as error:
        raise PawnzeroError(f"{path}: cannot be written ({error.strerror})") from None


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6g}"
    return " ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
