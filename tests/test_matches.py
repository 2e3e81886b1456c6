"""The table of an agent's matches, whatever has become of its file."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import List

import pytest

from pawnzero.matches import COLUMNS, append_row
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


def test_a_torn_header_is_written_again_and_another_header_kept(tmp_path: Path) -> None:
    path = tmp_path / "arena.csv"
    path.write_bytes(b"time,itera")
    append_row(path, {"step": 1})
    assert path.read_text().startswith(",".join(COLUMNS) + "\n")
    path.write_text("score,step\n0.25,1\n")
    append_row(path, {"step": 2, "score": 0.5, "games": 4})
    assert path.read_text() == "score,step\n0.25,1\n0.5,2\n"


@pytest.mark.parametrize("junk", [b"\n1,2,3\n", b"\0\0\0\n", b"2026,3,7,0.5\nstep,score\n", b"\r\n"])
def test_a_table_without_a_header_is_set_aside(tmp_path: Path, junk: bytes) -> None:
    told: List[str] = []

    class Noting(Progress):
        def note(self, text: str) -> None:
            told.append(text)

    path = tmp_path / "arena.csv"
    for name in ("arena.damaged.csv", "arena.damaged.2.csv"):
        path.write_bytes(junk)
        append_row(path, {"step": 1}, Noting())
        append_row(path, {"step": 2}, Noting())
        assert (tmp_path / name).read_bytes() == junk
        assert told.pop() == f"{path}: its first line names no column of ours; it is {name} now, and a new table begins"
        assert told == []
        with open(path, newline="") as stream:
            assert [row["step"] for row in csv.DictReader(stream)] == ["1", "2"]


def test_a_table_that_a_spreadsheet_has_saved_is_added_to(tmp_path: Path) -> None:
    path = tmp_path / "arena.csv"
    before = b"\xef\xbb\xbfstep,opponent\r\n1,caf\xe9\r\n"
    path.write_bytes(before)
    append_row(path, {"step": 2, "opponent": "é"})
    assert path.read_bytes() == before + "2,é\n".encode()


def test_a_table_of_an_earlier_version_gets_the_columns_that_came_since(tmp_path: Path) -> None:
    path, before = tmp_path / "arena.csv", COLUMNS[:6]
    path.write_text(",".join(before) + "\n1,2,3,4,5,6\n7,8,9,10,11,12\ntorn,")
    append_row(path, {"step": 5, "itself": True})
    with open(path, newline="") as stream:
        first, second, added = csv.DictReader(stream)
    assert list(first) == list(COLUMNS)
    assert [first[name] for name in before] == ["1", "2", "3", "4", "5", "6"]
    assert {second[name] for name in COLUMNS[6:]} == {""}
    assert (added["step"], added["itself"], added["time"]) == ("5", "true", "")
    whole = path.read_text()
    append_row(path, {"step": 6})
    assert path.read_text().startswith(whole)
