"""Training that is interrupted, killed or meddled with: it resumes, and its record is of its own iteration alone."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
from pathlib import Path
from typing import Any, Dict, List

import pytest

from pawnzero.agent import Agent
from pawnzero.nets.resnet import PolicyValueNet
from pawnzero.pipeline import iteration as pipeline
from pawnzero.pipeline.train_loop import train_loop
from pawnzero.pipeline.training import iteration_training, train_stage
from pawnzero.replay import ReplayBuffer
from tests.iterations import CONFIG, Notes


def test_a_signal_as_training_is_saved_for_the_last_time_ends_the_iteration_and_loses_nothing(tmp_path: Path) -> None:
    class Signals(Notes):
        def advance(self, count: int = 1, **figures: object) -> None:
            super().advance(count, **figures)
            if self._at == ("train", CONFIG.trainer_iters):
                os.kill(os.getpid(), signal.SIGTERM)

    signals = Signals()
    with pytest.raises(KeyboardInterrupt):
        pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu", progress=signals)
    assert any("training is complete" in text for text in signals.texts)
    agent = Agent.open(tmp_path / "A")
    assert (agent.metadata["stage"]["name"], agent.best.exists()) == ("arena", False)
    kept = agent.metadata["stage"]["found"]["train"]
    found = pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu")
    assert found["train"] == kept
    assert (kept["steps_done"], kept["interrupted"]) == (CONFIG.trainer_iters, False)
    assert kept["checkpoint"].endswith("ckpt_000005.pt")


def test_training_meanwhile_leaves_an_interrupted_iteration_its_own(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu", progress=Notes("train", 3))
    agent = Agent.open(tmp_path / "A")
    train_stage(agent, CONFIG, device="cpu")
    notes = Notes()
    reached = pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu", progress=notes)["train"]
    assert "iteration 0 of A goes on with: train, the 2 steps it lacks, as planned before the interruption" in notes.texts
    assert reached["step"] == 10
    assert (reached["steps_done"], reached["samples"]) == (CONFIG.trainer_iters, CONFIG.trainer_iters * CONFIG.batch_size)


def test_the_record_of_training_is_of_all_its_parts(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu", progress=Notes("train", 3))
    smaller = dataclasses.replace(CONFIG, batch_size=8)
    found = pipeline.run_iteration(tmp_path / "A", smaller, device="cpu")
    assert (found["train"]["steps_done"], found["train"]["samples"]) == (5, 3 * 16 + 2 * 8)
    assert found["train"]["replay_ratio"] == pytest.approx(64 / found["selfplay"]["positions"], abs=1e-4)


def test_training_from_python_meanwhile_leaves_it_its_own_too(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu", progress=Notes("train", 3))
    agent = Agent.open(tmp_path / "A")
    cfg = {"ckpt_dir": agent.checkpoints, "iters": 30, "batch_size": CONFIG.batch_size}
    train_loop(PolicyValueNet(agent.model, CONFIG.game), ReplayBuffer(agent.replay), cfg)
    reached = pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu")["train"]
    assert reached["step"] == CONFIG.trainer_iters + 30
    assert reached["steps_done"] == CONFIG.trainer_iters


def test_training_that_is_interrupted_meanwhile_adds_nothing_to_it(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu", progress=Notes("train", 2))
    agent = Agent.open(tmp_path / "A")
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            train_stage(agent, CONFIG, device="cpu", progress=Notes("train", 1))
    assert pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu")["train"]["step"] == CONFIG.trainer_iters + 2


def test_training_after_an_iterations_own_leaves_nothing_in_its_record(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu", progress=Notes("arena", 1))
    train_stage(Agent.open(tmp_path / "A"), CONFIG, device="cpu")
    found = pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu")
    assert found["train"]["step"] == CONFIG.trainer_iters
    assert set(found) == {"iteration", "selfplay", "train", "arena", "seconds", "promoted", "alarms"}


def be_killed_after_training(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Dict[str, Any]:
    """An iteration whose process dies when all its steps are saved, before the agent knows. Returns what training found."""
    found: List[Dict[str, Any]] = []

    def dies(*arguments: Any) -> None:
        found.append(iteration_training(*arguments))
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "iteration_training", dies)
    with pytest.raises(KeyboardInterrupt):
        pipeline.run_iteration(folder, CONFIG, device="cpu")
    monkeypatch.undo()
    return found[0]


def test_what_training_found_outlives_a_kill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = be_killed_after_training(tmp_path / "A", monkeypatch)
    kept = pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu")["train"]
    assert kept["checkpoint"] == found["checkpoint"]
    assert kept["last_loss"] == pytest.approx(found["last_loss"], rel=1e-6)
    assert [name for name, value in kept.items() if value is None and found[name] is not None] == []


@pytest.mark.parametrize("content", ["[]", "{}", "[", "", "null"])
def test_a_damaged_log_of_training_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    be_killed_after_training(tmp_path / "A", monkeypatch)
    log = tmp_path / "A" / "experiments" / "train.json"
    for _ in range(2):  # when nothing is left to train, and when something is
        log.write_text(content)
        notes = Notes()
        found = pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu", progress=notes)
        assert found["train"]["steps_done"] == CONFIG.trainer_iters
        assert len([text for text in notes.texts if str(log) in text]) == (content != "[]")
    assert [record["step"] for record in json.loads(log.read_text())] == [10]
