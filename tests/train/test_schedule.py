"""The learning rate, the averaged weights, and which weights decay."""

from __future__ import annotations

import math
from typing import Any, Iterable, List

import pytest
import torch
from torch import nn

from pawnzero.config import TrainConfig
from pawnzero.errors import UsageError
from pawnzero.settings import load_config
from pawnzero.train import schedule
from pawnzero.train.schedule import average, averaging_decay, learning_rate, make_optimizer, set_rate


def rates(steps: Iterable[int], begin: int = 0, end: int = 10, **settings: Any) -> List[float]:
    config = TrainConfig(**{"lr": 0.01, "warmup_steps": 0, **settings})
    return [learning_rate(step, config, begin, end) for step in steps]


def test_rate_rises_linearly_and_stays() -> None:
    assert rates(range(6), warmup_steps=4) == pytest.approx([0.0025, 0.005, 0.0075, 0.01, 0.01, 0.01])
    assert rates([0]) == [0.01]


def test_cosine_falls_along_half_a_wave_to_the_step_it_is_told() -> None:
    found = rates(range(24), schedule="cosine", schedule_steps=20, schedule_factor=0.2, warmup_steps=4)
    rise = [0.0025, 0.005, 0.0075, 0.01]
    fall = [0.002 + 0.008 * (1 + math.cos(math.pi * (step - 4) / 16)) / 2 for step in range(4, 20)]
    assert found == pytest.approx(rise + fall + [0.002] * 4)
    assert fall[8] == pytest.approx(0.006)  # half the way down in the middle
    assert rates(range(24), begin=7, end=9, schedule="cosine", schedule_steps=20, schedule_factor=0.2, warmup_steps=4) == found


def test_cosine_without_a_horizon_falls_in_each_call() -> None:
    first = rates(range(10), schedule="cosine")
    assert first == pytest.approx([0.001 + 0.009 * (1 + math.cos(math.pi * step / 10)) / 2 for step in range(10)])
    assert rates(range(50, 60), begin=50, end=60, schedule="cosine") == first
    assert rates([0, 1, 2, 3], end=4, schedule="cosine", warmup_steps=8) == pytest.approx([0.00125, 0.0025, 0.00375, 0.005])


def test_the_rate_drops_once() -> None:
    found = rates(range(8), schedule="drop", schedule_steps=5, schedule_factor=0.3, warmup_steps=2)
    assert found == pytest.approx([0.005, 0.01, 0.01, 0.01, 0.01, 0.003, 0.003, 0.003])
    with pytest.raises(UsageError, match=r"'drop', expected trainer\.schedule_steps"):
        TrainConfig(schedule="drop")
    with pytest.raises(UsageError, match=r"trainer\.schedule is 'linear', expected one of constant, cosine, drop"):
        load_config(overrides={"trainer.schedule": "linear"})


def test_after_a_reset_the_rate_rises_again_and_falls_over_that_stage() -> None:
    config = TrainConfig(lr=0.01, warmup_steps=4, schedule_factor=0.2)
    found = [learning_rate(step, config, 50, 70, born=50) for step in range(50, 70)]
    rise = [0.0025, 0.005, 0.0075, 0.01]
    fall = [0.002 + 0.008 * (1 + math.cos(math.pi * (step - 4) / 16)) / 2 for step in range(4, 20)]
    assert found == pytest.approx(rise + fall)
    assert [learning_rate(step, config, 70, 80, born=50) for step in (70, 79)] == [0.01, 0.01]
    assert learning_rate(71, config, 70, 80, born=69) == pytest.approx(0.0075)  # still rising in the next stage
    falling = TrainConfig(lr=0.01, warmup_steps=4, schedule="cosine", schedule_steps=100, schedule_factor=0.2)
    assert [learning_rate(step, falling, 50, 70, born=50) for step in range(50, 70)] == pytest.approx(found)
    at_half = TrainConfig(lr=0.01, warmup_steps=0, schedule="cosine", schedule_steps=200, schedule_factor=0.2)
    assert learning_rate(100, at_half, 90, 110, born=50) == pytest.approx(0.006)  # by the agent's steps, as without a reset


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


def test_a_torch_that_accepts_the_fused_update_and_fails_in_its_first_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """As torch 2.1 does on a CPU."""

    class Old(torch.optim.AdamW):
        def step(self, closure: Any = None) -> Any:
            if self.defaults.get("fused"):
                raise NotImplementedError("Could not run 'aten::_fused_adamw_' with arguments from the 'CPU' backend.")
            return super().step(closure)

    monkeypatch.setattr(torch.optim, "AdamW", Old)
    schedule._has_fused_update.cache_clear()
    try:
        net = nn.Linear(1, 1)
        optimizer = make_optimizer(net, TrainConfig(lr=0.1))
        net(torch.ones(1)).backward()
        before = net.bias.item()
        optimizer.step()
        assert net.bias.item() == pytest.approx(before - 0.1, abs=1e-5)
    finally:
        schedule._has_fused_update.cache_clear()
