"""One training step: forward and backward passes over micro-batches, gradient clipping, the update, the moving average."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import Dict, Iterator, List, Sequence, Set, Tuple

import torch

from pawnzero.config import TrainConfig
from pawnzero.errors import PawnzeroError
from pawnzero.games import get_game
from pawnzero.nets.auxiliary import Outputs
from pawnzero.nets.device import is_out_of_memory
from pawnzero.train.auxiliary import AUXILIARY_FIGURES, OF_REPLY, auxiliary_losses, named_auxiliary
from pawnzero.train.losses import FIGURES, OF_POLICY, losses, named
from pawnzero.train.memory import SMALLER_NET, MicroBatch, allocate_moments, patiently, versions
from pawnzero.train.precision import TrainPrecision
from pawnzero.train.samples import Samples
from pawnzero.train.schedule import learning_rate, set_rate
from pawnzero.train.state import TrainState
from pawnzero.train.team import Team

LOSS_FIGURES = (*FIGURES, *AUXILIARY_FIGURES)
"""Names of the figures that `Stepper.measure` returns, in order."""
STEP_FIGURES = (*LOSS_FIGURES, "grad_norm")
"""Names of the figures that `Stepper.step` returns, in order."""


def name_figures(values: Sequence[float], config: TrainConfig) -> Dict[str, float]:
    """LOSS_FIGURES by name, without those of heads that are not in use, and the figures derived from them."""
    figures = named(values[: len(FIGURES)], config)
    of_heads = named_auxiliary(values[len(FIGURES) :], config)
    return {**figures, **of_heads, "loss": figures["loss"] + of_heads["loss"]}


def figure_weights(samples: Samples) -> List[float]:
    """The weight of each of LOSS_FIGURES in a mean over several batches: the number of samples that it is a mean over.

    If the policy (or reply) weight of all samples is 0, so is that of its figures, which have no meaning then.
    """
    special = {**dict.fromkeys(OF_POLICY, samples.policy_total), **dict.fromkeys(OF_REPLY, samples.reply_total)}
    return [special.get(name, float(samples.samples_total)) for name in LOSS_FIGURES]


def of_nothing(policy_total: float, reply_total: float, config: TrainConfig) -> Set[str]:
    """Names in `name_figures` without meaning because no sample contributes to them; if there are any, also "loss".

    The totals are those of `Samples`, of one batch or summed over several.
    """
    missing = set(OF_POLICY) | {"policy_kl"} if not policy_total else set()
    if config.reply_weight > 0.0 and not reply_total:
        missing |= set(OF_REPLY)
    return missing | {"loss"} if missing else missing


class Stepper:
    """Takes steps with one state on one device in one precision.

    The gradient of a step is that of its whole effective batch, whatever the micro-batch: each pass, and each process of the
    team, adds the share of its samples.
    """

    def __init__(
        self,
        state: TrainState,
        config: TrainConfig,
        device: torch.device,
        precision: TrainPrecision,
        micro: MicroBatch,
        team: Team,
    ) -> None:
        self.state = state
        self.micro = micro
        self.updating = False
        """True while weights, moving average and step number may be inconsistent."""
        self._config = config
        self._device = device
        self._precision = precision
        self._board_shape = get_game(state.net.game_name).board_shape
        self._scaler = precision.make_scaler(device, state.scaler)
        self._team = team
        self._tried = team.size == 1
        self._shared = team.wrap(state.module)
        self._pointwise = [weight for weight in state.parameters if weight.dim() == 4 and weight[0, 0].numel() == 1]
        """Weights of 1×1 convolutions."""
        patiently(lambda: allocate_moments(state.optimizer), f"the optimizer's moments; {SMALLER_NET}")

    def step(self, samples: Samples) -> torch.Tensor:
        """Train on one effective batch. Returns its STEP_FIGURES before the update, a [K] float32 tensor on the device.

        Raises PawnzeroError if a single sample does not fit in memory, or another process of the team has ended.
        """
        stage = self.state.stage
        assert stage is not None
        set_rate(
            self.state.optimizer,
            learning_rate(self.state.step, self._config, stage.start_step, stage.until_step, self.state.born),
        )
        if not self._tried:
            self._try_out(samples)
        with self._team.step():
            figures = self.micro.run(lambda size: self._train_on(samples, size))
        self.state.adapt(self.micro.size, self.micro.fitted.key)
        return figures

    def _try_out(self, samples: Samples) -> None:
        """Find the micro-batch that fits into the memory of every process, in passes without communication.

        Once gradients are exchanged, a process cannot repeat a step without the others, so from then on running out of memory
        is an error.
        """
        self.micro.run(lambda size: self._gradients(samples, size, alone=True))
        self.micro.settle(self._team.least(self.micro.size))
        self._tried = True

    @torch.no_grad()
    def measure(self, samples: Samples) -> torch.Tensor:
        """LOSS_FIGURES of the net's current weights, without training: [K] float32 tensor on the device."""

        def work(size: int) -> torch.Tensor:
            parts = [self._loss(samples, start, size)[1] for start in range(0, len(samples), size)]
            return torch.stack(parts).sum(0)

        return MicroBatch(self.micro.size, len(samples), self.micro.progress, self.micro.fitted).run(work)

    def save(self, folder: Path, keep: int) -> Path:
        """Call `TrainState.save` with the current state of the loss scaling."""
        self._keep_scaler()
        return self.state.save(folder, keep)

    def save_latest(self, folder: Path) -> None:
        """Call `TrainState.save_latest` with the current state of the loss scaling."""
        self._keep_scaler()
        self.state.save_latest(folder)

    def _keep_scaler(self) -> None:
        if self._scaler is not None:
            self.state.scaler = self._scaler.state_dict()  # only when saving, since it waits for the device

    def _train_on(self, samples: Samples, size: int) -> torch.Tensor:
        """One complete step with passes of `size` samples. If memory runs out, nothing has changed and it can be repeated.

        Raises PawnzeroError if memory ran out halfway through the update of the weights.
        """
        figures = self._gradients(samples, size)
        before = versions(self.state.optimizer)
        try:
            with self._update():
                norm = self._apply(samples.samples_total)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if versions(self.state.optimizer) != before:
                raise PawnzeroError(
                    "training: out of memory while the weights were updated; run the same command again to go on from the last "
                    "checkpoint"
                ) from None
            self.updating = False
            if self._scaler is not None:  # it may have unscaled already
                self._scaler = self._precision.make_scaler(self._device, self._scaler.state_dict())
            raise
        return torch.cat([self._team.total(figures), norm.reshape(1)])

    def _gradients(self, samples: Samples, size: int, alone: bool = False) -> torch.Tensor:
        """Compute the batch's gradient afresh, into the net's parameters; returns the figures of this process's share.

        alone: do not exchange gradients, so that the gradient is this process's part only.
        """
        self.state.optimizer.zero_grad(set_to_none=True)
        total = torch.zeros(len(LOSS_FIGURES), device=self._device)
        for start in range(0, len(samples), size):
            last = start + size >= len(samples)
            with self._team.passes(self._shared, last and not alone):
                loss, figures = self._loss(samples, start, size)
                if self._team.size > 1:
                    loss = loss * self._team.size  # processes exchange the mean of their gradients, not the sum
                (loss if self._scaler is None else self._scaler.scale(loss)).backward()
            total += figures
        return total

    def _loss(self, samples: Samples, start: int, size: int) -> Tuple[torch.Tensor, torch.Tensor]:
        stop = min(start + size, len(samples))
        planes = samples.planes(start, stop, self._board_shape, self._device)
        with self._precision.autocast(self._device):
            outputs: Outputs = (self._shared if torch.is_grad_enabled() else self.state.module)(planes)
        loss, figures = losses(
            outputs.policy,
            outputs.wdl,
            samples.targets(start, stop, self._device),
            value_mix=self._config.value_mix,
            value_weight=self._config.value_weight,
            policy_total=samples.policy_total,
            samples_total=samples.samples_total,
        )
        if not self.state.module.heads:
            return loss, torch.cat([figures, figures.new_zeros(len(AUXILIARY_FIGURES))])
        extra, figures_of_heads = auxiliary_losses(
            outputs,
            samples.auxiliary_targets(start, stop, self._device),
            self._config,
            reply_total=samples.reply_total,
            samples_total=samples.samples_total,
        )
        return loss + extra, torch.cat([figures, figures_of_heads])

    def _apply(self, samples: int) -> torch.Tensor:
        """Update the weights with the gradient of `samples` samples; returns its norm before clipping to `grad_clip`."""
        if self._scaler is not None:
            self._scaler.unscale_(self.state.optimizer)
        self.state.net.tie_gradients()
        self._lay_out_gradients()
        limit = self._config.grad_clip or float("inf")
        norm = torch.nn.utils.clip_grad_norm_(self.state.parameters, limit)
        if self._scaler is None:
            self.state.optimizer.step()
        else:
            self._scaler.step(self.state.optimizer)
            self._scaler.update()
        self.state.advance(self._config, samples)
        return norm

    def _lay_out_gradients(self) -> None:
        """Give gradients the strides of their weights, which torch's fused update required before 2.5.

        Backward does that itself unless only dimensions of size 1 differ: then it keeps the strides of ROCm's convolution.
        """
        for weight in self._pointwise:
            if weight.grad is not None and weight.grad.stride() != weight.stride():
                weight.grad = torch.empty_like(weight).copy_(weight.grad)

    @contextmanager
    def _update(self) -> Iterator[None]:
        self.updating = True
        yield
        self.updating = False
