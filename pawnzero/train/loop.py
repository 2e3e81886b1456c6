"""The training loop: from the current step to a given one, with checkpoints; interruptions do not change the result."""

from __future__ import annotations

import math
import time
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Dict, Optional, Tuple

import torch

from pawnzero.alarms import Alarm, training_alarms
from pawnzero.config import Config
from pawnzero.errors import PawnzeroError, positive
from pawnzero.nets.fitted import Fitted
from pawnzero.nets.resnet import PolicyValueNet
from pawnzero.nets.threads import heed_quota
from pawnzero.progress import Progress
from pawnzero.replay import ReplayBuffer, Sampler
from pawnzero.train.crowding import Crowding
from pawnzero.train.heap import freed_memory_kept
from pawnzero.train.log import Record, TrainLog
from pawnzero.train.memory import SMALLER_NET, MicroBatch, patiently
from pawnzero.train.precision import TrainPrecision, check_precision, choose_precision
from pawnzero.train.prefetch import prefetch
from pawnzero.train.report import Tally, TrainReport, rounded
from pawnzero.train.samples import Samples, make_samples
from pawnzero.train.signals import StopRequest
from pawnzero.train.stage import Positions, begin_stage, open_state
from pawnzero.train.state import Stage, TrainState
from pawnzero.train.step import Stepper, figure_weights, name_figures, of_nothing
from pawnzero.train.team import ALONE, Team

LOG_EVERY = 10
"""Steps that one record of `train.json` averages over."""
SAVE_EVERY = 100
"""Steps between checkpoints."""
SAVE_SECONDS = 600.0
"""Seconds after a save from which the next logged record also saves `latest.pt`, in case steps take long."""

_ROWS_NAMED = 16
_WRITING = "writing a checkpoint; run the same command again to go on from the last one"


def train(
    buffer: ReplayBuffer,
    config: Config,
    *,
    checkpoints: Path,
    until_step: int,
    device: str = "auto",
    use_amp: bool = False,
    log: Optional[Path] = None,
    progress: Optional[Progress] = None,
    net: Optional[PolicyValueNet] = None,
    epoch_steps: Optional[int] = None,
    save_every: int = SAVE_EVERY,
    stage: str = "",
    reset: bool = False,
    team: Team = ALONE,
) -> TrainReport:
    """Train until the net has made `until_step` steps in all, and save it into the directory `checkpoints`.

    Resumes from ``checkpoints/latest.pt`` if it exists. Otherwise training starts from `net`, or from a new net of the
    configuration's shape and seed. `net` is trained in place and left on the device. A step uses `batch_size` ×
    `grad_accum_steps` samples, `batch_size` at a time. They are drawn from the rows in the buffer when the stage begins. A call
    that follows an interrupted one with the same `stage` and `until_step` resumes its stage, on a CPU bit for bit as if there
    had been no interruption.

    use_amp:     use half precision if the device (in a team, the leader's) gains from it; a note to `progress` says which.
    log:         path of `train.json`, which gets a record every LOG_EVERY steps; TensorBoard's files go beside it where that is
                 installed.
    epoch_steps: steps per epoch, by default `trainer_iters`.
    save_every:  steps between numbered checkpoints; there is always one at the end. `latest.pt` is written with each, and in
                 between where they are more than SAVE_SECONDS apart.
    stage:       name of what this training belongs to, chosen by the caller.
    reset:       start the stage with a new net, which takes the place of that in `latest.pt` and counts on from its steps.
    team:        the processes that share each step's samples; all make the same call, and only the leader writes and reports.

    On SIGINT, SIGTERM and SIGHUP (on the main thread) the current step is finished and saved, and `interrupted` is set in the
    report; `step` is `until_step` if the signal came during the last step or its save.

    Raises UsageError for a setting below 1 or a device that does not exist, PawnzeroError if the buffer is empty, `latest.pt`
    is damaged or of another game or shape, the directory cannot be written, one sample does not fit in memory, the loss is not
    finite (earlier checkpoints stay), or the device does not support the number format that the leader chose.
    """
    heed_quota()
    progress = (team.leads and progress) or Progress()
    positive(config.batch_size, "batch_size")
    positive(config.grad_accum_steps, "grad_accum_steps")
    epoch_steps = positive(config.trainer_iters if epoch_steps is None else epoch_steps, "steps of an epoch")
    where = team.device(device)
    first, stop = team.share(config.step_samples)
    a_pass = min(config.batch_size, stop - first)
    _make_folder(checkpoints)
    reset_for = (stage, until_step) if reset else None
    state = patiently(
        lambda: open_state(checkpoints, config, buffer.game.name, net, where, reset_for), f"the net; {SMALLER_NET}"
    )
    # One choice for all: each process would measure its own GPU, and gradients of scaled and unscaled losses would be summed.
    precision = team.tell(choose_precision(where, state.net.shape.channels, use_amp, a_pass) if team.leads else None)
    if not team.leads:
        check_precision(where, precision)
    if use_amp:
        progress.note(f"training on {where} in {precision.name}: {precision.reason}")
    unfinished = state.step < until_step
    positions = begin_stage(state, buffer, config, until_step, epoch_steps, progress, stage) if unfinished else None
    if team.tell(state.stage) != state.stage:
        raise PawnzeroError(
            "training: the processes found different states of the agent; start them again when nothing else writes to it"
        )
    run = _Run(state, config, where, precision, progress, team)
    if positions is not None:
        with freed_memory_kept() if where.type == "cpu" else nullcontext():
            run.go(positions, TrainLog(log if team.leads else None, state.step, progress), checkpoints, save_every)
        if buffer.damaged:
            progress.note(f"{buffer.path}: damaged rows (wrong checksum) were drawn {buffer.damaged} times and left out")
    team.tell(None)  # a barrier: no process returns before the leader has written its files
    return run.report(stage, until_step)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PawnzeroError(f"{folder}: cannot be created ({error.strerror})") from None


def _first_size(stage: Optional[Stage], fitted: Fitted, batch_size: int) -> int:
    """The initial micro-batch: that of a resumed stage if found under the same conditions, else what `fitted` remembers."""
    if stage is not None and stage.fitted_for == fitted.key and stage.micro_batch <= batch_size:
        return stage.micro_batch
    return fitted.recall()


class _Run:
    """One call of `train`: takes the steps, and writes records and checkpoints."""

    def __init__(
        self,
        state: TrainState,
        config: Config,
        device: torch.device,
        precision: TrainPrecision,
        progress: Progress,
        team: Team,
    ) -> None:
        self._state = state
        self._config = config
        self._device = device
        self._precision = precision
        self._progress = progress
        self._team = team
        self._share = team.share(config.step_samples)
        self._began_at = self._read_at = state.step
        self._tally = Tally(config.trainer)
        fitted = Fitted("training", state.net, device, precision.name, config.batch_size, progress)
        size = _first_size(state.stage, fitted, config.batch_size) if team.size == 1 else fitted.recall()
        self._micro = MicroBatch(size, self._share[1] - self._share[0], progress, fitted)
        self._stepper = Stepper(state, config.trainer, device, precision, self._micro, team)
        self._seconds = 0.0
        self._interrupted = False
        self._last: Dict[str, float] = {}
        self._held_out: Dict[str, float] = {}
        self._checkpoint: Optional[Path] = None
        self._alarms: Dict[str, Alarm] = {}
        self._crowding = Crowding()

    def go(self, positions: Positions, log: TrainLog, checkpoints: Path, save_every: int) -> None:
        """Take the remaining steps of the state's stage."""
        assert self._state.stage is not None
        steps = range(self._state.step, self._state.stage.until_step)
        self._progress.start("train", len(steps), "steps")
        began = self._clock = time.perf_counter()
        self._saved_at = time.monotonic()
        try:
            with StopRequest() as stop:
                self._loop(steps, positions, log, checkpoints, save_every, stop)
            # The last save may take long, and the loop does not look for signals after it.
            self._interrupted = self._interrupted or self._team.totals(float(stop.asked))[0] > 0.0
            if self._interrupted and self._state.step == steps.stop:
                self._progress.note(f"interrupted at step {steps.stop}, the last one; it is saved and training is complete")
        except KeyboardInterrupt:
            if self._stepper.updating:
                raise  # the state in memory is in the middle of an update; the one on disk is complete
            self._interrupted = True
            if self._state.step > self._began_at:
                self._save(positions, log, checkpoints)
        finally:
            self._seconds = time.perf_counter() - began
            log.close()
            self._progress.finish()

    def _loop(
        self, steps: range, positions: Positions, log: TrainLog, checkpoints: Path, save_every: int, stop: StopRequest
    ) -> None:
        def draw(step: int) -> Samples:
            return self._draw(positions.train, step, *self._share)

        with closing(prefetch(draw, steps)) as batches:
            for own in batches:
                samples, asked = self._of_all(own, stop.asked)
                self._tally.add(self._stepper.step(samples), figure_weights(samples), samples.age)
                step = self._state.step
                self._interrupted = stop.asked if self._team.size == 1 else asked
                if self._interrupted or step == steps.stop or step % save_every == 0:
                    self._save(positions, log, checkpoints)
                elif step % LOG_EVERY == 0:
                    log.add(self._read(positions))
                    if time.monotonic() - self._saved_at >= SAVE_SECONDS:
                        self._save_between(positions, log, checkpoints)
                shown = {"loss": f"{self._last['loss']:.3f}"} if "loss" in self._last else {}
                self._progress.advance(1, **shown)
                if self._interrupted:
                    return

    def _save(self, positions: Positions, log: TrainLog, checkpoints: Path) -> None:
        """Log the steps since the last record, and write checkpoints.

        Raises PawnzeroError if a step's figures or the net's outputs are not finite.
        """
        record = self._read(positions) if len(self._tally) else None
        self._held_out = self._measure(positions)
        if record is not None:
            log.add({**record, **self._held_out})
            log.write()
            self._look_for_alarms(log)
            self._look_for_crowding()
        if self._team.leads:
            self._checkpoint = patiently(lambda: self._stepper.save(checkpoints, self._config.keep_checkpoints), _WRITING)
        self._clock, self._saved_at = time.perf_counter(), time.monotonic()

    def _save_between(self, positions: Positions, log: TrainLog, checkpoints: Path) -> None:
        """Write latest.pt, right after a record. Nothing else may depend on the time of this save. Raises as `_save` does."""
        self._measure(positions)
        log.write()
        if self._team.leads:
            patiently(lambda: self._stepper.save_latest(checkpoints), _WRITING)
        self._clock, self._saved_at = time.perf_counter(), time.monotonic()

    def _read(self, positions: Positions) -> Record:
        """The means over the steps since the last reading, as a record. Raises PawnzeroError if a figure is not finite."""
        steps = len(self._tally)
        reading = self._tally.read(scaled=self._precision.scales)
        weight_norm = self._state.weight_norm()
        if reading.first_ill is not None or not math.isfinite(weight_norm):
            ill = steps - 1 if reading.first_ill is None else reading.first_ill
            raise self._ill(self._read_at + ill, positions.train)
        self._last = reading.figures
        self._read_at = self._state.step
        now = time.perf_counter()
        rate = steps * self._config.step_samples / max(now - self._clock, 1e-9)
        self._clock = now
        figures = {
            **reading.figures,
            "weight_norm": weight_norm,
            "lr": self._state.rate,
            "samples_per_second": rate,
        }
        return {"step": self._state.step, "epoch": self._state.epoch, "time": round(time.time(), 1), **rounded(figures)}

    def _measure(self, positions: Positions) -> Dict[str, float]:
        """Figures on held-out positions, without those that no position drawn has; empty if no game is held out.

        Raises PawnzeroError if the net's outputs are not finite (checked on training positions if no game is held out). A
        step's figures are computed before its update, so nothing else would notice that the last update went wrong.
        """
        if not self._team.leads:
            return {}
        samples = self._draw(positions.held_out or positions.train, self._state.step, 0, self._config.step_samples)
        measured = self._stepper.measure(samples).tolist()
        if not all(map(math.isfinite, measured)):
            raise self._ill(self._state.step - 1, positions.train)
        if positions.held_out is None:
            return {}
        figures = name_figures(measured, self._config.trainer)
        missing = of_nothing(samples.policy_total, samples.reply_total, self._config.trainer)
        return rounded({f"held_out_{name}": value for name, value in figures.items() if name not in missing})

    def _look_for_alarms(self, log: TrainLog) -> None:
        """Report new alarms, each of them once per run."""
        own = [record for record in log.records if record["step"] > self._state.born]  # not those of a net that was replaced
        for alarm in training_alarms(own):
            if alarm.name not in self._alarms:
                self._progress.note(f"alarm: {alarm.text}")
            self._alarms[alarm.name] = alarm

    def _look_for_crowding(self) -> None:
        told = self._crowding.look() if self._device.type == "cpu" else None
        if told is not None:
            self._progress.note(told)

    def _of_all(self, samples: Samples, stop: bool) -> Tuple[Samples, bool]:
        """This process's samples with the totals over all processes, and whether any process was asked to stop."""
        if self._team.size == 1:
            return samples, stop
        own = (samples.policy_total, samples.reply_total, samples.age * len(samples), float(stop))
        policy, reply, age, stops = self._team.totals(*own)
        everybodys = replace(
            samples,
            samples_total=self._config.step_samples,
            policy_total=policy,
            reply_total=reply,
            age=age / self._config.step_samples,
        )
        return everybodys, stops > 0.0

    def _draw(self, sampler: Sampler, step: int, first: int, stop: int) -> Samples:
        """Samples `first` to `stop` (exclusive) of a step."""
        return patiently(
            lambda: make_samples(sampler.batch(step, stop - first, first), self._device),
            f"{stop - first} samples of a step; a smaller batch_size or grad_accum_steps is needed",
        )

    def _ill(self, step: int, sampler: Sampler) -> PawnzeroError:
        rows = [sampler.window[1] - int(age) for age in sampler.batch(step, self._config.step_samples).age]
        some = ", ".join(str(row) for row in sorted(rows)[:_ROWS_NAMED]) + (", …" if len(rows) > _ROWS_NAMED else "")
        return PawnzeroError(
            f"training: loss, gradient, weights or the net's answers not finite at step {step + 1} (replay rows {some}; "
            f"{len(rows)} in all); earlier checkpoints are unaffected; a lower learning rate (trainer.lr) may help"
        )

    def report(self, name: str, until_step: int) -> TrainReport:
        """The report of this run; its `stage_…` figures are those of the stage with this name and end, 0 if there is none."""
        done = self._state.step - self._began_at
        stage = self._state.stage
        own = stage if stage is not None and (stage.name, stage.until_step) == (name, until_step) else None
        return TrainReport(
            step=self._state.step,
            steps_done=done,
            epoch=self._state.epoch,
            samples=done * self._config.step_samples,
            loss=self._tally.mean("loss"),
            policy_loss=self._tally.mean("policy_loss"),
            value_loss=self._tally.mean("value_loss"),
            last_loss=self._last.get("loss"),
            policy_kl=self._last.get("policy_kl"),
            policy_accuracy=self._last.get("policy_accuracy"),
            value_accuracy=self._last.get("value_accuracy"),
            held_out_policy_loss=self._held_out.get("held_out_policy_loss"),
            held_out_value_loss=self._held_out.get("held_out_value_loss"),
            samples_per_second=done * self._config.step_samples / self._seconds if done else None,
            stage_steps=0 if own is None else own.steps,
            stage_samples=0 if own is None else own.samples,
            overflows=self._tally.overflows,
            micro_batch=self._micro.samples,
            interrupted=self._interrupted,
            device=str(self._device),
            precision=self._precision.name,
            checkpoint=None if self._checkpoint is None else str(self._checkpoint),
            alarms=tuple(self._alarms.values()),
        )
