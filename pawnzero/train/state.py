"""The complete state of training, from which it resumes as if it had never stopped, and how it is saved.

It has no random state: the net has no random parts, and the samples of a step are a function of the stage's seed, the step's
number and the rows in the buffer.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import torch

from pawnzero.config import ModelConfig, TrainConfig
from pawnzero.errors import PawnzeroError
from pawnzero.files.numbered import numbered_checkpoints, numbered_path
from pawnzero.nets.auxiliary import WithHeads
from pawnzero.nets.checkpoint import Checkpoint, Weights, save_checkpoint
from pawnzero.nets.latest_and_best import load_latest
from pawnzero.nets.resnet import PolicyValueNet
from pawnzero.train.schedule import NET, average, averaging_decay, make_optimizer


@dataclass(frozen=True)
class Stage:
    """One call's worth of training, fixed when it begins; a call with the same `name` and `until_step` resumes it.

    window:      (first, last) sequence numbers of the rows to sample from
    micro_batch: samples in one pass, fewer than `batch_size` if memory has run out
    fitted_for:  what `micro_batch` was found to fit on (`pawnzero.nets.fitted.Fitted.key`); "" before the first step
    steps, samples: trained so far, in all calls of the stage
    step_samples: samples per step in the last of these calls; 0: not known
    """

    start_step: int
    until_step: int
    start_epoch: int
    epoch_steps: int
    seed: int
    window: Tuple[int, int]
    batch_size: int
    micro_batch: int
    fitted_for: str = ""
    name: str = ""
    steps: int = 0
    samples: int = 0
    step_samples: int = 0

    def epoch(self, step: int) -> int:
        """Epochs completed by all stages after `step` steps."""
        return self.start_epoch + (step - self.start_step) // self.epoch_steps


class TrainState:
    """A net in training: its weights, their moving average, the optimizer, and the number of steps made."""

    def __init__(
        self, net: PolicyValueNet, config: TrainConfig, checkpoint: Optional[Checkpoint] = None, seed: int = 0
    ) -> None:
        """A fresh state of `net`, or that of `checkpoint`, whose weights are loaded into `net` in place.

        The auxiliary heads are those that `config` asks for: one that the checkpoint lacks starts from random weights (`seed`),
        and further ones in the checkpoint are dropped.
        """
        self.net = net
        self.module = WithHeads(net, config.reply_weight > 0.0, config.plies_left_weight > 0.0, seed)
        """The module to train: the net and its auxiliary heads."""
        self.step = 0
        self.epoch = 0
        self.born = 0
        """The step at which the net last started anew."""
        self.stage: Optional[Stage] = None
        self.scaler: Optional[Dict[str, Any]] = None
        """State of the loss scaling at the last save; None if no stage has scaled its loss."""
        training: Dict[str, Any] = {}
        if checkpoint is not None:
            net.load_state_dict(checkpoint.net)
            self.step, self.epoch = checkpoint.step, checkpoint.epoch
            training = checkpoint.training or {}
        # Listed once: finding them in the net's modules at every step would take longer than averaging them.
        self.parameters = list(self.module.parameters())
        self._weights = [p.detach() for p in net.parameters()]
        self.averaged = {name: p.detach().clone() for name, p in net.named_parameters()}
        if checkpoint is not None:
            for name, tensor in self.averaged.items():
                tensor.copy_(checkpoint.averaged[name])
        self.optimizer = make_optimizer(net, config, dict(self.module.heads.items()))
        if training:
            self._resume(training)

    def _resume(self, training: Dict[str, Any]) -> None:
        try:
            self._resume_optimizer(training["optimizer"])
            heads: Dict[str, Weights] = training.get("heads", {})
            for name, head in self.module.heads.items():
                if name in heads:
                    head.load_state_dict(heads[name])
            self.born = training.get("born", 0)
            stage = training["stage"]
            self.stage = Stage(**{**stage, "window": tuple(stage["window"])})
            self.scaler = training["scaler"]
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise PawnzeroError(f"checkpoint at step {self.step}: its training state does not fit ({error})") from None

    def _resume_optimizer(self, saved: Dict[str, Any]) -> None:
        """Load the saved moments, part by part. The optimizer keeps the settings of this call and this torch, not the saved."""
        own = self.optimizer.state_dict()["param_groups"]
        places, saved_places = _by_part(own), _by_part(saved["param_groups"])
        if len(places[NET]) != len(saved_places[NET]):
            raise ValueError(f"moments of {len(saved_places[NET])} tensors, expected {len(places[NET])}")
        pairs = [pair for part in places for pair in zip(places[part], saved_places.get(part, []))]
        state = {place: saved["state"][saved_place] for place, saved_place in pairs if saved_place in saved["state"]}
        self.optimizer.load_state_dict({"state": state, "param_groups": own})
        if self.optimizer.defaults.get("fused"):  # needs the step counts on the device; torch 2.0 does not move them there
            for parameter, moments in self.optimizer.state.items():
                moments["step"] = moments["step"].to(parameter.device)

    def follow(self, before: Checkpoint) -> None:
        """Count on from the steps of the net that this new one replaces."""
        self.step, self.epoch, self.born = before.step, before.epoch, before.step

    def advance(self, config: TrainConfig, samples: int) -> None:
        """Count one finished step of `samples` samples, and update the moving average."""
        self.step += 1
        average(list(self.averaged.values()), self._weights, averaging_decay(self.step - self.born, config))
        assert self.stage is not None
        self.stage = replace(self.stage, steps=self.stage.steps + 1, samples=self.stage.samples + samples)
        self.epoch = self.stage.epoch(self.step)

    def adapt(self, micro_batch: int, fitted_for: str) -> None:
        """Record in the stage which micro-batch fits in memory, and on what."""
        assert self.stage is not None
        self.stage = replace(self.stage, micro_batch=micro_batch, fitted_for=fitted_for)

    @property
    def rate(self) -> float:
        """The learning rate of the last step."""
        return float(self.optimizer.param_groups[0]["lr"])

    def weight_norm(self) -> float:
        """Euclidean norm of all weights."""
        return float(torch.stack([weights.norm() for weights in self._weights]).norm())

    def save(self, folder: Path, keep: int) -> Path:
        """Write `latest.pt` and this step's numbered checkpoint into `folder`, and keep `keep` numbered ones (see `_prune`).

        Returns the path of the numbered one. Raises PawnzeroError if the directory cannot be written.
        """
        checkpoint, numbered = self._checkpoint(), numbered_path(folder, self.step)
        save_checkpoint(numbered, checkpoint)
        save_checkpoint(folder / "latest.pt", checkpoint)
        _prune(folder, self.step, keep)
        return numbered

    def save_latest(self, folder: Path) -> None:
        """Write `latest.pt` alone. Raises PawnzeroError if the directory cannot be written."""
        save_checkpoint(folder / "latest.pt", self._checkpoint())

    def _checkpoint(self) -> Checkpoint:
        """The state as the checkpoint that a file holds."""
        weights = {name: tensor.detach() for name, tensor in self.net.state_dict().items()}
        assert self.stage is not None
        return Checkpoint(
            game=self.net.game_name,
            model=self.net.shape,
            step=self.step,
            epoch=self.epoch,
            net=weights,
            averaged={**weights, **self.averaged},
            training={
                "optimizer": self.optimizer.state_dict(),
                "stage": asdict(self.stage),
                "born": self.born,
                "scaler": self.scaler,
                "heads": {name: head.state_dict() for name, head in self.module.heads.items()},
            },
        )


def _by_part(groups: List[Dict[str, Any]]) -> Dict[str, List[int]]:
    """Indices of the tensors in an optimizer's saved groups, by the part they belong to."""
    places: Dict[str, List[int]] = {}
    for group in groups:
        places.setdefault(group.get("part", NET), []).extend(group["params"])
    return places


def saved_step(folder: Path, game: str, model: ModelConfig) -> int:
    """Steps made by the net in `folder`'s `latest.pt`; 0 if there is no such file.

    Raises PawnzeroError if it is damaged or of another game or shape.
    """
    latest = load_latest(folder, game, model)
    return 0 if latest is None else latest.step


def _prune(folder: Path, written: int, keep: int) -> None:
    """Delete numbered checkpoints until `keep` are left, among them that of step `written`.

    Checkpoints of later steps belong to a run that was abandoned when `latest.pt` was replaced by an older one. They are
    deleted first, in the order of their steps, and after them the oldest ones.
    """
    others = [(step, path) for step, path in numbered_checkpoints(folder) if step != written]
    in_turn = sorted(others, key=lambda other: (other[0] < written, other[0]))
    for _, path in in_turn[: max(0, len(others) - (keep - 1))]:
        path.unlink()
