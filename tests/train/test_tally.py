"""Means over steps are means over samples: a step counts by as many as a figure is of."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List

import pytest
import torch
from random_games import CONFIG, configure, fill

from pawnzero.config import TrainConfig
from pawnzero.progress import Progress
from pawnzero.train import loop, train
from pawnzero.train.report import Tally
from pawnzero.train.stage import begin_stage, open_state
from pawnzero.train.step import LOSS_FIGURES, STEP_FIGURES

WITH_REPLY = TrainConfig(reply_weight=0.5)


def add(tally: Tally, *, policy: float, reply: float, samples: int = 10, **figures: float) -> None:
    """One step with so many samples that teach a policy, and a reply."""
    own = {"policy_loss": policy, "target_entropy": policy, "policy_entropy": policy, "policy_accuracy": policy}
    own.update(reply_loss=reply, reply_accuracy=reply)
    values = [figures.get(name, 1.0) for name in STEP_FIGURES]
    tally.add(torch.tensor(values), [own.get(name, float(samples)) for name in LOSS_FIGURES], 3.0)


def test_a_step_counts_by_the_samples_that_its_figures_are_of() -> None:
    tally = Tally(WITH_REPLY)
    add(tally, policy=3, reply=1, policy_loss=2.0, reply_loss=4.0, value_loss=0.5)
    add(tally, policy=0, reply=3, policy_loss=0.0, reply_loss=2.0, value_loss=1.0)
    add(tally, policy=1, reply=0, policy_loss=6.0, reply_loss=0.0, value_loss=1.5)
    figures = tally.read(scaled=False).figures
    assert figures["policy_loss"] == pytest.approx((3 * 2.0 + 6.0) / 4)
    assert figures["reply_loss"] == pytest.approx((4.0 + 3 * 2.0) / 4)
    assert figures["value_loss"] == pytest.approx(1.0)
    assert figures["loss"] == pytest.approx(3.0 + 1.0 + 0.5 * 2.5)
    assert tally.mean("loss") == figures["loss"]


def test_what_no_step_says_anything_of_stays_as_it_was_read_last() -> None:
    tally = Tally(WITH_REPLY)
    assert tally.mean("policy_loss") is None
    add(tally, policy=2, reply=2, policy_loss=2.0, reply_loss=3.0, value_loss=1.0)
    tally.read(scaled=False)
    add(tally, policy=0, reply=0, policy_loss=0.0, reply_loss=0.0, value_loss=0.5)
    figures = tally.read(scaled=False).figures
    assert (figures["policy_loss"], figures["reply_loss"], figures["value_loss"]) == (2.0, 3.0, 0.5)
    assert figures["loss"] == 2.0 + 0.5 + 0.5 * 3.0
    assert tally.mean("policy_loss") == 2.0
    assert tally.mean("value_loss") == 0.75


def records(path: Path) -> List[Dict[str, Any]]:
    found: List[Dict[str, Any]] = json.loads(path.read_text())
    return found


def test_steps_without_a_policy_do_not_lower_its_loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sample a step, and a third of all positions was searched cheaply: whole steps teach no policy."""
    config = replace(configure(reply_weight=0.5), batch_size=1, grad_accum_steps=1)
    buffer, steps = fill(tmp_path / "replay.pt"), 30
    one = train(buffer, config, checkpoints=tmp_path / "one", until_step=steps, device="cpu", log=tmp_path / "one.json")
    monkeypatch.setattr(loop, "LOG_EVERY", 1)
    train(buffer, config, checkpoints=tmp_path / "all", until_step=steps, device="cpu", log=tmp_path / "all.json", save_every=1)
    positions = begin_stage(
        open_state(tmp_path / "none", CONFIG, "tic_tac_toe", None, torch.device("cpu")), buffer, config, steps, 10, Progress()
    )
    weights = [float(positions.train.batch(step, 1).policy_weight[0]) for step in range(steps)]
    single = records(tmp_path / "all.json")
    assert 5 < sum(weights) < 25
    for place, record in enumerate(records(tmp_path / "one.json")):
        told = [one["policy_loss"] for one, weight in zip(single[10 * place :][:10], weights[10 * place :]) if weight]
        assert record["policy_loss"] == pytest.approx(sum(told) / len(told), rel=1e-5)
    told = [record["policy_loss"] for record, weight in zip(single, weights) if weight]
    assert one.policy_loss == pytest.approx(sum(told) / len(told), rel=1e-5)
    assert one.loss is not None
    assert one.loss > one.policy_loss
    assert positions.held_out is not None
    for record in single:
        drawn = positions.held_out.batch(record["step"], 1)
        assert drawn.reply is not None
        assert ("held_out_policy_loss" in record) is ("held_out_policy_kl" in record) is bool(drawn.policy_weight[0])
        assert ("held_out_reply_loss" in record) is bool(drawn.reply.weight[0])
        assert ("held_out_loss" in record) is bool(drawn.policy_weight[0] and drawn.reply.weight[0])
        assert "held_out_value_loss" in record
    assert {"held_out_policy_loss" in record for record in single} == {True, False}
