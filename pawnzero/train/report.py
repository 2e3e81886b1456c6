"""The results of a training run: figures gathered step by step, and the final report."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Dict, List, Optional, Tuple

import torch

from pawnzero.alarms import Alarm
from pawnzero.config import TrainConfig
from pawnzero.train.auxiliary import OF_REPLY
from pawnzero.train.losses import OF_POLICY
from pawnzero.train.step import LOSS_FIGURES, STEP_FIGURES, name_figures, of_nothing


@dataclass(frozen=True)
class TrainReport:
    """The result of one call of `train`. Losses are in nats; None if no step was made, or no sample contributes to them.

    step, epoch:        steps made and epochs completed by all calls
    steps_done, samples: in this call
    stage_steps, stage_samples: in all calls of this stage, including interrupted ones
    loss, policy_loss, value_loss: means over this call's samples; those of cheap searches have no policy
    last_loss:          mean over the last logged steps
    policy_kl:          policy_loss minus the target's entropy, the part that can still be learned; over the last logged steps
    policy_accuracy, value_accuracy: over the last logged steps
    held_out_policy_loss, held_out_value_loss: at the end, on games that are never trained on; None where there are none
    samples_per_second: from the first step to the last, logging and saving included
    overflows:          steps skipped because the gradient overflowed in half precision
    micro_batch:        samples in one pass, at the end
    interrupted:        a signal stopped the training, even if `until_step` had just been reached
    alarms:             signs of bad training, see `pawnzero.alarms`
    checkpoint:         path of the last numbered checkpoint written
    """

    step: int
    steps_done: int
    epoch: int
    samples: int
    loss: Optional[float]
    policy_loss: Optional[float]
    value_loss: Optional[float]
    last_loss: Optional[float]
    policy_kl: Optional[float]
    policy_accuracy: Optional[float]
    value_accuracy: Optional[float]
    held_out_policy_loss: Optional[float]
    held_out_value_loss: Optional[float]
    samples_per_second: Optional[float]
    stage_steps: int
    stage_samples: int
    overflows: int
    micro_batch: int
    interrupted: bool
    device: str
    precision: str
    checkpoint: Optional[str]
    alarms: Tuple[Alarm, ...] = ()

    def to_json(self) -> Dict[str, Any]:
        """The report as plain values."""
        return {**asdict(self), "alarms": [asdict(alarm) for alarm in self.alarms]}


class Tally:
    """Figures of the steps since the last reading, and means over all steps. They stay on the device until they are read.

    Means are over samples: a step's figure is weighted by the number of its samples that have it, which for policy figures may
    be few or none (`figure_weights`). If no step has any, the figure keeps the value last read; before the first, it is left
    out.
    """

    def __init__(self, config: TrainConfig) -> None:
        self.overflows = 0
        self._config = config
        self._waiting: List[torch.Tensor] = []
        self._weights: List[List[float]] = []
        self._ages: List[float] = []
        self._means = torch.zeros(len(LOSS_FIGURES), dtype=torch.float64)
        self._sums = torch.zeros(len(LOSS_FIGURES), dtype=torch.float64)
        self._totals = torch.zeros(len(LOSS_FIGURES), dtype=torch.float64)

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, figures: torch.Tensor, weights: List[float], replay_age: float) -> None:
        """Add one step's STEP_FIGURES, the weights of its LOSS_FIGURES, and its samples' mean age in rows."""
        self._waiting.append(figures)
        self._weights.append(weights)
        self._ages.append(replay_age)

    def read(self, scaled: bool) -> Reading:
        """Means over the steps since the last reading; waits for the device.

        scaled: the loss is scaled, so that a gradient that is not finite only means a skipped step.
        """
        rows = torch.stack(self._waiting).double().cpu()
        weights, ages = torch.tensor(self._weights, dtype=torch.float64), self._ages
        self._waiting, self._weights, self._ages = [], [], []
        norms = rows[:, -1]
        fine = torch.isfinite(norms)
        finite = torch.isfinite(rows[:, :-1]).all(1) & (fine | scaled)
        if not bool(finite.all()):
            return Reading({}, first_ill=int((~finite).nonzero()[0]))
        overflows = int((~fine).sum())
        sums, totals = (rows[:, :-1] * weights).sum(0), weights.sum(0)
        self._means = _ratio(sums, totals, self._means)
        self._sums, self._totals = self._sums + sums, self._totals + totals
        figures = self._named(self._means)
        figures["grad_norm"] = float(norms[fine].mean()) if overflows < len(rows) else 0.0
        figures["replay_age"] = sum(ages) / len(ages)
        figures["overflows"] = overflows
        self.overflows += overflows
        return Reading(figures, first_ill=None)

    def mean(self, name: str) -> Optional[float]:
        """Mean of a figure over all steps read; None until a step has contributed to it."""
        if not bool(self._totals.any()):
            return None
        return self._named(_ratio(self._sums, self._totals, self._means)).get(name)

    def _named(self, means: torch.Tensor) -> Dict[str, float]:
        """`name_figures` of means, without those that no step read has contributed to."""
        totals = dict(zip(LOSS_FIGURES, self._totals.tolist()))
        missing = of_nothing(totals[OF_POLICY[0]], totals[OF_REPLY[0]], self._config)
        return {name: mean for name, mean in name_figures(means.tolist(), self._config).items() if name not in missing}


def _ratio(sums: torch.Tensor, totals: torch.Tensor, otherwise: torch.Tensor) -> torch.Tensor:
    """sums / totals, and `otherwise` where a total is 0. All [K] float64."""
    return torch.where(totals > 0.0, sums / totals.clamp(min=1e-12), otherwise)


@dataclass(frozen=True)
class Reading:
    """Means by name, or the index among the steps read of the first whose loss or gradient was not finite."""

    figures: Dict[str, float]
    first_ill: Optional[int]


assert STEP_FIGURES[-1] == "grad_norm"


def rounded(figures: Dict[str, float]) -> Dict[str, float]:
    """Figures rounded to seven significant digits, about float32's precision, to keep files short."""
    return {name: value if value == 0 or not math.isfinite(value) else float(f"{value:.7g}") for name, value in figures.items()}
