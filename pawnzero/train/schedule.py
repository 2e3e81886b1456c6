"""How fast a step learns: the learning rate, which weights decay, and how far the averaged weights look back."""

from __future__ import annotations

from typing import Dict, List

import torch
from torch import nn

from pawnzero.config import TrainConfig


def learning_rate(step: int, config: TrainConfig) -> float:
    """Rate of the step that follows `step` finished ones: a linear rise over `warmup_steps`, then constant."""
    return config.lr * min(1.0, (step + 1) / max(config.warmup_steps, 1))


def averaging_decay(step: int, config: TrainConfig) -> float:
    """Share of the old average that is kept when the weights after `step` steps join it.

    (1 + step) / (10 + step) until that exceeds `ema_decay`, so that a short run's average is not mostly its start
    (the rule of TensorFlow's ExponentialMovingAverage with `num_updates`).
    """
    return min(config.ema_decay, (1.0 + step) / (10.0 + step))


@torch.no_grad()
def average(averaged: List[torch.Tensor], current: List[torch.Tensor], decay: float) -> None:
    """averaged = decay · averaged + (1 - decay) · current, in place."""
    # A few launches for all tensors, as in torch's own optimizers: one launch each would cost a GPU 5 % of a small net's step.
    torch._foreach_mul_(averaged, decay)
    torch._foreach_add_(averaged, current, alpha=1.0 - decay)


def make_optimizer(net: nn.Module, config: TrainConfig) -> torch.optim.AdamW:
    """AdamW (Loshchilov & Hutter 2019), decay on matrices and convolutions only: a bias or a scale has no slope to limit."""
    parameters = list(net.parameters())
    groups: List[Dict[str, object]] = [
        {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": config.wd},
        {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
    ]
    try:
        return torch.optim.AdamW(groups, lr=config.lr, fused=True)
    except (TypeError, RuntimeError):  # torch before 2.0, and before 2.4 on a CPU
        return torch.optim.AdamW(groups, lr=config.lr)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give every group of parameters the learning rate `rate`."""
    for group in optimizer.param_groups:
        group["lr"] = rate
