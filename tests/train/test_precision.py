"""float16 with a scaled loss, which only older cards need, tried on the CPU: overflowed steps move nothing and are counted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, NamedTuple

import pytest
import torch
from random_games import CONFIG, fill

from pawnzero.nets import precision as inference_precision
from pawnzero.nets.checkpoint import load_checkpoint
from pawnzero.train import TrainReport, loop, train
from pawnzero.train import precision as train_precision
from pawnzero.train.precision import TrainPrecision, choose_precision
from pawnzero.train.schedule import averaging_decay
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


def test_the_scale_is_read_when_it_is_saved_and_in_no_other_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To read it is to wait for the device."""
    read = []
    real = torch.amp.GradScaler.state_dict
    monkeypatch.setattr(torch.amp.GradScaler, "state_dict", lambda scaler: read.append(scaler) or real(scaler))
    train_in_float16(tmp_path, 12)
    assert len(read) == 1


def begin_with_scale(monkeypatch: pytest.MonkeyPatch, scaler: Dict[str, Any]) -> None:
    """Training that goes on finds this state of the scaling in its checkpoint."""
    resume = TrainState._resume

    def resume_with(state: TrainState, training: Dict[str, Any]) -> None:
        resume(state, {**training, "scaler": scaler})

    monkeypatch.setattr(TrainState, "_resume", resume_with)


def test_a_step_repeated_for_memory_keeps_the_scale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train_in_float16(tmp_path, 3)
    begin_with_scale(monkeypatch, {**saved(tmp_path)["scaler"], "scale": 2.0**40})
    clip, calls = torch.nn.utils.clip_grad_norm_, [0]

    def short_of_memory(*arguments: Any, **options: Any) -> torch.Tensor:
        calls[0] += 1
        if calls[0] == 2:  # the first step has overflowed and halved the scale
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return clip(*arguments, **options)

    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", short_of_memory)
    report = train_in_float16(tmp_path, 6)
    assert (report.steps_done, report.overflows, report.micro_batch) == (3, 3, 4)
    assert saved(tmp_path)["scaler"]["scale"] == 2.0**37


def test_an_overflowing_step_moves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train_in_float16(tmp_path, 3)
    before = load_checkpoint(tmp_path / "c" / "latest.pt")
    begin_with_scale(monkeypatch, {**saved(tmp_path)["scaler"], "scale": 2.0**40})
    report = train_in_float16(tmp_path, 4)
    after = load_checkpoint(tmp_path / "c" / "latest.pt")
    assert (report.steps_done, report.overflows) == (1, 1)
    assert all(torch.equal(tensor, after.net[name]) for name, tensor in before.net.items())
    # It counts as a step all the same: the schedule moves on, and the average takes the weights as they stand.
    assert after.step == 4
    decay = averaging_decay(4, CONFIG.trainer)
    for name, tensor in before.averaged.items():
        assert torch.allclose(after.averaged[name], decay * tensor + (1 - decay) * after.net[name], atol=1e-7)
    assert [group["lr"] for group in saved(tmp_path)["optimizer"]["param_groups"]] == pytest.approx(
        [CONFIG.trainer.lr * 4 / 5] * 2
    )
    assert {float(moments["step"]) for moments in saved(tmp_path)["optimizer"]["state"].values()} == {3.0}
    assert saved(tmp_path)["scaler"]["scale"] == 2.0**39


class _Card(NamedTuple):
    """What torch says of a card."""

    gcnArchName: str
    name: str = "card"
    total_memory: int = 8 << 30


HALF_IS = {torch.float32: 4.0, torch.bfloat16: 2.0, torch.float16: 1.0}
"""Seconds of a convolution on a card that gains by half precision."""


@pytest.mark.parametrize(
    ("hip", "architecture", "capability", "seconds", "taken", "scales", "said"),
    [
        (None, "", (9, 0), HALF_IS, "bfloat16", False, "2.0 times as fast"),
        (None, "", (8, 0), {**HALF_IS, torch.bfloat16: 3.9}, "float32", False, "bfloat16 convolves only 1.03 times as fast"),
        (None, "", (7, 5), HALF_IS, "float16", True, "4.0 times as fast"),
        (None, "", (6, 1), HALF_IS, "float32", False, "gains nothing"),
        ("5.4", "gfx803", (8, 0), HALF_IS, "float32", False, "gains nothing"),
        ("6.1", "gfx906:sramecc+:xnack-", (9, 0), HALF_IS, "float32", False, "gains nothing"),
        ("6.1", "gfx942:sramecc+", (9, 4), HALF_IS, "float16", True, "4.0 times as fast"),
        ("6.1", "gfx1100", (11, 0), {**HALF_IS, torch.float16: 2.5}, "bfloat16", False, "2.0 times as fast"),
    ],
)
def test_each_kind_of_card_gets_the_format_it_gains_by(  # type: ignore[no-untyped-def]
    monkeypatch, hip, architecture, capability, seconds, taken, scales, said
) -> None:
    monkeypatch.setattr(torch.version, "hip", hip)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: _Card(architecture))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    monkeypatch.setattr(inference_precision, "_convolution_seconds", lambda device, channels, dtype, batch: seconds[dtype])
    inference_precision.fastest_format.cache_clear()
    chosen = choose_precision(torch.device("cuda", 0), 64, use_amp=True, batch=32)
    inference_precision.fastest_format.cache_clear()
    assert (chosen.name, chosen.scales) == (taken, scales)
    assert said in chosen.reason


def test_the_format_is_measured_with_passes_of_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(loop, "choose_precision", choose_precision)
    monkeypatch.setattr(
        train_precision,
        "fastest_format",
        lambda *what: asked.append(what) or (torch.float32, "measured"),  # type: ignore[func-returns-value]
    )
    config = replace(CONFIG, batch_size=40)
    train(fill(tmp_path / "replay.pt"), config, checkpoints=tmp_path / "c", until_step=1, device="cpu", use_amp=True)
    assert asked == [(torch.device("cpu"), 8, 40)]


def test_float32_unless_half_precision_is_asked_for() -> None:
    plain = choose_precision(torch.device("cpu"), 8, use_amp=False, batch=32)
    assert (plain.name, plain.scales, plain.make_scaler(torch.device("cpu"), None)) == ("float32", False, None)
    asked = choose_precision(torch.device("cpu"), 8, use_amp=True, batch=32)
    assert asked.name in ("float32", "bfloat16")
    assert asked.reason != plain.reason
