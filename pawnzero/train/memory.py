"""How training copes with running out of memory: it halves the micro-batch, and repeats what failed."""

from __future__ import annotations

import gc
from typing import Callable, List, TypeVar

import torch

from pawnzero.errors import PawnzeroError
from pawnzero.nets.device import is_out_of_memory
from pawnzero.nets.fitted import Fitted
from pawnzero.progress import Progress

T = TypeVar("T")

SMALLER_NET = "a smaller net is needed (model.channels, model.blocks)"


class MicroBatch:
    """The number of samples in one forward and backward pass. The effective batch does not change with it.

    effective: samples of a step in this process. `size` may be larger: then one pass takes all of them
    fitted:    remembers, for later runs, which size fitted
    """

    def __init__(self, size: int, effective: int, progress: Progress, fitted: Fitted) -> None:
        self.size = size
        self.effective = effective
        self.progress = progress
        self._settled = False
        self.fitted = fitted

    def run(self, work: Callable[[int], T]) -> T:
        """Return ``work(size)``; if memory runs out, call it again with half the size.

        `work` must be repeatable: a failed call may leave nothing behind that a second one would count twice. Raises
        PawnzeroError if memory runs out with one sample, or when the size is settled.
        """
        while True:
            try:
                return work(self.size)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            if self._settled:
                smaller = max(1, self.samples // 2)
                self.fitted.keep(smaller)
                raise PawnzeroError(
                    f"training: out of memory in one of several processes; run the same command again to go on from the last "
                    f"checkpoint, with a micro-batch of {smaller}"
                )
            # Not inside the except block, where the exception still refers to the tensors of the failed pass.
            self._halve()

    @property
    def samples(self) -> int:
        """Samples in the largest pass."""
        return min(self.size, self.effective)

    def settle(self, size: int) -> None:
        """Fix the size. From now on running out of memory is an error, since the other processes would not repeat the pass."""
        self.size = size
        self._settled = True

    def _halve(self) -> None:
        if self.samples == 1:
            raise PawnzeroError(f"training: out of memory with a micro-batch of 1; {SMALLER_NET}")
        free_memory()
        before = self.samples
        self.size = before // 2
        passes = -(-self.effective // self.size)
        self.progress.note(
            f"out of memory: micro-batch {before} becomes {self.size}, {passes} passes per step; "
            f"the effective batch stays {self.effective}"
        )
        self.fitted.keep(self.size)


def patiently(work: Callable[[], T], what: str) -> T:
    """Return ``work()``, called once more if memory runs out: for work that cannot be split into smaller parts.

    Raises PawnzeroError that names `what` if memory runs out again.
    """
    for _ in range(2):
        try:
            return work()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        free_memory()
    raise PawnzeroError(f"training: out of memory for {what}")


def pinned(tensor: torch.Tensor) -> torch.Tensor:
    """`tensor` in pinned memory, for asynchronous copies to a GPU; unchanged if there is no pinned memory left."""
    try:
        return tensor.pin_memory()
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
    return tensor


@torch.no_grad()
def allocate_moments(optimizer: torch.optim.Optimizer) -> None:
    """Allocate the moments of every parameter that has none yet, so that no later update can run out of memory for them.

    torch allocates them during the first update, when some weights may already have moved. Here an update with learning rate 0
    and zero gradients allocates them, which moves nothing.
    """
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.grad = None if optimizer.state.get(parameter) else torch.zeros_like(parameter)
    fresh = [p for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
    rates = [group["lr"] for group in optimizer.param_groups]
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    optimizer.step()
    for group, rate in zip(optimizer.param_groups, rates):
        group["lr"] = rate
    for parameter in fresh:
        optimizer.state[parameter]["step"].zero_()
    optimizer.zero_grad(set_to_none=True)


def versions(optimizer: torch.optim.Optimizer) -> List[int]:
    """A number for each parameter that changes as soon as an update begins to move it.

    It is torch's version counter of the parameter's step count, which every AdamW of torch writes first.
    """
    return [state["step"]._version for state in optimizer.state.values()]


def free_memory() -> None:
    """Free garbage, torch's cached GPU memory, and the cuBLAS workspaces it keeps for threads that played.

    Must not be called while threads play.
    """
    gc.collect()
    if torch.cuda.is_available():
        getattr(torch._C, "_cuda_clearCublasWorkspaces", lambda: None)()  # since torch 2.0
        torch.cuda.empty_cache()
