"""Data-parallel training: each process takes its share of every step's samples, and gradients are added up.

torchrun starts the processes, one per GPU. Process 0 is the leader: it alone locks the agent, logs, saves and reports. The net
is wrapped in torch's DistributedDataParallel; besides gradients, the processes exchange a few numbers per step on CPUs (gloo).
"""

from __future__ import annotations

import os
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from typing import Any, ContextManager, Iterator, List, Tuple

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from pawnzero.errors import PawnzeroError, UsageError
from pawnzero.machine.launch import Launch, this_launch
from pawnzero.nets.device import resolve_device
from pawnzero.progress import Progress
from pawnzero.train.signals import ended_by_signals

_PATIENCE = timedelta(hours=1)
"""How long the others wait for process 0 while it measures and saves."""


class Team:
    """The processes that train together. All of them must call the methods that communicate, in the same order."""

    def __init__(self, launch: Launch, numbers: Any = None) -> None:
        """numbers: the process group for exchanging numbers on CPUs; None for the default group."""
        self.rank, self.size = launch.rank, launch.size
        self._local_rank = launch.local_rank
        self._numbers = numbers

    @property
    def leads(self) -> bool:
        """Whether this is the process that logs, saves and reports."""
        return self.rank == 0

    def share(self, samples: int) -> Tuple[int, int]:
        """This process's share of a step's samples: from the first number to the second (exclusive).

        Raises UsageError if there are fewer samples than processes.
        """
        if samples < self.size:
            raise UsageError(f"{samples} samples per step for {self.size} processes: expected at least one each")
        return samples * self.rank // self.size, samples * (self.rank + 1) // self.size

    def device(self, asked: str) -> torch.device:
        """This process's device. Raises UsageError if one GPU is named for several processes, or there are too few."""
        if self.size == 1 or asked == "cpu":
            return resolve_device(asked)
        if ":" in asked:
            raise UsageError(f"device {asked!r} for {self.size} processes: expected auto, cpu or cuda, one GPU each")
        device = resolve_device(asked)
        return device if device.type == "cpu" else resolve_device(f"cuda:{self._local_rank}")

    def wrap(self, module: nn.Module) -> nn.Module:
        """Wrap `module` so that its gradient is the mean over all processes."""
        if self.size == 1:
            return module
        where = next(module.parameters()).device
        own = [where] if where.type == "cuda" else None
        with self._together():  # the net's buffers are constants and need no synchronization
            try:
                return DistributedDataParallel(module, device_ids=own, forward_sync_buffers=False)
            except TypeError:  # the option's older name, before torch 2.13
                return DistributedDataParallel(module, device_ids=own, broadcast_buffers=False)

    def passes(self, module: nn.Module, last: bool) -> ContextManager[Any]:
        """The context for a pass through the module of `wrap`; gradients are exchanged in the `last` pass of a step."""
        return nullcontext() if last or not isinstance(module, DistributedDataParallel) else module.no_sync()

    def tell(self, value: Any) -> Any:
        """Broadcast process 0's `value` and return it; the others wait for it."""
        if self.size == 1:
            return value
        box = [value]
        with self._together():
            dist.broadcast_object_list(box, src=0, group=self._numbers)
        return box[0]

    def totals(self, *values: float) -> List[float]:
        """The sums of each value over all processes."""
        return self._reduced(values, dist.ReduceOp.SUM) if self.size > 1 else list(values)

    def least(self, value: int) -> int:
        """The smallest of all processes' values."""
        return int(self._reduced((value,), dist.ReduceOp.MIN)[0]) if self.size > 1 else value

    def total(self, tensor: torch.Tensor) -> torch.Tensor:
        """The sum of all processes' tensors, in place."""
        if self.size > 1:
            with self._together():
                dist.all_reduce(tensor)
        return tensor

    def _reduced(self, values: Any, how: Any) -> List[float]:
        tensor = torch.tensor(values, dtype=torch.float64)
        with self._together():
            dist.all_reduce(tensor, how, group=self._numbers)
        return [float(value) for value in tensor]

    def step(self) -> ContextManager[Any]:
        """The context for a step, in which processes communicate."""
        return self._together() if self.size > 1 else nullcontext()

    @contextmanager
    def _together(self) -> Iterator[None]:
        """Raise PawnzeroError if communication fails because another process has ended."""
        try:
            yield
        except RuntimeError as error:
            if not any(word in str(error) for word in ("peer", "NCCL", "gloo", "Broken pipe", "Timed out")):
                raise
            raise PawnzeroError("training: another process has ended; its own message gives the reason") from None


ALONE = Team(Launch())


@contextmanager
def joined(device: str, progress: Progress) -> Iterator[Team]:
    """The team of processes that torchrun started, or this one alone.

    device: as the user named it; progress: gets a note of what this process waits for. Raises UsageError for a device that the
    team cannot use.
    """
    launch = this_launch()
    team = Team(launch)
    if launch.size == 1:
        yield team
        return
    where = team.device(device)
    if where.type == "cuda":
        torch.cuda.set_device(where)
    address = "{MASTER_ADDR}:{MASTER_PORT}".format_map(os.environ)
    with ended_by_signals():
        progress.note(f"one of {launch.size} processes (WORLD_SIZE); waiting for the others at {address}")
        dist.init_process_group("gloo" if where.type == "cpu" else "nccl", timeout=_PATIENCE)
    # The groups are not destroyed: after an error, the others might then wait for ever to learn of it. See `machine.launch`.
    yield Team(launch, None if where.type == "cpu" else dist.new_group(backend="gloo", timeout=_PATIENCE))
