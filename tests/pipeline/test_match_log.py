"""The table of an agent's matches, whatever has become of its file."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import List

import pytest

from pawnzero.pipeline.match_log import COLUMNS, append_row
from pawnzero.progress import Progress


def test_a_torn_last_row_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "arena.csv"
    append_row(path, {"step": 1, "score": 0.5, "promoted": False, "elo": None})
    whole = path.read_bytes()
    path.write_bytes(whole + b"2026,3,torn")
    append_row(path, {"step": 2, "pairs": [0, 1, 2, 3, 4], "opponent": "a, b"})
    with open(path, newline="") as stream:
        first, second = csv.DictReader(stream)
    assert (first["step"], first["score"], first["promoted"], first["elo"]) == ("1", "0.5", "false", "")
    assert (second["step"], second["pairs"], second["opponent"]) == ("2", "0 1 2 3 4", "a, b")
    assert path.read_bytes().startswith(whole)


def test_a_torn_header_is_written_again(tmp_path: Path) -> None:
    path = tmp_path / "arena.csv"
    path.write_bytes(b"time,itera")
    append_row(path, {"step": 1})
    assert path.read_text().startswith(",".join(COLUMNS) + "\n")


@pytest.mark.parametrize("other", [b"\n1,2,3\n", b"\0\0\0\n", b"score,step\n0.25,1\n", ",".join(COLUMNS[:6]).encode() + b"\n"])
def test_a_table_with_another_header_is_set_aside(tmp_path: Path, other: bytes) -> None:
    told: List[str] = []

    class Noting(Progress):
        def note(self, text: str) -> None:
            told.append(text)

    path = tmp_path / "arena.csv"
    for name in ("arena.1.csv", "arena.2.csv"):
        path.write_bytes(other)
        append_row(path, {"step": 1}, Noting())
        append_row(path, {"step": 2}, Noting())
        assert (tmp_path / name).read_bytes() == other
        assert told.pop() == f"{path}: its header is not this version's; it is now {name}, and a new table begins"
        assert told == []
        with open(path, newline="") as stream:
            assert [row["step"] for row in csv.DictReader(stream)] == ["1", "2"]


def test_a_table_that_a_spreadsheet_has_saved_is_added_to(tmp_path: Path) -> None:
    path = tmp_path / "arena.csv"
    before = b"\xef\xbb\xbf" + ",".join(COLUMNS).encode() + b"\r\n,,1,caf\xe9" + b"," * (len(COLUMNS) - 4) + b"\r\n"
    path.write_bytes(before)
    append_row(path, {"step": 2, "opponent": "é"})
    assert path.read_bytes() == before + f",,2,é{',' * (len(COLUMNS) - 4)}\n".encode()
