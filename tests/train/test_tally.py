"""Means over steps are means over samples: a step counts by as many as a figure is of."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List

import numpy as np
import pytest
import torch
from random_games import CONFIG, configure, fill, random_record

from pawnzero.cli.loop_story import LoopStory
from pawnzero.cli.stories import train_line
from pawnzero.config import TrainConfig
from pawnzero.progress import Figure, Progress
from pawnzero.replay import ReplayBuffer
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


def test_what_no_step_has_said_anything_of_yet_is_left_out_and_so_is_the_sum() -> None:
    tally = Tally(WITH_REPLY)
    add(tally, policy=0, reply=0, policy_loss=0.0, reply_loss=0.0, value_loss=1.0)
    figures = tally.read(scaled=False).figures
    of_policy = {"policy_loss", "target_entropy", "policy_entropy", "policy_accuracy", "policy_kl"}
    assert not (of_policy | {"reply_loss", "reply_accuracy", "loss"}) & set(figures)
    assert (figures["value_loss"], tally.mean("value_loss")) == (1.0, 1.0)
    assert (tally.mean("policy_loss"), tally.mean("reply_loss"), tally.mean("loss")) == (None, None, None)
    add(tally, policy=2, reply=0, policy_loss=2.0, reply_loss=0.0, value_loss=1.0)
    figures = tally.read(scaled=False).figures
    assert of_policy < set(figures)
    assert not {"reply_loss", "reply_accuracy", "loss"} & set(figures)
    assert (tally.mean("policy_loss"), tally.mean("loss")) == (2.0, None)
    add(tally, policy=0, reply=3, policy_loss=0.0, reply_loss=4.0, value_loss=1.0)
    assert tally.read(scaled=False).figures["loss"] == 2.0 + 1.0 + 0.5 * 4.0
    assert tally.mean("loss") == 2.0 + 1.0 + 0.5 * 4.0


class Shown(Progress):
    """Keeps what is shown of each step."""

    def __init__(self) -> None:
        self.figures: List[Dict[str, Figure]] = []

    def advance(self, count: int = 1, **figures: Figure) -> None:
        self.figures.append(figures)


def test_training_on_cheap_searches_alone_reports_no_policy(tmp_path: Path) -> None:
    buffer, log, shown = ReplayBuffer(tmp_path / "replay.pt", game="tic_tac_toe"), tmp_path / "train.json", Shown()
    for game_id in range(40):
        record = random_record(game_id)
        buffer.append(replace(record, full_search=np.zeros_like(record.full_search)))
    report = train(buffer, CONFIG, checkpoints=tmp_path / "c", until_step=20, device="cpu", log=log, progress=shown)
    told = (report.loss, report.last_loss, report.policy_loss, report.policy_kl, report.policy_accuracy)
    assert told == (None,) * 5
    assert report.value_loss is not None
    assert report.held_out_value_loss is not None
    assert report.held_out_policy_loss is None
    for record in records(log):
        assert "value_loss" in record
        assert not {"loss", "policy_loss", "policy_kl", "policy_accuracy", "policy_entropy", "target_entropy"} & set(record)
    assert shown.figures == [{}] * 20
    assert "loss – (policy –, value " in train_line(report.to_json())
    (losses,) = [text for name, text in LoopStory([{"train": report.to_json()}], 1, iterations=2).rows() if name == "losses"]
    assert losses.startswith("value ")


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
