"""How many samples go through the net at once: as asked, and half of that each time memory runs out."""

from __future__ import annotations

import gc
from typing import Callable, TypeVar

import torch

from pawnzero.errors import PawnzeroError
from pawnzero.nets.device import is_out_of_memory
from pawnzero.progress import Progress

T = TypeVar("T")


class MicroBatch:
    """The number of samples of one forward and backward pass. The effective batch stays what it is."""

    def __init__(self, size: int, effective: int, progress: Progress) -> None:
        self.size = min(size, effective)
        self.effective = effective
        self._progress = progress

    def run(self, work: Callable[[int], T]) -> T:
        """The answer of ``work(size)``; where memory runs out it is called again with half the size.

        `work` must leave nothing behind that a second call would count twice. Raises PawnzeroError when one sample is too many.
        """
        while True:
            try:
                return work(self.size)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            # Only here, after the except block, does nothing refer to the failed pass's tensors any longer.
            self._halve()

    def _halve(self) -> None:
        if self.size == 1:
            raise PawnzeroError(
                "training: out of memory with a micro-batch of 1; a smaller net is needed (model.channels, model.blocks)"
            )
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        before, self.size = self.size, self.size // 2
        passes = -(-self.effective // self.size)
        self._progress.note(
            f"out of memory: micro-batch {before} becomes {self.size}, {passes} passes a step; "
            f"the effective batch stays {self.effective}"
        )
