"""`pawnzero doctor`: what it prints and how it ends, for machines that are well and that are not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pawnzero.doctor import examination
from pawnzero.doctor.probe import Probe


@pytest.fixture
def healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The self-check's answer of a sound CPU. The real one is asked in tests/doctor/test_probe.py, for some seconds."""
    answer = Probe("cpu", "bfloat16", "convolves 4.0 times as fast as float32", 1024, calls=200)
    monkeypatch.setattr(examination, "probe", lambda device: answer)


@pytest.mark.usefixtures("healthy")
def test_json_has_everything(cli: Any, tmp_path: Path) -> None:
    told = cli("doctor", tmp_path, "--quick", "--device", "cpu", "--json")
    assert told.code == 0
    found = told.json()
    assert found["ok"] is True
    assert set(found) == {"ok", "machine", "findings", "use", "probes", "bench", "suggestions", "config"}
    assert found["bench"] is None
    assert found["use"]["device"] == "cpu"
    assert found["use"]["precision"] == "bfloat16"
    assert found["use"]["reason"] == "convolves 4.0 times as fast as float32"
    assert found["use"]["games_in_flight"] >= 1
    assert found["machine"]["disk"] == str(tmp_path)


@pytest.mark.usefixtures("healthy")
def test_people_are_told_what_is_used_and_suggested(cli: Any, tmp_path: Path) -> None:
    shown = cli("doctor", tmp_path, "--quick", "--device", "cpu").out
    for words in (
        "  precision    bfloat16 (convolves 4.0 times as fast as float32)",
        "  cpu          bfloat16 agrees with a CPU in float32 over 200 calls",
        "  model.channels",
        "  for chess on a CPU, configs/chess_small.json is a measured recipe",
        "All is well.",
    ):
        assert words in shown
    config = json.loads(shown.partition("as a settings file (--config): ")[2].splitlines()[0])
    assert config["model"]["channels"] in (32, 64, 128)


def test_wrong_numbers_are_exit_1(cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examination, "probe", lambda device: Probe(device, fault="a policy logit is off by 3"))
    told = cli("doctor", tmp_path, "--device", "cpu", "--json")
    assert told.code == 1
    found = told.json()
    assert found["ok"] is False
    assert found["bench"] is None
    assert found["findings"][0]["level"] == "wrong"
    assert "cpu cannot be trusted: a policy logit is off by 3" in found["findings"][0]["what"]
    assert "WRONG: a policy logit is off by 3" in cli("doctor", tmp_path, "--device", "cpu").out


def test_a_full_memory_is_no_wrong_number(cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examination, "probe", lambda device: Probe(device, fault="its memory is full", full=True))
    told = cli("doctor", tmp_path, "--device", "cpu")
    assert told.code == 1
    assert "  cpu          not checked: its memory is full" in told.out
    assert "cpu could not be checked: its memory is full" in told.out
    assert "close other programs that use it" in told.out
    assert "trusted" not in told.out


@pytest.mark.slow
def test_the_whole_examination(cli: Any, tmp_path: Path) -> None:
    found = cli("doctor", tmp_path, "--device", "cpu", "--json").json()
    assert found["ok"] is True
    for name in ("perft_nps", "search_nps", "net_evals_per_second", "selfplay_nodes_per_second"):
        assert found["bench"][name] > 0
    assert "as measured" in found["suggestions"][0]["why"]
