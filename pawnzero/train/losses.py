"""The policy and value targets and the loss, with figures that show what the loss alone hides.

The loss is AlphaZero's (Silver et al. 2018) with a WDL head in place of the scalar value: cross-entropy of the policy over
the legal actions with the search's improved policy, plus cross-entropy of the WDL with a mix of the game's result and the
root's WDL. Weight decay is left to the optimizer.

All figures are sums over samples divided by the totals of the whole effective batch, so that the figures and gradients of its
micro-batches add up to those of the batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Sequence, Tuple

import torch

from pawnzero.config import TrainConfig

CALIBRATION_BINS = 10
_CALIBRATION = 3 * CALIBRATION_BINS

FIGURES = (
    "policy_loss",  # cross-entropy, nats
    "value_loss",  # cross-entropy, nats
    "target_entropy",  # of the search's policy, nats
    "policy_entropy",  # of the net's policy over legal actions, nats
    "policy_accuracy",  # share of samples whose most likely action is the target's
    "value_accuracy",  # share of samples whose most likely outcome is the game's result
    "draws",  # share of samples from drawn games
    "predicted_score",  # mean of P(win) + P(draw) / 2 for the player to move
    "observed_score",  # mean of the game's result: 1 won, 1/2 drawn, 0 lost
    *(f"calibration_{i}" for i in range(_CALIBRATION)),  # see `_calibration`
)
"""Names of the figures that `losses` returns, in order."""
OF_POLICY = ("policy_loss", "target_entropy", "policy_entropy", "policy_accuracy")
"""Those of them that are means over the samples with a policy weight; 0 for a batch without any."""


@dataclass(frozen=True)
class Targets:
    """Policy and value targets of a (micro-)batch of B samples, as tensors on the net's device.

    legal         [B, M] int64    legal actions; only the first `count` of a row are valid
    count         [B] int64       number of legal actions
    policy        [B, M] float32  the search's improved policy, in the order of `legal`; 0 past `count`
    policy_weight [B] float32     0 for samples whose policy is not trained on
    result_wdl    [B, 3] float32  the game's result, one-hot, for the player to move
    root_wdl      [B, 3] float32  the root's WDL, for the player to move
    """

    legal: torch.Tensor
    count: torch.Tensor
    policy: torch.Tensor
    policy_weight: torch.Tensor
    result_wdl: torch.Tensor
    root_wdl: torch.Tensor


def losses(
    policy_logits: torch.Tensor,
    wdl_logits: torch.Tensor,
    targets: Targets,
    *,
    value_mix: float,
    value_weight: float,
    policy_total: float,
    samples_total: int,
) -> Tuple[torch.Tensor, torch.Tensor]:
    """The loss to differentiate, and the figures.

    policy_logits [B, A], wdl_logits [B, 3], any float type; computed in float32.
    policy_total is the sum of `policy_weight` and samples_total the number of samples, both of the whole effective batch.
    Returns (loss: scalar, figures: [len(FIGURES)] float32 without gradient).
    """
    logits, inside = legal_logits(policy_logits, targets.legal, targets.count)
    log_policy = torch.log_softmax(logits, dim=1)
    finite_log_policy = log_policy.masked_fill(~inside, 0.0)
    weight = targets.policy_weight / max(policy_total, 1e-12)
    policy_loss = -(weight * (targets.policy * finite_log_policy).sum(1)).sum()

    log_wdl = torch.log_softmax(wdl_logits.float(), dim=1)
    wdl = (1.0 - value_mix) * targets.result_wdl + value_mix * targets.root_wdl
    value_loss = -(wdl * log_wdl).sum() / samples_total

    with torch.no_grad():
        target_entropy = -(weight * torch.xlogy(targets.policy, targets.policy).sum(1)).sum()
        policy_entropy = -(weight * (log_policy.exp() * finite_log_policy).sum(1)).sum()
        agrees = (logits.argmax(1) == targets.policy.argmax(1)).float()
        foresees = (log_wdl.argmax(1) == targets.result_wdl.argmax(1)).float()
        predicted = log_wdl.exp()
        of_policy = torch.stack([policy_loss, target_entropy, policy_entropy, (weight * agrees).sum()])
        of_value = [foresees.sum(), targets.result_wdl[:, 1].sum(), _score(predicted), _score(targets.result_wdl)]
        sums = torch.cat([torch.stack(of_value), _calibration(predicted, targets.result_wdl)]) / samples_total
        figures = torch.cat([of_policy[:1], value_loss.reshape(1), of_policy[1:], sums])
    return policy_loss + value_weight * value_loss, figures


def legal_logits(policy_logits: torch.Tensor, legal: torch.Tensor, count: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
    """Logits of the legal actions, in the order of `legal`.

    policy_logits [B, A], legal [B, M] int64, count [B] → (logits [B, M] float32, -inf past `count`; inside [B, M] bool).
    """
    inside = torch.arange(legal.shape[1], device=legal.device) < count.unsqueeze(1)
    logits = policy_logits.gather(1, legal * inside).float()
    return logits.masked_fill(~inside, float("-inf")), inside


def _score(wdl: torch.Tensor) -> torch.Tensor:
    """Sum over wdl [B, 3] of win + draw / 2."""
    return wdl[:, 0].sum() + wdl[:, 1].sum() / 2


def _calibration(predicted: torch.Tensor, observed: torch.Tensor) -> torch.Tensor:
    """[3 · bins] float32: the sum of predicted - observed, by win, draw and loss, in bins of the predicted probability.

    predicted, observed [B, 3]. A well calibrated net has sums near 0 in all bins.
    """
    tenth = (predicted * CALIBRATION_BINS).long().clamp_(0, CALIBRATION_BINS - 1)
    which = tenth + torch.arange(3, device=predicted.device) * CALIBRATION_BINS
    sums = torch.zeros(_CALIBRATION, device=predicted.device)
    return sums.index_add_(0, which.flatten(), (predicted - observed).flatten())


def named(figures: Sequence[float], config: TrainConfig) -> Dict[str, float]:
    """Figures by name, with three that are derived from them.

    loss:              the weighted sum that training minimizes
    policy_kl:         policy loss minus the target's entropy, the part that can still be learned
    value_calibration: expected calibration error of the WDL against the games' results (Naeini et al. 2015; Guo et al. 2017),
                       the mean over win, draw and loss of the sum over bins of |predicted - observed|; it replaces the
                       figures `calibration_…`
    """
    values = dict(zip(FIGURES, figures))
    errors = [values.pop(f"calibration_{i}") for i in range(_CALIBRATION)]
    return {
        "loss": values["policy_loss"] + config.value_weight * values["value_loss"],
        **values,
        "policy_kl": values["policy_loss"] - values["target_entropy"],
        "value_calibration": sum(abs(error) for error in errors) / 3,
    }
