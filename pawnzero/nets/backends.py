"""How a batch gets to a folded net and its answers back: on this machine's cores, or on another device."""

from __future__ import annotations

import threading
from concurrent.futures import wait
from dataclasses import dataclass
from typing import Callable, List, Tuple

import numpy as np
import torch

from pawnzero.nets.fold import CompiledNet, FoldedNet
from pawnzero.nets.kernels import gather_logits
from pawnzero.nets.planes import numbers, unpack_on_cpu, unpack_tensor
from pawnzero.nets.threads import core_count, use_one_core, workers

_PART_BYTES = 1 << 20
_FEWEST_A_PART, _MOST_A_PART = 16, 128


@dataclass(frozen=True)
class Question:
    """The arrays of `Evaluator.evaluate`: four to read, two to fill."""

    bits: np.ndarray
    scalars: np.ndarray
    legal: np.ndarray
    count: np.ndarray
    logits: np.ndarray
    wdl: np.ndarray

    def part(self, start: int, stop: int) -> Question:
        """Views of the positions from `start` up to `stop`."""
        return Question(**{name: array[start:stop] for name, array in vars(self).items()})


def bucket(size: int) -> int:
    """The batch size, at least `size`, that is really run: few different ones, since libraries prepare each of them anew.

    Multiples of 8 up to 64, of 16 up to 128, of 32 up to 512, of 128 above.
    """
    step = 8 if size <= 64 else 16 if size <= 128 else 32 if size <= 512 else 128
    return -(-size // step) * step


def parts(size: int, cores: int, most: int) -> List[Tuple[int, int]]:
    """`size` positions as ranges of nearly equal length: multiples of 8, at most `most`, a like number for each core."""
    rounds = -(-size // (cores * most))
    length = min(most, -(-size // (8 * cores * rounds)) * 8)
    return [(start, min(start + length, size)) for start in range(0, size, length)]


class CpuBackend:
    """Runs a `CompiledNet` on the cores of this machine: each core takes its part of a batch through the whole net."""

    max_batch = 1024

    def __init__(self, net: CompiledNet, channels: int) -> None:
        self.net = net
        self._local = threading.local()
        rows, columns = net.board_shape
        image_bytes = channels * rows * columns * (2 if net.dtype == torch.bfloat16 else 4)
        # The activations of one layer, and those of its neighbours, should stay in a core's own cache.
        self._most = max(_FEWEST_A_PART, min(_MOST_A_PART, _PART_BYTES // image_bytes // 8 * 8))

    def enter_thread(self, threads: int) -> None:
        """This thread is one of `threads` that evaluate side by side, so it gets its share of the cores."""
        self._local.cores = max(1, core_count() // threads)
        if self._local.cores == 1:
            use_one_core()

    def answer(self, question: Question) -> None:
        """Fill the question's `logits` and `wdl`."""
        self._run(len(question.bits), lambda start, stop: self._answer_part(question.part(start, stop)))

    def forward(self, planes: torch.Tensor) -> None:
        """The net alone, on planes that are ready."""
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
        net, size = self.net, len(question.bits)
        planes = unpack_on_cpu(question.bits, question.scalars, net.board_shape, net.dtype, -(-size // 8) * 8)
        policy, wdl = net(planes)
        gather_logits(numbers(policy), net.policy_where, question.legal, question.count, question.logits)
        question.wdl[:] = wdl[:size].softmax(1).numpy()

    @torch.inference_mode()
    def _forward_part(self, planes: torch.Tensor) -> None:
        self.net(planes)


class DeviceBackend:
    """Runs a `FoldedNet` on a device of its own: only packed positions go there, only legal moves' logits come back."""

    max_batch = 8192

    def __init__(self, net: FoldedNet) -> None:
        self.net = net
        self._where = torch.from_numpy(net.policy_where).to(net.device, torch.long)

    def enter_thread(self, threads: int) -> None:
        """Threads share the device as it comes."""

    @torch.inference_mode()
    def answer(self, question: Question) -> None:
        """Fill the question's `logits` and `wdl`."""
        net, size = self.net, len(question.bits)
        width = min(-(-int(question.count.max()) // 8) * 8, question.legal.shape[1])
        planes = unpack_tensor(
            self._send(question.bits.view(np.int64)), self._send(question.scalars), net.board_shape, net.dtype
        )
        policy, wdl = net(planes)
        # What stands past a row's count, or past the rows, is arbitrary; an index out of range would end a GPU's process.
        actions = self._send(question.legal[:, :width]).long().clamp_(0, len(self._where) - 1)
        logits = policy.gather(1, self._where[actions])
        question.logits[:, :width] = logits[:size].float().cpu().numpy()
        question.wdl[:] = wdl[:size].softmax(1).cpu().numpy()

    @torch.inference_mode()
    def forward(self, planes: torch.Tensor) -> None:
        """The net alone, on planes that are ready on the device."""
        self.net(planes)

    def _send(self, array: np.ndarray) -> torch.Tensor:
        """An array on the device, with rows added up to the bucket that hold anything."""
        pinned = self.net.device.type == "cuda"  # from pinned memory a copy does not wait for the device
        source = torch.from_numpy(array)
        staged = torch.empty((bucket(len(array)), *array.shape[1:]), dtype=source.dtype, pin_memory=pinned)
        staged[: len(array)] = source
        return staged.to(self.net.device, non_blocking=pinned)
