"""Training as a whole, on tic-tac-toe: it learns, saves, stops and goes on, and says what is wrong."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List

import pytest
import torch
from hearing import Heard
from random_games import CONFIG, configure, fill
from saved import asked_at_the_last_save, assert_same_gradient, assert_same_state, gradients, weights

from pawnzero.config import ModelConfig
from pawnzero.errors import PawnzeroError, UsageError
from pawnzero.nets import make_model
from pawnzero.nets.checkpoint import load_checkpoint
from pawnzero.replay import ReplayBuffer
from pawnzero.replay.ring import HEADER_BYTES
from pawnzero.train import loop, train
from pawnzero.train.memory import allocate_moments
from pawnzero.train.state import TrainState


def settings_of_optimizer(folder: Path, name: str) -> List[float]:
    """What the optimizer's two groups (weights, biases) last used."""
    training = load_checkpoint(folder / "latest.pt").training
    assert training is not None
    return [group[name] for group in training["optimizer"]["param_groups"]]


def losses(folder: Path) -> Dict[int, float]:
    return {record["step"]: record["loss"] for record in json.loads((folder / "train.json").read_text())}


def test_it_learns_and_leaves_what_it_promises(tmp_path: Path, buffer: ReplayBuffer) -> None:
    log = tmp_path / "train.json"
    report = train(buffer, CONFIG, checkpoints=tmp_path / "new", until_step=60, device="cpu", log=log, save_every=20)
    records = json.loads(log.read_text())
    assert [record["step"] for record in records] == [10, 20, 30, 40, 50, 60]
    assert [record["epoch"] for record in records] == [1, 2, 3, 4, 5, 6]
    assert records[-1]["loss"] < records[0]["loss"] - 0.1
    assert records[0]["lr"] == CONFIG.trainer.lr
    assert settings_of_optimizer(tmp_path / "new", "lr") == [CONFIG.trainer.lr] * 2
    for record in records:
        assert record["policy_kl"] == pytest.approx(record["policy_loss"] - record["target_entropy"], abs=1e-6)
        assert record["grad_norm"] > 0
        assert record["weight_norm"] > 0
        assert 0 <= record["replay_age"] < len(buffer)
        assert 0 <= record["value_calibration"] < 0.5
        assert 0 < record["predicted_score"] < 1
        assert 0 <= record["observed_score"] <= 1
    assert sum("held_out_loss" in record for record in records) == 3
    measured = {name for name in records[-1] if name.startswith("held_out_")}
    of_steps = {"step", "epoch", "time", "lr", "grad_norm", "weight_norm", "replay_age", "overflows", "samples_per_second"}
    assert {f"held_out_{name}" for name in records[0] if name not in of_steps} == measured
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        "ckpt_000020.pt",
        "ckpt_000040.pt",
        "ckpt_000060.pt",
        "latest.pt",
    ]
    assert (report.step, report.steps_done, report.epoch, report.samples) == (60, 60, 6, 960)
    assert report.value_loss == pytest.approx(sum(record["value_loss"] for record in records) / 6, rel=1e-5)
    assert report.last_loss == pytest.approx(records[-1]["loss"], rel=1e-5)
    assert report.checkpoint == str(tmp_path / "new" / "ckpt_000060.pt")
    assert report.held_out_value_loss is not None
    assert json.loads(json.dumps(report.to_json()))["device"] == "cpu"
    raw, averaged = weights(tmp_path / "new"), weights(tmp_path / "new", averaged=True)
    assert all(torch.isfinite(tensor).all() for tensor in averaged.values())
    assert any(not torch.equal(raw[name], averaged[name]) for name in raw)


def test_the_report_s_losses_are_means_over_all_steps(tmp_path: Path, buffer: ReplayBuffer) -> None:
    log = tmp_path / "train.json"
    report = train(buffer, CONFIG, checkpoints=tmp_path / "new", until_step=13, device="cpu", log=log)
    early, late = json.loads(log.read_text())
    assert report.value_loss == pytest.approx((10 * early["value_loss"] + 3 * late["value_loss"]) / 13, rel=1e-5)
    assert min(early["loss"], late["loss"]) < report.loss < max(early["loss"], late["loss"])
    assert report.last_loss == pytest.approx(late["loss"], rel=1e-5)


def test_numbered_checkpoints_are_pruned_but_never_the_newest_written(tmp_path: Path, buffer: ReplayBuffer) -> None:
    folder = tmp_path / "c"
    train(buffer, CONFIG, checkpoints=folder, until_step=1, device="cpu")
    for step in (900, 800, 700):
        (folder / f"ckpt_{step:06d}.pt").write_bytes(b"of an earlier run")
    train(buffer, CONFIG, checkpoints=folder, until_step=4, device="cpu", save_every=1)
    assert sorted(path.name for path in folder.glob("ckpt_*")) == ["ckpt_000002.pt", "ckpt_000003.pt", "ckpt_000004.pt"]


def test_of_a_run_that_was_given_up_checkpoints_go_as_the_new_one_needs_their_places(
    tmp_path: Path, buffer: ReplayBuffer
) -> None:
    folder = tmp_path / "c"
    train(buffer, CONFIG, checkpoints=folder, until_step=4, device="cpu", save_every=2)
    shutil.copy(folder / "ckpt_000002.pt", folder / "latest.pt")
    for step in (800, 900):
        (folder / f"ckpt_{step:06d}.pt").write_bytes(b"of the run that was given up")
    (folder / "ckpt_000004.pt").unlink()
    left = []
    for step in (3, 5, 6, 7):
        train(buffer, CONFIG, checkpoints=folder, until_step=step, device="cpu")
        left.append([int(path.stem[5:]) for path in sorted(folder.glob("ckpt_*"))])
    assert left == [[2, 3, 900], [2, 3, 5], [3, 5, 6], [5, 6, 7]]


def test_where_steps_take_long_latest_is_saved_between_and_nothing_else_changes(
    tmp_path: Path, buffer: ReplayBuffer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(folder: Path, **options: Any) -> None:
        train(buffer, CONFIG, checkpoints=folder, until_step=45, device="cpu", log=folder / "train.json", **options)

    def records(folder: Path) -> List[Dict[str, Any]]:
        timeless = json.loads((folder / "train.json").read_text())
        return [{k: v for k, v in record.items() if k not in ("time", "samples_per_second")} for record in timeless]

    def fail() -> None:
        raise MemoryError

    seldom, often = tmp_path / "seldom", tmp_path / "often"
    run(seldom)
    monkeypatch.setattr(loop, "SAVE_SECONDS", 0.0)
    with pytest.raises(MemoryError):
        run(often, progress=Heard(after=27, action=fail))
    assert load_checkpoint(often / "latest.pt").step == 20
    assert not list(often.glob("ckpt_*"))
    run(often)
    assert_same_state(seldom, often)
    assert [path.name for path in often.glob("ckpt_*")] == ["ckpt_000045.pt"]
    assert records(often) == records(seldom)


@pytest.mark.parametrize(("batch_size", "accumulate"), [(4, 4), (16, 1), (5, 2)])
def test_the_gradient_is_that_of_the_effective_batch(
    tmp_path: Path, buffer: ReplayBuffer, batch_size: int, accumulate: int
) -> None:
    one = replace(CONFIG, batch_size=batch_size * accumulate, grad_accum_steps=1)
    parts = replace(CONFIG, batch_size=batch_size, grad_accum_steps=accumulate)
    for name, config in (("one", one), ("parts", parts)):
        folder = tmp_path / name
        report = train(buffer, config, checkpoints=folder, until_step=1, device="cpu", log=folder / "train.json")
        assert report.samples == batch_size * accumulate
    assert_same_gradient(tmp_path / "one", tmp_path / "parts")
    assert losses(tmp_path / "one")[1] == pytest.approx(losses(tmp_path / "parts")[1], rel=1e-6)


@pytest.mark.parametrize("shape", [CONFIG.model, ModelConfig(channels=8, blocks=1, se_ratio=0)])
def test_stopping_and_going_on_changes_nothing(tmp_path: Path, buffer: ReplayBuffer, shape: ModelConfig) -> None:
    whole, parts, config = tmp_path / "whole", tmp_path / "parts", replace(CONFIG, model=shape)
    train(buffer, config, checkpoints=whole, until_step=30, device="cpu", log=whole / "train.json")
    stop = Heard(after=13, action=lambda: os.kill(os.getpid(), signal.SIGTERM))
    first = train(buffer, config, checkpoints=parts, until_step=30, device="cpu", log=parts / "train.json", progress=stop)
    assert first.interrupted
    assert first.step == 14  # the step in hand is finished
    assert load_checkpoint(parts / "latest.pt").step == 14
    assert (parts / "ckpt_000014.pt").exists()
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    second = train(buffer, config, checkpoints=parts, until_step=30, device="cpu", log=parts / "train.json")
    assert (second.step, second.steps_done, second.interrupted) == (30, 16, False)
    assert [(part.stage_steps, part.stage_samples) for part in (first, second)] == [(14, 14 * 16), (30, 30 * 16)]
    assert load_checkpoint(parts / "latest.pt").model == shape
    assert_same_state(whole, parts)
    assert losses(whole)[30] == losses(parts)[30]
    assert sorted(losses(parts)) == [10, 14, 20, 30]


def test_with_several_threads_too(tmp_path: Path, buffer: ReplayBuffer) -> None:
    """The other tests have one (conftest.py)."""
    torch.set_num_threads(2)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train(buffer, CONFIG, checkpoints=whole, until_step=4, device="cpu")
    for until_step in (2, 4):
        train(buffer, CONFIG, checkpoints=parts, until_step=until_step, device="cpu")
    assert torch.get_num_threads() == 2
    assert_same_state(whole, parts)


def test_the_fused_update_s_counts_are_resumed_on_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where `load_state_dict` leaves them on the CPU, as in torch 2.0; "meta" stands for a card."""

    def fused(device: str) -> TrainState:
        state = TrainState(make_model("cpu", 8, 1, 4, "tic_tac_toe").to(device), CONFIG.trainer)
        for settings in (state.optimizer.defaults, *state.optimizer.param_groups):
            settings["fused"] = True
        return state

    load = torch.optim.AdamW.load_state_dict

    def load_as_2_0(optimizer: torch.optim.AdamW, saved: Dict[str, Any]) -> None:
        load(optimizer, saved)
        for moments in optimizer.state.values():
            moments["step"] = torch.tensor(3.0)

    before, after = TrainState(make_model("cpu", 8, 1, 4, "tic_tac_toe"), CONFIG.trainer), fused("meta")
    allocate_moments(before.optimizer)
    monkeypatch.setattr(torch.optim.AdamW, "load_state_dict", load_as_2_0)
    after._resume_optimizer(before.optimizer.state_dict())
    assert len(after.optimizer.state) == len(before.optimizer.state) > 10
    for moments in after.optimizer.state.values():
        assert {tensor.device.type for tensor in moments.values()} == {"meta"}


def test_a_signal_during_the_last_save_is_heard(tmp_path: Path, buffer: ReplayBuffer) -> None:
    folder, heard = tmp_path / "c", Heard()
    net = asked_at_the_last_save(heard, 12)
    report = train(buffer, CONFIG, checkpoints=folder, until_step=12, device="cpu", progress=heard, net=net, save_every=4)
    assert (report.interrupted, report.step) == (True, 12)
    assert "interrupted at step 12, the last one; it is saved and training is complete" in heard.notes
    assert load_checkpoint(folder / "latest.pt").step == 12
    again = train(buffer, CONFIG, checkpoints=folder, until_step=12, device="cpu")
    assert (again.interrupted, again.steps_done) == (False, 0)


def test_a_keyboard_interrupt_between_steps_saves(tmp_path: Path, buffer: ReplayBuffer) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    report = train(
        buffer, CONFIG, checkpoints=tmp_path / "c", until_step=30, device="cpu", progress=Heard(after=3, action=interrupt)
    )
    assert (report.interrupted, report.step) == (True, 3)
    assert load_checkpoint(tmp_path / "c" / "latest.pt").step == 3


def test_a_schedule_without_a_horizon_falls_over_the_whole_stage(tmp_path: Path, buffer: ReplayBuffer) -> None:
    config = configure(schedule="cosine", schedule_factor=0.0, warmup_steps=0)
    train(buffer, config, checkpoints=tmp_path, until_step=4, device="cpu", log=tmp_path / "train.json", save_every=1)
    stop = Heard(after=1, action=lambda: os.kill(os.getpid(), signal.SIGTERM))
    for told in (stop, Heard()):
        train(
            buffer,
            config,
            checkpoints=tmp_path,
            until_step=8,
            device="cpu",
            log=tmp_path / "train.json",
            save_every=1,
            progress=told,
        )
    rates = [record["lr"] for record in json.loads((tmp_path / "train.json").read_text())]
    expected = [CONFIG.trainer.lr * (1 + math.cos(math.pi * step / 4)) / 2 for step in range(4)]
    assert rates == pytest.approx(2 * expected, abs=1e-9)


@pytest.mark.parametrize("limit", [0.0, 2.0])
def test_a_gradient_is_cut_to_its_limit_where_there_is_one(tmp_path: Path, buffer: ReplayBuffer, limit: float) -> None:
    log = tmp_path / "train.json"
    train(buffer, configure(grad_clip=limit, value_weight=100.0), checkpoints=tmp_path, until_step=1, device="cpu", log=log)
    (record,) = json.loads(log.read_text())
    assert record["grad_norm"] > 5.0
    applied = 10 * math.sqrt(sum(float((tenth**2).sum()) for tenth in gradients(tmp_path)))
    assert applied == pytest.approx(limit or record["grad_norm"], rel=1e-3)


def test_the_update_meets_no_strides_but_the_weights_own(
    tmp_path: Path, buffer: ReplayBuffer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fused update of torch before 2.5 refuses others, as gradients of 1×1 convolutions have them on ROCm."""
    train(buffer, CONFIG, checkpoints=tmp_path / "plain", until_step=2, device="cpu")
    net, step = make_model("cpu", 8, 1, 4, "tic_tac_toe", CONFIG.seed), torch.optim.AdamW.step
    net.value_planes.weight.register_hook(lambda gradient: gradient.clone(memory_format=torch.contiguous_format))
    strides = []

    def fused_before_2_5(optimizer: torch.optim.AdamW) -> None:
        for group in optimizer.param_groups:
            for weight in group["params"]:
                moments = optimizer.state.get(weight, {})
                others = (weight.grad, moments.get("exp_avg"), moments.get("exp_avg_sq"))
                strides.extend((tensor.stride(), weight.stride()) for tensor in others if tensor is not None)
        step(optimizer)

    monkeypatch.setattr(torch.optim.AdamW, "step", fused_before_2_5)
    for until_step in (1, 2):
        train(buffer, CONFIG, checkpoints=tmp_path / "other", until_step=until_step, device="cpu", net=net)
    assert strides
    assert all(found == own for found, own in strides)
    assert_same_state(tmp_path / "plain", tmp_path / "other")


def test_settings_that_change_between_calls_count(tmp_path: Path, buffer: ReplayBuffer) -> None:
    train(buffer, CONFIG, checkpoints=tmp_path, until_step=2, device="cpu")
    assert settings_of_optimizer(tmp_path, "lr") == pytest.approx([CONFIG.trainer.lr * 2 / 5] * 2)  # of five to warm up
    train(buffer, configure(lr=0.5, wd=0.25, warmup_steps=0), checkpoints=tmp_path, until_step=3, device="cpu")
    assert settings_of_optimizer(tmp_path, "weight_decay") == [0.25, 0.0]
    assert settings_of_optimizer(tmp_path, "lr") == [0.5, 0.5]


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_state(tmp_path: Path, buffer: ReplayBuffer) -> None:
    folder = tmp_path / "c"
    net = make_model("cpu", 8, 1, 4, "tic_tac_toe")

    def poison() -> None:
        with torch.no_grad():
            net.value_out.bias.fill_(float("nan"))

    log = tmp_path / "train.json"
    with pytest.raises(PawnzeroError, match=r"not finite at step 15 \(replay rows \d+, .*16 in all\)"):
        train(
            buffer,
            CONFIG,
            checkpoints=folder,
            until_step=30,
            device="cpu",
            net=net,
            log=log,
            progress=Heard(after=14, action=poison),
            save_every=7,
        )
    assert load_checkpoint(folder / "latest.pt").step == 14
    assert [record["step"] for record in json.loads(log.read_text())] == [7, 10, 14]


def test_weights_that_are_not_finite_are_never_saved(tmp_path: Path, buffer: ReplayBuffer) -> None:
    with pytest.raises(PawnzeroError, match=r"weights or the net.s answers not finite at step 1 .*lr"):
        train(buffer, configure(lr=3e37, warmup_steps=0), checkpoints=tmp_path / "c", until_step=1, device="cpu")
    assert not list((tmp_path / "c").iterdir())


@pytest.mark.parametrize("games", [1, 40])
def test_a_net_whose_answers_are_not_finite_is_never_saved(tmp_path: Path, games: int) -> None:
    """Its weights are, and so are all figures of the step that made them so large. A buffer of one game holds none out."""
    buffer, log = fill(tmp_path / "few.pt", games=games), tmp_path / "train.json"
    train(buffer, CONFIG, checkpoints=tmp_path / "c", until_step=1, device="cpu", log=log)
    before = {path.name: path.read_bytes() for path in (tmp_path / "c").iterdir()}
    sick = configure(lr=1e12, warmup_steps=0)
    with pytest.raises(PawnzeroError, match=r"not finite at step 2 \(replay rows \d+, .*lr"):
        train(buffer, sick, checkpoints=tmp_path / "c", until_step=2, device="cpu", log=log)
    assert {path.name: path.read_bytes() for path in (tmp_path / "c").iterdir()} == before
    assert [record["step"] for record in json.loads(log.read_text())] == [1]


def test_nor_is_it_between_checkpoints(tmp_path: Path, buffer: ReplayBuffer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "SAVE_SECONDS", 0.0)
    monkeypatch.setattr(loop, "LOG_EVERY", 1)
    with pytest.raises(PawnzeroError, match="not finite at step 1 "):
        train(buffer, configure(lr=1e12, warmup_steps=0), checkpoints=tmp_path / "c", until_step=9, device="cpu")
    assert not list((tmp_path / "c").iterdir())


@pytest.mark.parametrize("shape", [CONFIG.model, ModelConfig(channels=8, blocks=1, se_ratio=0)])
def test_mixed_precision_says_what_it_does_and_learns_the_same(
    tmp_path: Path, buffer: ReplayBuffer, shape: ModelConfig
) -> None:
    told, config = Heard(), replace(CONFIG, model=shape)
    plain = train(buffer, config, checkpoints=tmp_path / "plain", until_step=20, device="cpu")
    mixed = train(buffer, config, checkpoints=tmp_path / "mixed", until_step=20, device="cpu", use_amp=True, progress=told)
    assert plain.precision == "float32"
    assert mixed.precision in ("float32", "bfloat16")
    assert mixed.precision in told.notes[0]
    assert mixed.loss == pytest.approx(plain.loss, rel=0.02)


def test_mistakes_are_answered_in_one_line(tmp_path: Path, buffer: ReplayBuffer) -> None:
    def attempt(config=CONFIG, where=buffer, folder=tmp_path / "c", **options):  # type: ignore[no-untyped-def]
        return train(where, config, checkpoints=folder, until_step=1, **{"device": "cpu", **options})

    with pytest.raises(UsageError, match="batch_size 0: expected 1 or more"):
        attempt(replace(CONFIG, batch_size=0))
    with pytest.raises(UsageError, match="grad_accum_steps 0"):
        attempt(replace(CONFIG, grad_accum_steps=0))
    with pytest.raises(UsageError, match="device"):
        attempt(device="gpu")
    with pytest.raises(PawnzeroError, match="selfplay"):
        attempt(where=ReplayBuffer(tmp_path / "empty.pt", game="tic_tac_toe"))
    with pytest.raises(PawnzeroError, match="connect_four"):
        attempt(net=make_model("cpu", 8, 1, 4, "connect_four"))
    assert not list((tmp_path / "c").iterdir())
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(PawnzeroError, match="cannot be created"):
        attempt(folder=tmp_path / "file" / "c")
    attempt()
    before = (tmp_path / "c" / "latest.pt").read_bytes()
    with pytest.raises(PawnzeroError, match="16 channels"):
        attempt(replace(CONFIG, model=ModelConfig(channels=16, blocks=1)))
    assert (tmp_path / "c" / "latest.pt").read_bytes() == before
    (tmp_path / "c" / "latest.pt").write_bytes(before[:1000])
    with pytest.raises(PawnzeroError, match=r"latest\.pt"):
        attempt()


def test_rows_that_rot_on_the_disk_are_told(tmp_path: Path, buffer: ReplayBuffer) -> None:
    heard = Heard()
    train(buffer, CONFIG, checkpoints=tmp_path / "sound", until_step=3, device="cpu", progress=heard)
    assert not any("checksum" in note for note in heard.notes)
    buffer.flush()
    raw = bytearray(buffer.path.read_bytes())
    row = (len(raw) - HEADER_BYTES) // buffer.capacity
    for slot in range(len(buffer) // 2):
        raw[HEADER_BYTES + slot * row + row // 2] ^= 1
    buffer.path.write_bytes(bytes(raw))
    train(ReplayBuffer(buffer.path), CONFIG, checkpoints=tmp_path / "rotten", until_step=3, device="cpu", progress=heard)
    assert [note for note in heard.notes if "replay.pt: damaged rows (wrong checksum) were drawn" in note]
