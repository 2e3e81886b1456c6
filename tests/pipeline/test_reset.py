"""Resets: every few iterations a new net takes the place of the old one and learns from the stored positions."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, Dict

import pytest
import torch

from pawnzero.agent import Agent
from pawnzero.config import Config
from pawnzero.nets.checkpoint import Checkpoint, load_checkpoint
from pawnzero.nets.resnet import PolicyValueNet
from pawnzero.pipeline import iteration as pipeline
from pawnzero.pipeline.training import train_stage
from pawnzero.replay import ReplayBuffer
from tests.iterations import CONFIG, Notes


def resetting(**trainer: Any) -> Config:
    """The small agent's settings with a reset in iteration 2, of one sample for each position."""
    settings = {"reset_every": 2, "reset_ratio": 1.0, "warmup_steps": 2, **trainer}
    return dataclasses.replace(CONFIG, trainer=dataclasses.replace(CONFIG.trainer, **settings))


def latest(agent_dir: Path) -> Checkpoint:
    return load_checkpoint(agent_dir / "checkpoints" / "latest.pt")


def training(agent_dir: Path) -> Dict[str, Any]:
    found = latest(agent_dir).training
    assert found is not None
    return found


def moments_counted(agent_dir: Path) -> int:
    """The number of steps that the optimizer's moments have seen."""
    return int(training(agent_dir)["optimizer"]["state"][0]["step"])


def assert_same_net(one: Path, other: Path) -> None:
    first, second = latest(one), latest(other)
    assert first.step == second.step
    for part in ("net", "averaged"):
        for name, tensor in getattr(first, part).items():
            assert torch.equal(tensor, getattr(second, part)[name]), name


def test_a_new_net_learns_from_all_that_is_stored(tmp_path: Path) -> None:
    config, notes = resetting(lr=0.01, schedule_factor=0.1), Notes()
    before = pipeline.run_until(tmp_path / "A", config, iterations=2, device="cpu")["iterations"]
    step = before[-1]["train"]["step"]
    assert (step, training(tmp_path / "A")["born"]) == (2 * config.trainer_iters, 0)

    found = pipeline.run_iteration(tmp_path / "A", config, device="cpu", progress=notes)
    positions = sum(one["selfplay"]["positions"] for one in (*before, found))
    assert f"A's net starts anew and learns from {positions} positions" in notes.texts
    assert found["train"]["steps_done"] == positions // config.batch_size
    assert latest(tmp_path / "A").step == found["train"]["step"] == step + positions // config.batch_size
    assert training(tmp_path / "A")["born"] == step
    assert moments_counted(tmp_path / "A") == found["train"]["steps_done"]
    assert [one["train"]["reset"] for one in (*before, found)] == [False, False, True]
    log = json.loads((tmp_path / "A" / "experiments" / "train.json").read_text())
    assert 0.001 < log[-1]["lr"] < 0.003  # near the end of the cosine, a tenth of lr

    after = pipeline.run_iteration(tmp_path / "A", config, device="cpu")
    assert after["train"]["steps_done"] == config.trainer_iters
    assert training(tmp_path / "A")["born"] == step
    log = json.loads((tmp_path / "A" / "experiments" / "train.json").read_text())
    assert log[-1]["lr"] == 0.01


def test_positions_given_to_games_are_not_counted(tmp_path: Path) -> None:
    random = dataclasses.replace(CONFIG.selfplay, random_opening_share=1.0, random_opening_plies=4)
    config, notes = dataclasses.replace(resetting(), selfplay=random), Notes()
    before = pipeline.run_until(tmp_path / "A", config, iterations=2, device="cpu")["iterations"]
    found = pipeline.run_iteration(tmp_path / "A", config, device="cpu", progress=notes)
    positions = sum(one["selfplay"]["positions"] for one in (*before, found))
    with ReplayBuffer(tmp_path / "A" / "checkpoints" / "replay.pt") as buffer:
        assert len(buffer) > positions
    assert f"A's net starts anew and learns from {positions} positions" in notes.texts
    assert found["train"]["steps_done"] == positions // config.batch_size


def test_it_is_another_net_than_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With no rate to learn by, what a reset leaves is the new net's first weights."""
    config = resetting(lr=0.0)
    pipeline.run_until(tmp_path / "A", config, iterations=3, device="cpu")
    step = 2 * config.trainer_iters
    for seed, same in ((config.seed + step, True), (config.seed, False)):
        first = PolicyValueNet(config.model, config.game, seed).state_dict()
        found = latest(tmp_path / "A").net
        assert all(torch.equal(found[name], tensor) for name, tensor in first.items()) is same


def test_no_reset_where_none_is_asked_for(tmp_path: Path) -> None:
    pipeline.run_until(tmp_path / "A", CONFIG, iterations=3, device="cpu")
    assert training(tmp_path / "A")["born"] == 0
    assert moments_counted(tmp_path / "A") == 3 * CONFIG.trainer_iters


def test_resets_end_with_the_last_one_that_is_asked_for(tmp_path: Path) -> None:
    config = resetting(reset_every=1, reset_until=2)
    found = pipeline.run_until(tmp_path / "A", config, iterations=4, device="cpu")["iterations"]
    assert [one["train"]["reset"] for one in found] == [False, True, True, False]


def test_an_interrupted_reset_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    config = resetting()
    for name in ("whole", "parts"):
        pipeline.run_until(tmp_path / name, config, iterations=2, device="cpu")
    whole = pipeline.run_iteration(tmp_path / "whole", config, device="cpu")
    for count in (0, 3):  # before the first step, which leaves nothing of the new net, and after three
        with pytest.raises(KeyboardInterrupt):
            pipeline.run_iteration(tmp_path / "parts", config, device="cpu", progress=Notes("train", count))
    notes = Notes()
    parts = pipeline.run_iteration(tmp_path / "parts", config, device="cpu", progress=notes)
    assert any(text.endswith("with a new net as planned before the interruption") for text in notes.texts)
    assert moments_counted(tmp_path / "parts") == parts["train"]["steps_done"] == whole["train"]["steps_done"]
    assert_same_net(tmp_path / "whole", tmp_path / "parts")


def test_other_training_in_between_is_not_replaced(tmp_path: Path) -> None:
    config = resetting()
    pipeline.run_until(tmp_path / "A", config, iterations=2, device="cpu")
    with pytest.raises(KeyboardInterrupt):
        pipeline.run_iteration(tmp_path / "A", config, device="cpu", progress=Notes("train", 3))
    born = training(tmp_path / "A")["born"]
    train_stage(Agent.open(tmp_path / "A"), config, device="cpu")
    between = latest(tmp_path / "A").step
    found = pipeline.run_iteration(tmp_path / "A", config, device="cpu")
    assert training(tmp_path / "A")["born"] == born
    assert moments_counted(tmp_path / "A") == found["train"]["step"] - born > between - born
    assert found["train"]["reset"] is True


def test_other_training_before_a_reset_is_replaced_as_planned(tmp_path: Path) -> None:
    config = resetting()
    pipeline.run_until(tmp_path / "A", config, iterations=2, device="cpu")
    with pytest.raises(KeyboardInterrupt):
        pipeline.run_iteration(tmp_path / "A", config, device="cpu", progress=Notes("train", 0))
    train_stage(Agent.open(tmp_path / "A"), config, device="cpu")
    between = latest(tmp_path / "A").step
    found = pipeline.run_iteration(tmp_path / "A", config, device="cpu")
    assert training(tmp_path / "A")["born"] == between
    assert moments_counted(tmp_path / "A") == found["train"]["step"] - between


def test_a_window_and_the_average_are_those_of_the_new_net(tmp_path: Path) -> None:
    config = resetting(window_start=40, window_growth=0.0, ema_decay=0.999)
    found = pipeline.run_until(tmp_path / "A", config, iterations=3, device="cpu")["iterations"]
    assert sum(one["selfplay"]["positions"] for one in found) > 2 * 40
    assert found[-1]["train"]["steps_done"] == 40 // config.batch_size
    # After two steps the average weighs the first weights by 2/11 · 3/12. By the agent's twelve steps it would be 0.37.
    net = latest(tmp_path / "A")
    first = PolicyValueNet(config.model, config.game, config.seed + 2 * config.trainer_iters).state_dict()["stem.weight"]
    moved, averaged = (part["stem.weight"] - first for part in (net.net, net.averaged))
    assert averaged.norm() > 0.7 * moved.norm()
