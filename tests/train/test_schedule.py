"""The learning rate, the averaged weights, and which weights decay."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pawnzero.config import TrainConfig
from pawnzero.train.schedule import average, averaging_decay, learning_rate, make_optimizer, set_rate


def test_rate_rises_linearly_and_stays() -> None:
    config = TrainConfig(lr=0.01, warmup_steps=4)
    assert [learning_rate(step, config) for step in range(6)] == pytest.approx([0.0025, 0.005, 0.0075, 0.01, 0.01, 0.01])
    assert learning_rate(0, TrainConfig(lr=0.01, warmup_steps=0)) == 0.01


def test_average_follows_closely_at_first_and_slowly_later() -> None:
    config = TrainConfig(ema_decay=0.99)
    decays = [averaging_decay(step, config) for step in (1, 100, 10_000)]
    assert decays == pytest.approx([2 / 11, 101 / 110, 0.99])
    averaged, current = [torch.zeros(3), torch.ones(2, 2)], [torch.ones(3), torch.full((2, 2), 3.0)]
    average(averaged, current, 0.75)
    assert averaged[0].tolist() == [0.25] * 3
    assert averaged[1].flatten().tolist() == [1.5] * 4
    assert current[0].tolist() == [1.0] * 3


def test_only_matrices_decay() -> None:
    net = nn.Sequential(nn.Conv2d(2, 3, 3), nn.Flatten(), nn.Linear(3, 2))
    net.register_parameter("scale", nn.Parameter(torch.ones(1)))
    before = [p.detach().clone() for p in net.parameters()]
    optimizer = make_optimizer(net, TrainConfig(lr=0.1, wd=0.5))
    set_rate(optimizer, 0.2)
    for parameter in net.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for old, new in zip(before, net.parameters()):
        shrunk = old * (1 - 0.2 * 0.5) if old.dim() >= 2 else old
        assert torch.allclose(new, shrunk)
    assert len(before) == sum(len(group["params"]) for group in optimizer.param_groups)
