"""train.json: whole, short, and true to the state that training goes on from."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import List

import pytest

from pawnzero.errors import PawnzeroError
from pawnzero.train.log import MOST_RECORDS, Record, TrainLog, read_log, thinned
from tests.iterations import Notes


def test_thinning_keeps_the_newer_half_and_the_first() -> None:
    records = [{"step": step} for step in range(1, 2502)]
    kept = [record["step"] for record in thinned(records, most=2000)]
    assert len(kept) <= 2000
    assert kept[:2] == [1, 3]
    assert kept[-1250:] == list(range(1252, 2502))
    assert thinned(records[:50], most=2000) == records[:50]
    assert len(thinned(records, most=10)) <= 10


def test_thinning_leaves_measurements_of_held_out_games_among_the_older_records() -> None:
    records: List[Record] = []
    for step in range(10, 50_001, 10):  # as an iteration of 100 steps logs them: the last record of ten is a measurement
        records.append({"step": step, "loss": 1.0, **({"held_out_policy_loss": 2.0} if step % 100 == 0 else {})})
        records = thinned(records)
    measured = [record["step"] for record in records if "held_out_policy_loss" in record]
    assert len(records) <= MOST_RECORDS
    assert measured[0] == 100
    older = records[: len(records) // 2]
    assert older[-1]["step"] > 25_000
    assert 0.09 < sum("held_out_policy_loss" in record for record in older) / len(older) < 0.11


def test_a_file_is_continued_from_the_saved_step(tmp_path: Path) -> None:
    path = tmp_path / "experiments" / "train.json"
    log = TrainLog(path, step=0)
    for step in (10, 20, 30):
        log.add({"step": step, "loss": 1.0})
    log.close()
    log = TrainLog(path, step=20)  # killed after step 30 was logged, saved at 20
    log.add({"step": 25, "loss": 2.0})
    log.close()
    assert [record["step"] for record in json.loads(path.read_text())] == [10, 20, 25]


def test_figures_that_earlier_versions_wrote_though_they_are_none_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "train.json"
    path.write_text('[{"step": 10, "loss": 1.0, "held_out_loss": NaN, "grad_norm": Infinity, "value_loss": null}]')
    log = TrainLog(path, step=10)
    assert log.records == [{"step": 10, "loss": 1.0}]
    log.close()
    assert json.loads(path.read_text(), parse_constant=pytest.fail) == [{"step": 10, "loss": 1.0}]


def test_no_file_is_written_without_a_path(tmp_path: Path) -> None:
    log = TrainLog(None, step=0)
    log.add({"step": 1})
    log.close()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["{}", "[1]", "[{}]", "[", "", "null", "\0\0"])
def test_a_damaged_file_is_set_aside_and_told(tmp_path: Path, text: str) -> None:
    path, notes = tmp_path / "train.json", Notes()
    path.write_text(text)
    log = TrainLog(path, 0, notes)
    log.add({"step": 1})
    log.close()
    assert notes.texts == [
        f"{path}: no JSON array of records with a step each; it is train.1.json now, and the log of training begins anew"
    ]
    assert (tmp_path / "train.1.json").read_text() == text
    assert json.loads(path.read_text()) == [{"step": 1}]


def test_a_file_without_records_is_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "train.json"
    path.write_text("[]\n")
    assert read_log(path, 5) == []
    assert path.read_text() == "[]\n"


@pytest.mark.skipif(sys.platform == "win32", reason="a directory cannot be opened there, which is another error")
def test_a_log_that_cannot_be_read_is_not_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "train.json"
    path.mkdir()
    with pytest.raises(PawnzeroError, match=r"train\.json: cannot be read"):
        read_log(path, 10)
    assert path.is_dir()
