"""Inference on CPU cores: split a batch, run a folded net on the parts, and write the results back."""

from __future__ import annotations

import threading
from concurrent.futures import wait
from typing import Callable, List, Tuple

import torch

from pawnzero.nets.batches import fastest_batch
from pawnzero.nets.fold import CompiledNet
from pawnzero.nets.kernels import gather_logits
from pawnzero.nets.planes import numbers
from pawnzero.nets.threads import core_count, on_all_cores, use_one_core, workers
from pawnzero.search.evaluator import Appetite, Collect, Question, at_once

_PART_LENGTHS = (16, 32, 64, 128, 256, 512)


def bucket(size: int) -> int:
    """Return the batch size, at least `size`, that is actually run: one of few, since libraries prepare each size anew.

    Multiples of 8 up to 64, of 16 up to 128, of 32 up to 512, of 128 above.
    """
    step = 8 if size <= 64 else 16 if size <= 128 else 32 if size <= 512 else 128
    return -(-size // step) * step


def parts(size: int, cores: int, most: int) -> List[Tuple[int, int]]:
    """Split `size` positions into ranges of nearly equal length, multiples of 8 up to `most`, about as many for each core."""
    rounds = -(-size // (cores * most))
    length = min(most, -(-size // (8 * cores * rounds)) * 8)
    return [(start, min(start + length, size)) for start in range(0, size, length)]


class CpuBackend:
    """Runs a `CompiledNet` on this machine's cores; each core takes its part of a batch through the whole net.

    The length of a part is found by measurement: the activations of adjacent layers should stay in a core's own cache, and
    threads should seldom wait for each other's Python. Results do not depend on it.

    key: identifies net, format and machine; the measured length is remembered under it
    """

    appetite = Appetite(leaves=8)
    """One batch in flight, since the thread's own core does the work."""

    def __init__(self, net: CompiledNet, key: str) -> None:
        self.net = net
        self.max_batch = _PART_LENGTHS[-1] * core_count()
        self._local = threading.local()
        self._most = fastest_batch(f"{key} on {core_count()} cores", _PART_LENGTHS, self._try, on_all_cores)

    def enter_thread(self, threads: int) -> None:
        """Register this thread as one of `threads` that evaluate concurrently, which gives it its share of the cores."""
        self._local.cores = max(1, core_count() // threads)
        if self._local.cores == 1:
            use_one_core()

    def submit(self, question: Question) -> Collect:
        """Fill the batch's `logits` and `wdl` before returning."""
        self._run(len(question), lambda start, stop: self._answer_part(question.part(start, stop)))
        return at_once

    def forward(self, planes: torch.Tensor) -> None:
        """Run the bare net on planes that are already prepared."""
        self._run(len(planes), lambda start, stop: self._forward_part(planes[start:stop]))

    def _run(self, size: int, work: Callable[[int, int], None]) -> None:
        cores = getattr(self._local, "cores", core_count())
        ranges = parts(size, cores, self._most)
        if cores == 1:
            for start, stop in ranges:
                work(start, stop)
            return
        running = [workers().submit(work, start, stop) for start, stop in ranges]
        wait(running)
        for part in running:
            part.result()

    @torch.inference_mode()
    def _answer_part(self, question: Question) -> None:
        net, size = self.net, len(question)
        planes = net.images(question.bits, question.scalars, -(-size // 8) * 8)
        policy, wdl = net(planes)
        gather_logits(numbers(policy), net.policy_where, question.legal, question.count, question.logits)
        question.wdl[:] = wdl[:size].softmax(1).numpy()

    def _try(self, size: int) -> None:
        planes = torch.zeros(size, *self.net.board_shape, self.net.planes, dtype=self.net.input_dtype)
        self._forward_part(planes.permute(0, 3, 1, 2))

    @torch.inference_mode()
    def _forward_part(self, planes: torch.Tensor) -> None:
        self.net(planes)
