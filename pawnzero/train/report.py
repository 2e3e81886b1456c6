"""What a training run came to: figures gathered step by step, and the report of the whole."""

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
    """One call of `train`. Losses in nats; None where no step was made, or no sample has what they are means over.

    step, epoch:        steps made and epochs completed by all calls
    steps_done, samples: in this call
    stage_steps, stage_samples: in all calls of this stage, one that was interrupted before among them
    loss, policy_loss, value_loss: means over this call's samples; those of cheap searches have no policy
    last_loss:          mean over the last logged steps
    policy_kl:          policy_loss less the target's entropy, which is what can still be learned; over the last logged steps
    policy_accuracy, value_accuracy: over the last logged steps
    held_out_policy_loss, held_out_value_loss: at the end, on games that are never trained on; None where there are none
    samples_per_second: from the first step to the last, everything included
    overflows:          steps that half precision overflowed in, which moved nothing
    micro_batch:        samples of one pass, in the end
    interrupted:        a signal came while it trained; it stopped there, whether or not `until_step` was reached
    alarms:             what is ill about the training, see `pawnzero.alarms`
    checkpoint:         the last numbered checkpoint written, a path
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
    """Figures of the steps since the last reading, and means over all. They stay on the device until they are read.

    A mean is one over samples: a step counts by as many of its samples as a figure is of, which for those of the policy may be
    few or none (`figure_weights`). Where none of the steps has any, the figure stays as it was read last, and until there was
    one it is left out.
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
        """One step's STEP_FIGURES, what each of LOSS_FIGURES weighs, and its samples' mean age in rows."""
        self._waiting.append(figures)
        self._weights.append(weights)
        self._ages.append(replay_age)

    def read(self, scaled: bool) -> Reading:
        """Means over the steps since the last reading; waits for the device.

        scaled: an infinite gradient is a step that was skipped, nothing worse.
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
        """Mean of a loss over all steps read; None before the first that says anything of it."""
        if not bool(self._totals.any()):
            return None
        return self._named(_ratio(self._sums, self._totals, self._means)).get(name)

    def _named(self, means: torch.Tensor) -> Dict[str, float]:
        """`name_figures` of means, without those of which no step that was read says anything."""
        totals = dict(zip(LOSS_FIGURES, self._totals.tolist()))
        missing = of_nothing(totals[OF_POLICY[0]], totals[OF_REPLY[0]], self._config)
        return {name: mean for name, mean in name_figures(means.tolist(), self._config).items() if name not in missing}


def _ratio(sums: torch.Tensor, totals: torch.Tensor, otherwise: torch.Tensor) -> torch.Tensor:
    """sums ÷ totals, and `otherwise` where a total is 0. All [K] float64."""
    return torch.where(totals > 0.0, sums / totals.clamp(min=1e-12), otherwise)


@dataclass(frozen=True)
class Reading:
    """Means by name, or which of the steps read (from 0) was the first whose loss or gradient was not finite."""

    figures: Dict[str, float]
    first_ill: Optional[int]


assert STEP_FIGURES[-1] == "grad_norm"


def rounded(figures: Dict[str, float]) -> Dict[str, float]:
    """Figures with seven significant digits, as float32 has them: shorter to write and to read."""
    return {name: value if value == 0 or not math.isfinite(value) else float(f"{value:.7g}") for name, value in figures.items()}
