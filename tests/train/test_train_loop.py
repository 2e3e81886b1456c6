"""Training from a plain dictionary, as old scripts do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict

import pytest
import torch
from random_games import fill

from pawnzero.agent import Agent
from pawnzero.config import Config, ModelConfig
from pawnzero.errors import PawnzeroError, UsageError
from pawnzero.nets import PolicyValueNet, make_model
from pawnzero.nets.checkpoint import load_checkpoint
from pawnzero.pipeline.train_loop import train_loop
from pawnzero.replay import ReplayBuffer


@pytest.fixture
def buffer(tmp_path: Path) -> ReplayBuffer:
    return fill(tmp_path / "replay.pt", games=20)


def make_net(channels: int = 8, seed: int = 0) -> PolicyValueNet:
    return make_model("cpu", channels, 1, 4, "tic_tac_toe", seed)


def settings(tmp_path: Path, **more: Any) -> Dict[str, Any]:
    return {"ckpt_dir": str(tmp_path / "checkpoints"), "batch_size": 8, "lr": 1e-3, "iters": 2, **more}


def test_the_net_holds_the_trained_weights_and_the_next_call_goes_on(tmp_path: Path, buffer: ReplayBuffer) -> None:
    model = make_net()
    report = train_loop(model, buffer, settings(tmp_path, epochs=2))
    assert (report.step, report.steps_done, report.epoch) == (4, 4, 2)
    saved = load_checkpoint(tmp_path / "checkpoints" / "latest.pt")
    assert all(torch.equal(tensor, saved.net[name]) for name, tensor in model.state_dict().items())
    fresh = make_net(seed=9)
    report = train_loop(fresh, buffer, settings(tmp_path))
    assert (report.step, report.steps_done, report.epoch) == (6, 2, 3)
    other = make_net(seed=10)
    train_loop(other, buffer, settings(tmp_path))
    distance = [(fresh.state_dict()[name] - other.state_dict()[name]).abs().max() for name in saved.net]
    assert max(distance) < 0.05  # two steps apart, not two nets


def test_a_fresh_net_does_not_replace_trained_ones_whose_latest_is_gone(tmp_path: Path, buffer: ReplayBuffer) -> None:
    for _ in range(2):
        train_loop(make_net(), buffer, settings(tmp_path))
    folder = tmp_path / "checkpoints"
    (folder / "latest.pt").unlink()
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert len(before) == 2
    with pytest.raises(PawnzeroError, match=r"latest\.pt is missing; copy ckpt_000004\.pt to latest\.pt to go on from step 4"):
        train_loop(make_net(), buffer, settings(tmp_path))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_an_agent_keeps_its_shape_and_game(tmp_path: Path, buffer: ReplayBuffer) -> None:
    config = Config(game="tic_tac_toe", model=ModelConfig(channels=8, blocks=1, se_ratio=4))
    agent = Agent.create(tmp_path / "A", config)
    own = settings(tmp_path / "A")
    with pytest.raises(PawnzeroError, match=r"the agent's net has another shape \(channels 8, not 16\)"):
        train_loop(make_net(channels=16), buffer, own)
    with pytest.raises(PawnzeroError, match="the agent plays tic_tac_toe, but the net plays connect_four"):
        train_loop(make_model("cpu", 8, 1, 4, "connect_four"), buffer, own)
    assert not agent.latest.exists()
    assert train_loop(make_net(), buffer, own).step == 2


def test_an_agent_keeps_as_many_checkpoints_as_before(tmp_path: Path, buffer: ReplayBuffer) -> None:
    shape = ModelConfig(channels=8, blocks=1, se_ratio=4)
    agent = Agent.create(tmp_path / "A", Config(game="tic_tac_toe", model=shape, keep_checkpoints=7))
    own = settings(tmp_path / "A", iters=1)
    for _ in range(8):
        train_loop(make_net(), buffer, own)
    assert [step for step, _ in agent.numbered()] == [2, 3, 4, 5, 6, 7, 8]
    train_loop(make_net(), buffer, {**own, "keep_checkpoints": 3})
    assert [step for step, _ in agent.numbered()] == [7, 8, 9]


def test_a_failed_precheck_stops_it_in_any_folder(tmp_path: Path, buffer: ReplayBuffer, failing_checks: None) -> None:
    with pytest.raises(PawnzeroError, match=r"integrity checks failed .*run: pawnzero check"):
        train_loop(make_net(), buffer, settings(tmp_path))
    assert not (tmp_path / "checkpoints").exists()


def test_the_trainers_settings_count(tmp_path: Path, buffer: ReplayBuffer) -> None:
    (tmp_path / "experiments").mkdir()
    asked = {"reply_weight": 0.1, "plies_left_weight": 0.1, "window_start": 50, "schedule": "cosine", "warmup_steps": 0}
    train_loop(make_net(), buffer, settings(tmp_path, **asked))
    (record,) = json.loads((tmp_path / "experiments" / "train.json").read_text())
    assert {"reply_loss", "plies_left_loss"} <= set(record)
    assert record["lr"] == pytest.approx(1e-3 * (0.1 + 0.9 / 2))  # half-way in the second of two steps
    stage = load_checkpoint(tmp_path / "checkpoints" / "latest.pt").training["stage"]  # type: ignore[index]
    assert stage["window"][0] > 1


def test_the_log_goes_to_the_agents_experiments(tmp_path: Path, buffer: ReplayBuffer) -> None:
    (tmp_path / "experiments").mkdir()
    train_loop(make_net(), buffer, settings(tmp_path))
    assert (tmp_path / "experiments" / "train.json").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batchsize": 3}, "unknown key 'batchsize'; the nearest valid one is 'batch_size'"),
        ({"// comment": 3}, "unknown key '// comment'; expected some of ckpt_dir, epochs"),
        ({"batch_size": 0}, "batch_size is 0, expected an integer from 1 to 1,000,000,000"),
        ({"lr": "fast"}, "lr is 'fast', expected a number"),
        ({"schedule": "drop"}, "schedule is 'drop', expected trainer.schedule_steps"),
        ({"replay_ratio": 4.0}, "unknown key 'replay_ratio'"),
        ({"reset_every": 4}, "unknown key 'reset_every'"),
        ({"epochs": 0}, "epochs is 0"),
        ({"use_amp": 1}, "use_amp is 1"),
        ({"ckpt_dir": None}, "ckpt_dir"),
        ({"device": "tpu"}, "tpu"),
    ],
)
def test_wrong_keys_and_values(tmp_path: Path, buffer: ReplayBuffer, change: Dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        train_loop(make_net(), buffer, settings(tmp_path, **change))
    assert not (tmp_path / "checkpoints").exists()


def test_another_shape_and_an_empty_buffer(tmp_path: Path, buffer: ReplayBuffer) -> None:
    train_loop(make_net(), buffer, settings(tmp_path))
    before = (tmp_path / "checkpoints" / "latest.pt").read_bytes()
    with pytest.raises(PawnzeroError, match="16 channels"):
        train_loop(make_net(channels=16), buffer, settings(tmp_path))
    with pytest.raises(PawnzeroError, match="selfplay"):
        train_loop(make_net(), ReplayBuffer(tmp_path / "none.pt", game="tic_tac_toe"), settings(tmp_path))
    assert (tmp_path / "checkpoints" / "latest.pt").read_bytes() == before


def test_metadata_that_is_no_agents_is_left_alone(tmp_path: Path, buffer: ReplayBuffer) -> None:
    (tmp_path / "metadata.json").write_text('{"iterations": 3}')
    train_loop(make_net(), buffer, settings(tmp_path))
    assert (tmp_path / "metadata.json").read_text() == '{"iterations": 3}'
