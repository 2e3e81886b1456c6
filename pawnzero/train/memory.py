"""How training gets by with the memory there is: fewer samples go through the net at once, and what failed is done again."""

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
    """The number of samples of one forward and backward pass. The effective batch stays what it is.

    effective: samples of a step in this process. `size` may be larger: one pass takes them all
    fitted: told what fits
    """

    def __init__(self, size: int, effective: int, progress: Progress, fitted: Fitted) -> None:
        self.size = size
        self.effective = effective
        self.progress = progress
        self._settled = False
        self.fitted = fitted

    def run(self, work: Callable[[int], T]) -> T:
        """The answer of ``work(size)``; where memory runs out it is called again with half the size.

        `work` must leave nothing behind that a second call would count twice. Raises PawnzeroError when one sample is too many,
        or the size is settled.
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
            # Only here, after the except block, does nothing refer to the failed pass's tensors any longer.
            self._halve()

    @property
    def samples(self) -> int:
        """Samples of the largest pass."""
        return min(self.size, self.effective)

    def settle(self, size: int) -> None:
        """From now on it is `size`, and a pass that does not fit is an error: there are others that will not repeat it."""
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
    """The answer of ``work()``, which is called once more where memory runs out: for what cannot be done in smaller parts.

    Raises PawnzeroError that says `what` there was no memory for, the second time.
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
    """`tensor` in memory that a GPU reads while the processor works on; as it is where there is no more of such memory."""
    try:
        return tensor.pin_memory()
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
    return tensor


@torch.no_grad()
def allocate_moments(optimizer: torch.optim.Optimizer) -> None:
    """Give every parameter that has none yet its moments, so that no later update needs memory that is not there.

    torch makes them in the first update, between moving one weight and the next. Here one of rate 0 without gradient makes
    them, which moves nothing.
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

    It is how often the parameter's own count of updates was written, which every AdamW of torch does first.
    """
    return [state["step"]._version for state in optimizer.state.values()]


def free_memory() -> None:
    """Give back what nothing refers to any longer, and what torch keeps for the threads that played. Not while any play."""
    gc.collect()
    if torch.cuda.is_available():
        getattr(torch._C, "_cuda_clearCublasWorkspaces", lambda: None)()  # since torch 2.0
        torch.cuda.empty_cache()
