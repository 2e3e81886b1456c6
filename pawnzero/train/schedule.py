"""Schedules and the optimizer: the learning rate, which weights decay, and the moving average of the weights."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, Dict, List, Mapping, Optional

import torch
from torch import nn

from pawnzero.config import TrainConfig

NET = "net"
"""The `part` of the optimizer's parameter groups that belong to the net itself, not to an auxiliary head."""


def learning_rate(step: int, config: TrainConfig, begin: int, end: int, born: int = 0) -> float:
    """Learning rate of the step that follows `step` finished ones, in a stage of the steps `begin` to `end`.

    born: the step at which the net last started anew; 0: only when it was made

    It rises linearly to `lr` over the net's first `warmup_steps`. In a stage that started it anew it then falls like cosine,
    over that stage. Otherwise, by `schedule`, it
      constant: stays at `lr`;
      cosine:   decays along half a cosine wave to lr · `schedule_factor` (Loshchilov and Hutter, "SGDR", 2017), from the end
                of the warm-up to the agent's step `schedule_steps`; if that is 0, over the stage's steps, `begin` to `end`;
      drop:     is lr · `schedule_factor` from the agent's step `schedule_steps` on.
    """
    rise = min(1.0, (step - born + 1) / max(config.warmup_steps, 1))
    if 0 < born == begin:
        return config.lr * rise * _left(_half_wave(step, begin + config.warmup_steps, end), config)
    if config.schedule == "constant":
        return config.lr * rise
    if config.schedule_steps > 0:
        begin, end = 0, config.schedule_steps
    if config.schedule == "cosine":
        fallen = _half_wave(step, max(begin, config.warmup_steps), end)
    else:
        fallen = 1.0 if step >= end else 0.0
    return config.lr * rise * _left(fallen, config)


def _left(fallen: float, config: TrainConfig) -> float:
    """The share of `lr` that is left when it has fallen by the share `fallen` of its way to `schedule_factor`."""
    return 1.0 - fallen * (1.0 - config.schedule_factor)


def _half_wave(step: int, begin: int, end: int) -> float:
    """Half a cosine wave that rises from 0 at `begin` to 1 at `end`."""
    share = (min(step, end) - begin) / (end - begin) if begin < end else float(step >= end)
    return (1.0 - math.cos(math.pi * max(0.0, share))) / 2.0


def averaging_decay(step: int, config: TrainConfig) -> float:
    """Decay of the weights' moving average at its update with the weights after `step` steps of the net.

    (1 + step) / (10 + step) until that exceeds `ema_decay`, so that the average of a short run is not dominated by the initial
    weights (the rule of TensorFlow's ExponentialMovingAverage with `num_updates`).
    """
    return min(config.ema_decay, (1.0 + step) / (10.0 + step))


@torch.no_grad()
def average(averaged: List[torch.Tensor], current: List[torch.Tensor], decay: float) -> None:
    """averaged = decay · averaged + (1 - decay) · current, in place."""
    # A few kernel launches for all tensors, as in torch's own optimizers; one per tensor would cost 5 % of a small net's step.
    torch._foreach_mul_(averaged, decay)
    torch._foreach_add_(averaged, current, alpha=1.0 - decay)


def make_optimizer(net: nn.Module, config: TrainConfig, heads: Optional[Mapping[str, nn.Module]] = None) -> torch.optim.AdamW:
    """AdamW (Loshchilov & Hutter 2019), with weight decay on matrices and convolutions only, not on biases and scales.

    There are two parameter groups for the net, then two for each of the auxiliary `heads`; a group's `part` names its owner.
    """
    groups: List[Dict[str, object]] = []
    for part, module in {NET: net, **(heads or {})}.items():
        parameters = list(module.parameters())
        groups.append({"params": [p for p in parameters if p.dim() >= 2], "weight_decay": config.wd, "part": part})
        groups.append({"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0, "part": part})
    fused: Dict[str, Any] = {"fused": True} if _has_fused_update(next(net.parameters()).device) else {}
    return torch.optim.AdamW(groups, lr=config.lr, **fused)


@lru_cache(maxsize=None)
def _has_fused_update(device: torch.device) -> bool:
    """Whether this torch updates all weights on the device by one kernel: from 2.0 on, on a CPU from 2.4 on.

    Versions in between accept the option for a CPU and fail in the first step, so a step is tried.
    """
    weight = torch.zeros(1, device=device, requires_grad=True)
    weight.grad = torch.zeros_like(weight)
    try:
        torch.optim.AdamW([weight], fused=True).step()
    except (TypeError, RuntimeError):
        return False
    return True


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of every parameter group."""
    for group in optimizer.param_groups:
        group["lr"] = rate
