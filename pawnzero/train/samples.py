"""Replay batches as tensors: prepared in pinned memory ahead of time, moved to the device one micro-batch at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple

import numpy as np
import torch

from pawnzero.nets.planes import unpack, unpack_tensor
from pawnzero.replay import Batch
from pawnzero.train.auxiliary import AuxiliaryTargets
from pawnzero.train.losses import Targets
from pawnzero.train.memory import pinned


@dataclass(frozen=True)
class Samples:
    """This process's B samples of an effective batch, in CPU memory.

    Tensors have the shapes and dtypes of `Batch`, but `bits` is int64.
    """

    bits: torch.Tensor
    scalars: torch.Tensor
    legal: torch.Tensor
    count: torch.Tensor
    policy: torch.Tensor
    policy_weight: torch.Tensor
    result_wdl: torch.Tensor
    root_wdl: torch.Tensor
    plies_left: torch.Tensor
    reply: Optional[Tuple[torch.Tensor, torch.Tensor, torch.Tensor]]
    """Legal actions, policy and weight, as in `Reply`."""
    samples_total: int
    """Number of samples in the effective batch. This and the fields below cover all processes that share the batch."""
    policy_total: float
    """Sum of the policy weights."""
    reply_total: float
    """Sum of the replies' weights."""
    age: float
    """Mean age in the window, in rows."""

    def __len__(self) -> int:
        return len(self.bits)

    def planes(self, start: int, stop: int, board_shape: Tuple[int, int], device: torch.device) -> torch.Tensor:
        """Input planes of samples `start` to `stop` (exclusive): [stop - start, P + Q, rows, columns] float32 on `device`."""
        bits, scalars = self.bits[start:stop], self.scalars[start:stop]
        if device.type == "cpu":
            return unpack(bits.numpy().view(np.uint64), scalars.numpy(), board_shape)
        bits, scalars = bits.to(device, non_blocking=True), scalars.to(device, non_blocking=True)
        return unpack_tensor(bits, scalars, board_shape, torch.float32)

    def targets(self, start: int, stop: int, device: torch.device) -> Targets:
        """Targets of samples `start` to `stop` (exclusive), on `device`."""

        parts = (self.legal, self.count, self.policy, self.policy_weight, self.result_wdl, self.root_wdl)
        legal, count, *others = (_moved(part, start, stop, device) for part in parts)
        return Targets(legal.long(), count.long(), *others)

    def auxiliary_targets(self, start: int, stop: int, device: torch.device) -> AuxiliaryTargets:
        """Auxiliary targets of samples `start` to `stop` (exclusive), on `device`."""
        plies_left = _moved(self.plies_left, start, stop, device).float()
        if self.reply is None:
            return AuxiliaryTargets(None, None, None, plies_left)
        legal, policy, weight = (_moved(part, start, stop, device) for part in self.reply)
        return AuxiliaryTargets(legal.long(), policy, weight, plies_left)


def _moved(tensor: torch.Tensor, start: int, stop: int, device: torch.device) -> torch.Tensor:
    return tensor[start:stop].to(device, non_blocking=True)


def make_samples(batch: Batch, device: torch.device) -> Samples:
    """The batch as tensors, in pinned memory if `device` is a GPU, so that copies to it are asynchronous."""

    def tensor(array: np.ndarray) -> torch.Tensor:
        result = torch.from_numpy(array)
        return pinned(result) if device.type == "cuda" else result

    reply = batch.reply
    return Samples(
        tensor(batch.bits.view(np.int64)),
        tensor(batch.scalars),
        tensor(batch.legal),
        tensor(batch.count),
        tensor(batch.policy),
        tensor(batch.policy_weight),
        tensor(batch.result_wdl),
        tensor(batch.root_wdl),
        tensor(batch.plies_left),
        None if reply is None else (tensor(reply.legal), tensor(reply.policy), tensor(reply.weight)),
        len(batch),
        float(batch.policy_weight.sum()),
        0.0 if reply is None else float(reply.weight.sum()),
        float(batch.age.mean()),
    )
