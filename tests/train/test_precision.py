"""float16 with a scaled loss, which only older cards need, tried on the CPU: overflowed steps move nothing and are counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict

import pytest
import torch
from random_games import CONFIG, fill

from pawnzero.nets.checkpoint import load_checkpoint
from pawnzero.train import TrainReport, loop, train
from pawnzero.train.precision import TrainPrecision, choose_precision
from pawnzero.train.state import TrainState

pytestmark = pytest.mark.skipif(not hasattr(torch.amp, "GradScaler"), reason="this torch scales losses on CUDA only")


def train_in_float16(tmp_path: Path, until_step: int) -> TrainReport:
    buffer = fill(tmp_path / "replay.pt", games=30 if not (tmp_path / "replay.pt").exists() else 0)
    return train(buffer, CONFIG, checkpoints=tmp_path / "c", until_step=until_step, device="cpu", use_amp=True)


def saved(tmp_path: Path) -> Dict[str, Any]:
    training = load_checkpoint(tmp_path / "c" / "latest.pt").training
    assert training is not None
    return training


@pytest.fixture(autouse=True)
def _float16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "choose_precision", lambda *_: TrainPrecision(torch.float16, "for the test"))


def test_steps_count_and_the_scale_is_saved(tmp_path: Path) -> None:
    report = train_in_float16(tmp_path, 12)
    assert (report.precision, report.overflows) == ("float16", 0)
    assert report.loss is not None
    assert saved(tmp_path)["scaler"]["scale"] == 65536.0
    assert saved(tmp_path)["scaler"]["_growth_tracker"] == 12


def test_an_overflowing_step_moves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train_in_float16(tmp_path, 3)
    before = load_checkpoint(tmp_path / "c" / "latest.pt")
    scaler = {**saved(tmp_path)["scaler"], "scale": 2.0**40}
    resume = TrainState._resume

    def resume_with_a_huge_scale(state: TrainState, training: Dict[str, Any]) -> None:
        resume(state, {**training, "scaler": scaler})

    monkeypatch.setattr(TrainState, "_resume", resume_with_a_huge_scale)
    report = train_in_float16(tmp_path, 4)
    after = load_checkpoint(tmp_path / "c" / "latest.pt")
    assert (report.steps_done, report.overflows) == (1, 1)
    assert all(torch.equal(tensor, after.net[name]) for name, tensor in before.net.items())
    assert saved(tmp_path)["scaler"]["scale"] == 2.0**39


def test_float32_unless_half_precision_is_asked_for() -> None:
    plain = choose_precision(torch.device("cpu"), 8, use_amp=False)
    assert (plain.name, plain.scales, plain.make_scaler(torch.device("cpu"), None)) == ("float32", False, None)
    asked = choose_precision(torch.device("cpu"), 8, use_amp=True)
    assert asked.name in ("float32", "bfloat16")
    assert asked.reason != plain.reason
