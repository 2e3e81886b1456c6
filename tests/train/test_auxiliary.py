"""Training with auxiliary heads: their losses, that they learn what is true, and that they come and go."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict

import numpy as np
import pytest
import torch
from random_games import CONFIG, configure, fill
from saved import assert_same_gradient, assert_same_state

from pawnzero.config import TrainConfig
from pawnzero.nets import make_model
from pawnzero.nets.auxiliary import Outputs, WithHeads
from pawnzero.nets.checkpoint import load_checkpoint
from pawnzero.nets.evaluator import NetEvaluator
from pawnzero.replay import ReplayBuffer
from pawnzero.search import Question
from pawnzero.train import train
from pawnzero.train.auxiliary import AUXILIARY_FIGURES, AuxiliaryTargets, auxiliary_losses, named_auxiliary
from pawnzero.train.losses import losses
from pawnzero.train.samples import make_samples
from pawnzero.train.schedule import learning_rate, make_optimizer, set_rate
from pawnzero.train.stage import open_state

BOTH = configure(reply_weight=0.5, plies_left_weight=0.3)
CPU = torch.device("cpu")


def run(folder: Path, buffer: ReplayBuffer, until_step: int, config: Any = BOTH, **more: Any) -> Dict[str, float]:
    """Train on and give the last record of the log."""
    train(buffer, config, checkpoints=folder, until_step=until_step, device="cpu", log=folder / "train.json", **more)
    last: Dict[str, float] = json.loads((folder / "train.json").read_text())[-1]
    return last


def test_losses_are_those_written_out_by_hand() -> None:
    generator = np.random.default_rng(1)
    logits, says = generator.normal(size=(6, 12)), generator.normal(size=6) + 2
    legal = np.stack([generator.permutation(12)[:4] for _ in range(6)])
    policy = generator.dirichlet(np.ones(4), 6)
    weight, plies = np.array([1, 0, 1, 1, 0, 1.0]), np.array([1, 3, 9, 40, 200, 7.0])
    policy[weight == 0] = 0
    reply = agree = huber = error = 0.0
    for b in range(6):
        odds = np.exp(logits[b]) / np.exp(logits[b]).sum()
        reply -= weight[b] * sum(p * math.log(odds[a]) for p, a in zip(policy[b], legal[b])) / 4
        agree += weight[b] * (odds.argmax() == legal[b][policy[b].argmax()]) / 4
        gap = abs(says[b] - math.log(plies[b]))
        huber += (gap**2 / 2 if gap < 1 else gap - 0.5) / 6
        error += abs(math.exp(says[b]) - plies[b]) / 6

    def tensor(array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(array).float()

    outputs = Outputs(torch.zeros(6, 12), torch.zeros(6, 3), tensor(logits), tensor(says))
    targets = AuxiliaryTargets(torch.from_numpy(legal), tensor(policy), tensor(weight), tensor(plies))
    config = TrainConfig(reply_weight=0.15, plies_left_weight=0.1)
    loss, figures = auxiliary_losses(outputs, targets, config, reply_total=4.0, samples_total=6)
    assert dict(zip(AUXILIARY_FIGURES, figures.tolist())) == pytest.approx(
        {"reply_loss": reply, "reply_accuracy": agree, "plies_left_loss": huber, "plies_left_error": error}, rel=1e-5
    )
    assert float(loss) == pytest.approx(0.15 * reply + 0.1 * huber, rel=1e-5)
    assert named_auxiliary(figures.tolist(), config)["loss"] == pytest.approx(float(loss), rel=1e-5)
    assert set(named_auxiliary(figures.tolist(), TrainConfig(plies_left_weight=1.0))) == {
        *("loss", "plies_left_loss", "plies_left_error")
    }


def test_without_weights_training_is_what_a_plain_loop_does(tmp_path: Path, buffer: ReplayBuffer) -> None:
    """Bit for bit: the net alone, its two losses, one optimizer."""
    config = replace(CONFIG, batch_size=16, grad_accum_steps=1)
    record = run(tmp_path / "c", buffer, 12, config)
    assert not any(name.startswith(("reply", "plies_left")) for name in record)
    net = make_model("cpu", 8, 1, 4, "tic_tac_toe", config.seed).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = make_optimizer(net, config.trainer)
    sampler = buffer.sampler(config.seed, held_out=False, augment=True)
    for step in range(12):
        samples = make_samples(sampler.batch(step, 16), CPU)
        set_rate(optimizer, learning_rate(step, config.trainer, 0, 12))
        optimizer.zero_grad()
        loss, _ = losses(
            *net(samples.planes(0, 16, (3, 3), CPU)),
            samples.targets(0, 16, CPU),
            value_mix=config.trainer.value_mix,
            value_weight=1.0,
            policy_total=samples.policy_total,
            samples_total=16,
        )
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), config.trainer.grad_clip)
        optimizer.step()
    trained = load_checkpoint(tmp_path / "c" / "latest.pt").net
    assert all(torch.equal(tensor, trained[name]) for name, tensor in net.state_dict().items())


def test_heads_learn_what_is_true(tmp_path: Path) -> None:
    """On games never trained on, they beat the best answer that does not look at the position by far.

    The policies of these games like the last free cell, so a reply can be foretold from the position, but for the own move.
    """
    buffer = fill(tmp_path / "replay.pt", games=250, by_cell=1.5 * np.arange(9))
    settings = {"reply_weight": 1.0, "plies_left_weight": 1.0, "lr": 0.01, "augment": False}
    config = replace(configure(**settings), batch_size=256, grad_accum_steps=1)
    found = run(tmp_path / "c", buffer, 60, config)
    held_out = buffer.sampler(config.seed, held_out=True, reply=True).batch(60, 256)
    assert held_out.reply is not None
    known = held_out.reply.weight > 0
    likeliest = held_out.reply.legal[np.arange(256), held_out.reply.policy.argmax(1)][known]
    most_common = np.bincount(likeliest).max() / known.sum()
    middle = np.abs(held_out.plies_left - np.median(held_out.plies_left)).mean()
    assert found["held_out_reply_accuracy"] > most_common + 0.15
    assert found["held_out_plies_left_error"] < 0.75 * middle
    assert found["loss"] == pytest.approx(
        found["policy_loss"] + found["value_loss"] + found["reply_loss"] + found["plies_left_loss"], rel=1e-5
    )


def test_heads_do_not_depend_on_the_micro_batch(tmp_path: Path, buffer: ReplayBuffer) -> None:
    for name, size in (("one", 16), ("parts", 4)):
        run(tmp_path / name, buffer, 1, replace(BOTH, batch_size=size, grad_accum_steps=16 // size))
    assert_same_gradient(tmp_path / "one", tmp_path / "parts")


def test_they_come_and_go_and_training_goes_on(tmp_path: Path, buffer: ReplayBuffer) -> None:
    folder = tmp_path / "c"
    run(folder, buffer, 6, CONFIG)
    before = load_checkpoint(folder / "latest.pt").training
    assert before is not None
    del before["heads"]  # as a checkpoint from before there were heads
    for group in before["optimizer"]["param_groups"]:
        del group["part"]
    run(folder, buffer, 10, BOTH)
    both = load_checkpoint(folder / "latest.pt").training
    assert both is not None
    assert set(both["heads"]) == {"reply", "plies_left"}
    steps = [float(moment["step"]) for _, moment in sorted(both["optimizer"]["state"].items())]
    tensors = len(list(make_model("cpu", 8, 1, 4, "tic_tac_toe").parameters()))
    assert steps == [10.0] * tensors + [4.0] * 6  # the net's moments were kept, the heads' are new
    run(folder, buffer, 12, configure(plies_left_weight=0.3))
    one = load_checkpoint(folder / "latest.pt").training
    assert one is not None
    assert set(one["heads"]) == {"plies_left"}
    steps = [float(moment["step"]) for _, moment in sorted(one["optimizer"]["state"].items())]
    assert steps == [12.0] * tensors + [6.0] * 4
    run(folder, buffer, 14, CONFIG)
    last = load_checkpoint(folder / "latest.pt").training
    assert last is not None
    assert last["heads"] == {}
    assert len(last["optimizer"]["state"]) == tensors


def test_they_begin_from_trainings_seed_and_go_on_from_their_checkpoint(tmp_path: Path, buffer: ReplayBuffer) -> None:
    def heads(seed: int, folder: Path = tmp_path) -> Dict[str, torch.Tensor]:
        return dict(open_state(folder, replace(BOTH, seed=seed), "tic_tac_toe", None, CPU).module.heads.state_dict())

    first = heads(5)["reply.out.weight"]
    assert torch.equal(heads(5)["reply.out.weight"], first)
    assert not torch.equal(heads(6)["reply.out.weight"], first)
    run(tmp_path / "c", buffer, 3)
    trained, again = heads(5, tmp_path / "c"), heads(6, tmp_path / "c")
    assert not torch.equal(trained["reply.out.weight"], first)
    assert all(torch.equal(tensor, again[name]) for name, tensor in trained.items())


def test_being_stopped_changes_nothing(tmp_path: Path, buffer: ReplayBuffer) -> None:
    class Stop(Exception):
        pass

    from pawnzero.progress import Progress

    class Stopping(Progress):
        left = 9

        def advance(self, count: int = 1, **figures: object) -> None:
            self.left -= count
            if not self.left:
                raise Stop

    config = replace(BOTH, trainer=replace(BOTH.trainer, schedule="cosine"))
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    run(whole, buffer, 16, config)
    with pytest.raises(Stop):
        run(parts, buffer, 16, config, progress=Stopping(), save_every=5)
    assert load_checkpoint(parts / "latest.pt").step == 5
    run(parts, buffer, 16, config)
    assert_same_state(whole, parts)
    heads = [load_checkpoint(folder / "latest.pt").training["heads"] for folder in (whole, parts)]  # type: ignore[index]
    for name, weights in heads[0].items():
        assert all(torch.equal(tensor, heads[1][name][key]) for key, tensor in weights.items())


def test_play_knows_nothing_of_them(tmp_path: Path, buffer: ReplayBuffer) -> None:
    """What is saved for play has a net's own weights, and nothing else; an evaluator takes it as any other."""
    run(tmp_path / "c", buffer, 3)
    checkpoint = load_checkpoint(tmp_path / "c" / "latest.pt")
    plain = make_model("cpu", 8, 1, 4, "tic_tac_toe")
    assert set(checkpoint.net) == set(checkpoint.averaged) == set(plain.state_dict())
    assert sum(p.numel() for p in WithHeads(plain, True, True).parameters()) > sum(p.numel() for p in plain.parameters())
    evaluator = NetEvaluator(checkpoint.make_net(), "cpu", "float32")
    batch = buffer.sampler(0).batch(0, 4)
    logits, wdl = np.zeros(batch.legal.shape, np.float32), np.zeros((4, 3), np.float32)
    evaluator.evaluate(Question(batch.bits, batch.scalars, batch.legal, batch.count, logits, wdl))
    with torch.no_grad():
        policy, value = checkpoint.make_net()(make_samples(batch, CPU).planes(0, 4, (3, 3), CPU))
    assert wdl == pytest.approx(torch.softmax(value, 1).numpy(), abs=1e-5)
    assert logits[0, 0] == pytest.approx(float(policy[0, int(batch.legal[0, 0])]), abs=1e-5)
