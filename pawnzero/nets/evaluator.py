"""Evaluates positions for search with a net: batches of any size, on any device, in a suitable precision."""

from __future__ import annotations

import gc
import threading
from typing import Optional, Union

import torch

from pawnzero.errors import PawnzeroError
from pawnzero.nets.backends import CpuBackend
from pawnzero.nets.device import describe_device, is_out_of_memory, resolve_device
from pawnzero.nets.device_backend import DeviceBackend
from pawnzero.nets.fitted import Fitted
from pawnzero.nets.fold import CompiledNet, FoldedNet
from pawnzero.nets.precision import choose_precision
from pawnzero.nets.quantized import quantized
from pawnzero.nets.resnet import PolicyValueNet
from pawnzero.progress import Progress
from pawnzero.search.evaluator import Collect, Question, at_once

_SMALLEST_BATCH = 8


class NetEvaluator:
    """Implements `pawnzero.search.evaluator.OverlappingEvaluator` with a copy of a net, folded for inference.

    device:    "auto", "cpu", "cuda" or "cuda:N"
    precision: "auto" (the fastest that is correct, by measurement), "float32", "bfloat16" or "float16"
    progress:  notified when memory runs out and smaller batches are used
    sample:    positions like those to be evaluated, to allow 8-bit integers if a CPU is faster with them and they are accurate
               enough (see `quantized`); None: no 8-bit integers

    Attributes: `device`, `precision` (the format's name, or int8), `input_dtype` (of planes for `forward`), `description`
    (device, format and reason, in one line), `positions` (number evaluated so far, without padding), `appetite` (what suits the
    device), `max_batch` (larger batches are split; halved when memory runs out, and the next evaluator on this machine starts
    from the halved value). Several threads may call it at once. Raises UsageError for a device or precision that is not
    available, and PawnzeroError for a device that computes incorrectly.
    """

    def __init__(
        self,
        net: PolicyValueNet,
        device: str = "auto",
        precision: str = "auto",
        progress: Optional[Progress] = None,
        sample: Optional[Question] = None,
    ) -> None:
        self.device = resolve_device(device)
        chosen = choose_precision(net, self.device, precision)
        self.precision, reason, whole = chosen.name, chosen.reason, None
        if sample is not None and self.device.type == "cpu":
            whole, why = quantized(net, chosen.dtype, sample)
            self.precision, reason = ("int8", why) if whole is not None else (chosen.name, f"{reason}; {why}")
        self.description = f"{self.device}, {self.precision} ({reason})"
        self.positions = 0
        self._progress = progress or Progress()
        self._lock = threading.Lock()
        self._backend: Union[CpuBackend, DeviceBackend]
        key = f"{net.description} in {self.precision}{' and ' + chosen.name if whole else ''} on {describe_device(self.device)}"
        if self.device.type == "cpu":
            self._backend = CpuBackend(whole or CompiledNet(net, chosen.dtype), key)
        else:
            self._backend = DeviceBackend(FoldedNet(net, self.device, chosen.dtype), key)
        self.input_dtype = self._backend.net.input_dtype
        self.appetite = self._backend.appetite
        self._fitted = Fitted("playing", net, self.device, self.precision, self._backend.max_batch, self._progress)
        self.max_batch = self._fitted.recall()

    def enter_thread(self, workers: int) -> None:
        """See `Evaluator`. On a CPU a thread gets its share of the cores, or all of them if this was not called."""
        self._backend.enter_thread(workers)

    def evaluate(self, question: Question) -> None:
        """See `Evaluator`. Raises PawnzeroError if memory does not suffice for 8 positions."""
        start = 0
        while start < len(question):
            stop = min(start + self.max_batch, len(question))
            collect = self._submitted(question.part(start, stop))
            if collect is None:
                self._shrink(stop - start)
            else:
                collect()
                start = stop
        self._count(len(question))

    def submit(self, question: Question) -> Collect:
        """See `OverlappingEvaluator`. A batch too large to run at once is evaluated before this returns."""
        collect = self._submitted(question) if len(question) <= self.max_batch else None
        if collect is None:
            self.evaluate(question)
            return at_once
        self._count(len(question))
        return collect

    def forward(self, planes: torch.Tensor) -> None:
        """Run the bare net on planes [B, P + Q, rows, columns] on the device, in `input_dtype`; for measurements."""
        self._backend.forward(planes)

    def _submitted(self, question: Question) -> Optional[Collect]:
        """Submit a batch; None if memory ran out, in which case nothing refers to the failed attempt's tensors on return."""
        try:
            return self._backend.submit(question)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            return None

    def _count(self, positions: int) -> None:
        with self._lock:
            self.positions += positions

    def _shrink(self, size: int) -> None:
        """Use smaller batches from now on, since `size` positions were too many."""
        if size <= _SMALLEST_BATCH:
            raise PawnzeroError(f"{self.device}: out of memory for a batch of {size} positions; a smaller net is needed")
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        smaller = max(_SMALLEST_BATCH, size // 2)
        with self._lock:
            if smaller >= self.max_batch:
                return  # another thread was faster
            self.max_batch = smaller
            self._fitted.keep(smaller)
        self._progress.note(f"out of memory on {self.device}: {size} positions are split into batches of {smaller}")
