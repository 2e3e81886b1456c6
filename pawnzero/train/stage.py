"""Where training starts: the saved state, the stage that is resumed or begun, and the positions it samples."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Optional, Tuple

import torch

from pawnzero.config import Config, TrainConfig
from pawnzero.errors import PawnzeroError
from pawnzero.files.numbered import check_latest
from pawnzero.nets.checkpoint import Checkpoint
from pawnzero.nets.latest_and_best import load_latest
from pawnzero.nets.resnet import PolicyValueNet
from pawnzero.progress import Progress
from pawnzero.replay import ReplayBuffer, Sampler
from pawnzero.replay.window import window_rows
from pawnzero.train.state import Stage, TrainState


@dataclass(frozen=True)
class Positions:
    """The samplers of a stage: of positions to train on, and of those of held-out games (None if there are none)."""

    train: Sampler
    held_out: Optional[Sampler]


def open_state(
    checkpoints: Path,
    config: Config,
    game: str,
    net: Optional[PolicyValueNet],
    device: torch.device,
    reset_for: Optional[Tuple[str, int]] = None,
) -> TrainState:
    """The state saved in `checkpoints`' `latest.pt`, else a fresh state of `net` or of a new net; on the device.

    reset_for: the name and end of a stage that starts the net anew: unless that stage has begun, the state is that of a new
               net, which counts on from the saved one's steps

    Raises PawnzeroError if `latest.pt` is missing although there are numbered checkpoints, is damaged, or is of another game or
    shape than the net, or if the net is of another game than the positions.
    """
    if net is not None and net.game_name != game:
        raise PawnzeroError(f"the replay buffer holds games of {game}, but the net plays {net.game_name}")
    check_latest(checkpoints)
    shape = config.model if net is None else net.shape
    checkpoint = load_latest(checkpoints, game, shape)
    replaced = checkpoint if checkpoint is not None and reset_for not in (None, _stage_of(checkpoint)) else None
    seed = config.seed if replaced is None else config.seed + replaced.step
    if net is None:
        net = PolicyValueNet(shape, game, seed)
    net.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # 1.1 to 1.2 times as fast, CPU or GPU
    net.train()
    if replaced is None:
        return TrainState(net, config.trainer, checkpoint, config.seed)
    state = TrainState(net, config.trainer, seed=seed)
    state.follow(replaced)
    return state


def _stage_of(checkpoint: Checkpoint) -> Tuple[str, int]:
    """Name and end of the stage that a checkpoint was saved in; ("", -1) if it has none."""
    stage = (checkpoint.training or {}).get("stage") or {}
    return stage.get("name", ""), stage.get("until_step", -1)


def begin_stage(
    state: TrainState,
    buffer: ReplayBuffer,
    config: Config,
    until_step: int,
    epoch_steps: int,
    progress: Progress,
    name: str = "",
) -> Positions:
    """Resume the state's stage if it has this name and end, else begin a new one; returns its positions.

    If a resumed stage has to continue with other positions or another number of samples per step, it is changed, with a note.

    Raises PawnzeroError if the buffer is empty.
    """
    before = state.stage
    if before is None or (before.name, before.until_step) != (name, until_step):
        window = _window(buffer, config.seed, config.trainer)
        state.stage = Stage(
            start_step=state.step,
            until_step=until_step,
            start_epoch=state.epoch,
            epoch_steps=epoch_steps,
            seed=config.seed,
            window=window,
            batch_size=config.batch_size,
            micro_batch=config.batch_size,
            name=name,
            step_samples=config.step_samples,
        )
    else:
        state.stage = _resumed(before, buffer, config, progress)
    return _positions(buffer, state.stage.seed, state.stage.window, config.trainer)


def _resumed(before: Stage, buffer: ReplayBuffer, config: Config, progress: Progress) -> Stage:
    """An interrupted stage, adapted to these settings."""
    window = _window(buffer, before.seed, config.trainer)
    oldest = window[1] - len(buffer) + 1
    if oldest <= before.window[0] and before.window[1] <= window[1]:
        window = before.window  # all its rows are still there; newer ones are for the next stage
    else:
        progress.note("training goes on with other positions than before the interruption")
    samples = config.step_samples
    if before.step_samples not in (0, samples):
        progress.note(
            f"training goes on with {samples:,} samples per step; before the interruption it was {before.step_samples:,}"
        )
    return replace(
        before,
        window=window,
        batch_size=config.batch_size,
        micro_batch=before.micro_batch if before.batch_size == config.batch_size else config.batch_size,
        step_samples=samples,
    )


def _window(buffer: ReplayBuffer, seed: int, config: TrainConfig) -> Tuple[int, int]:
    """(first, last) rows of a new stage: the newest ones, as many as the settings say or as are stored."""
    newest = buffer.sampler(seed).window[1]
    return newest - min(len(buffer), window_rows(buffer.total, config)) + 1, newest


def positions_to_learn(buffer: ReplayBuffer, config: Config) -> int:
    """The number of positions that a stage which begins now samples from. Raises PawnzeroError if the buffer is empty."""
    window = _window(buffer, config.seed, config.trainer)
    return _positions(buffer, config.seed, window, config.trainer).train.count()


def _positions(buffer: ReplayBuffer, seed: int, window: Tuple[int, int], config: TrainConfig) -> Positions:
    """The samplers of a window. Held-out games are not augmented; if they leave nothing to train on, no game is held out."""
    reply = config.reply_weight > 0.0
    train = buffer.sampler(seed, window, held_out=False, augment=config.augment, reply=reply)
    if not _has_samples(train):
        return Positions(buffer.sampler(seed, window, augment=config.augment, reply=reply), None)
    held_out = buffer.sampler(seed, window, held_out=True, reply=reply)
    return Positions(train, held_out if _has_samples(held_out) else None)


def _has_samples(sampler: Sampler) -> bool:
    try:
        sampler.batch(0, 1)
    except PawnzeroError:
        return False
    return True
