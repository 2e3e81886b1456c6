"""How fast a step learns: the learning rate, which weights decay, and how far the averaged weights look back."""

from __future__ import annotations

import math
from typing import Dict, List, Mapping, Optional

import torch
from torch import nn

from pawnzero.config import TrainConfig

NET = "net"
"""The optimizer's name for the net itself, beside the auxiliary heads'."""


def learning_rate(step: int, config: TrainConfig, begin: int, end: int) -> float:
    """Rate of the step that follows `step` finished ones.

    It rises linearly over the agent's first `warmup_steps` to `lr`, and then by `schedule`
      constant: stays;
      cosine:   falls along half a wave to lr · `schedule_factor` (Loshchilov and Hutter, "SGDR", 2017), from the end of the
                rise to step `schedule_steps` of the agent; where that is 0, over this call's steps, from `begin` to `end`;
      drop:     is lr · `schedule_factor` from step `schedule_steps` on.
    """
    rise = min(1.0, (step + 1) / max(config.warmup_steps, 1))
    if config.schedule == "constant":
        return config.lr * rise
    if config.schedule_steps > 0:
        begin, end = 0, config.schedule_steps
    if config.schedule == "cosine":
        fallen = _half_wave(step, max(begin, config.warmup_steps), end)
    else:
        fallen = 1.0 if step >= end else 0.0
    return config.lr * rise * (1.0 - fallen * (1.0 - config.schedule_factor))


def _half_wave(step: int, begin: int, end: int) -> float:
    """From 0 at `begin` to 1 at `end`, slow at both ends."""
    share = (min(step, end) - begin) / (end - begin) if begin < end else float(step >= end)
    return (1.0 - math.cos(math.pi * max(0.0, share))) / 2.0


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


def make_optimizer(net: nn.Module, config: TrainConfig, heads: Optional[Mapping[str, nn.Module]] = None) -> torch.optim.AdamW:
    """AdamW (Loshchilov & Hutter 2019), decay on matrices and convolutions only: a bias or a scale has no slope to limit.

    Two groups of parameters for the net, then two for each of the auxiliary `heads`; `part` says whose a group is.
    """
    groups: List[Dict[str, object]] = []
    for part, module in {NET: net, **(heads or {})}.items():
        parameters = list(module.parameters())
        groups.append({"params": [p for p in parameters if p.dim() >= 2], "weight_decay": config.wd, "part": part})
        groups.append({"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0, "part": part})
    try:
        return torch.optim.AdamW(groups, lr=config.lr, fused=True)
    except (TypeError, RuntimeError):  # torch before 2.0, and before 2.4 on a CPU
        return torch.optim.AdamW(groups, lr=config.lr)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give every group of parameters the learning rate `rate`."""
    for group in optimizer.param_groups:
        group["lr"] = rate
