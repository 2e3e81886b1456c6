"""Auxiliary losses: the opponent's reply, and the number of plies left in the game.

They train heads that exist only during training (`pawnzero.nets.auxiliary`). As in `losses`, figures are sums divided by the
totals of the whole effective batch, so that the figures of its micro-batches add up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Optional, Sequence, Tuple

import torch
from torch.nn import functional

from pawnzero.config import TrainConfig
from pawnzero.nets.auxiliary import Outputs

AUXILIARY_FIGURES = (
    "reply_loss",  # cross-entropy, nats
    "reply_accuracy",  # share of replies whose most likely action is the target's
    "plies_left_loss",  # Huber loss of the logarithm
    "plies_left_error",  # mean absolute error, plies
)
"""Names of the figures that `auxiliary_losses` returns, in order; 0 for a head the net does not have."""
OF_REPLY = ("reply_loss", "reply_accuracy")
"""Those of them that are means over the samples with a reply; 0 for a batch without any."""


@dataclass(frozen=True)
class AuxiliaryTargets:
    """Targets of the auxiliary heads for B samples, as tensors on the net's device.

    reply_legal [B, M] int64, reply_policy [B, M] float32, reply_weight [B] float32: see `pawnzero.replay.sampling.Reply`
    plies_left  [B] float32: plies to the end of the game, 1 or more
    """

    reply_legal: Optional[torch.Tensor]
    reply_policy: Optional[torch.Tensor]
    reply_weight: Optional[torch.Tensor]
    plies_left: torch.Tensor


def auxiliary_losses(
    outputs: Outputs, targets: AuxiliaryTargets, config: TrainConfig, *, reply_total: float, samples_total: int
) -> Tuple[torch.Tensor, torch.Tensor]:
    """The weighted auxiliary loss, to be added to that of `losses`, and its figures.

    reply_total is the sum of `reply_weight` and samples_total the number of samples, both of the whole effective batch.
    Returns (loss: scalar, figures: [len(AUXILIARY_FIGURES)] float32 without gradient).
    """
    nothing = outputs.wdl.new_zeros((), dtype=torch.float32)
    reply_loss, reply_accuracy = nothing, nothing
    if outputs.reply is not None:
        reply_loss, reply_accuracy = _reply(outputs.reply, targets, reply_total)
    plies_loss, plies_error = nothing, nothing
    if outputs.plies_left is not None:
        plies_loss, plies_error = _plies_left(outputs.plies_left.float(), targets.plies_left, samples_total)
    loss = config.reply_weight * reply_loss + config.plies_left_weight * plies_loss
    return loss, torch.stack([reply_loss, reply_accuracy, plies_loss, plies_error]).detach()


def _reply(logits: torch.Tensor, targets: AuxiliaryTargets, total: float) -> Tuple[torch.Tensor, torch.Tensor]:
    """Cross-entropy over all actions of the game, and accuracy.

    Illegal actions are not masked: which actions will be legal depends on the move still to be made, so predicting that is part
    of the task.
    """
    assert targets.reply_legal is not None
    assert targets.reply_policy is not None
    assert targets.reply_weight is not None
    weight = targets.reply_weight / max(total, 1e-12)
    log_policy = torch.log_softmax(logits.float(), dim=1).gather(1, targets.reply_legal)
    loss = -(weight * (targets.reply_policy * log_policy).sum(1)).sum()
    with torch.no_grad():
        likeliest = targets.reply_legal.gather(1, targets.reply_policy.argmax(1, keepdim=True)).squeeze(1)
        accuracy = (weight * (logits.argmax(1) == likeliest)).sum()
    return loss, accuracy


def _plies_left(logarithm: torch.Tensor, plies: torch.Tensor, total: int) -> Tuple[torch.Tensor, torch.Tensor]:
    """Huber loss of the logarithm, so that relative errors count alike in short and long games; and mean |error| in plies."""
    loss = functional.smooth_l1_loss(logarithm, plies.log(), reduction="sum") / total
    with torch.no_grad():
        error = (logarithm.exp() - plies).abs().sum() / total
    return loss, error


def named_auxiliary(figures: Sequence[float], config: TrainConfig) -> Dict[str, float]:
    """Figures by name, of the heads that are in use; `loss` is their weighted contribution to the total loss."""
    values = dict(zip(AUXILIARY_FIGURES, figures))
    asked = {"reply": config.reply_weight > 0.0, "plies_left": config.plies_left_weight > 0.0}
    shown = {name: value for name, value in values.items() if asked[name.rpartition("_")[0]]}
    weighed = config.reply_weight * values["reply_loss"] + config.plies_left_weight * values["plies_left_loss"]
    return {"loss": weighed, **shown}
