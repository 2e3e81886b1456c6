"""Inference on a GPU: send batches to a folded net and fetch the results while the calling thread continues.

Only packed positions and legal actions are uploaded, and only WDL and the logits of legal moves come back: for a chess position
about a kilobyte up and a fifth of that down.
"""

from __future__ import annotations

import itertools
import threading
from contextlib import nullcontext
from functools import lru_cache
from typing import Any, ContextManager, Iterator, List, Optional, Tuple

import numpy as np
import torch

from pawnzero.errors import PawnzeroError
from pawnzero.machine.cores import usable_cores
from pawnzero.nets.backends import bucket
from pawnzero.nets.batches import CARD_BATCHES, fastest_batch
from pawnzero.nets.fold import FoldedNet
from pawnzero.nets.planes import unpack_tensor
from pawnzero.search.evaluator import Appetite, Collect, Question

_QUESTIONS = 2
"""Batches in flight per thread: it searches for one while the device works on the other."""
_LARGEST = 2
"""The largest batches, at the start of a round with many moves, have this many times the usual positions."""


class DeviceBackend:
    """Runs a `FoldedNet` on its device. Several batches may be in flight, each in its own lane.

    key: identifies net, format and device; the measured batch size is remembered under it
    """

    max_batch = 8192

    def __init__(self, net: FoldedNet, key: str) -> None:
        self.net = net
        self._where = torch.from_numpy(net.policy_where).to(net.device, torch.long)
        self._free: List[_Lane] = []
        self._lock = threading.Lock()
        self._finish()  # the net must be on the device before another stream reads it
        sizes = [size for size in CARD_BATCHES if size == CARD_BATCHES[0] or self._fits(size)]
        self.appetite = Appetite(fastest_batch(key, sizes, self._try), _QUESTIONS)

    def enter_thread(self, threads: int) -> None:
        """Nothing to do: threads share the device without reservation."""

    @torch.inference_mode()
    def submit(self, question: Question) -> Collect:
        """Launch the evaluation; the returned function waits for the results and fills `logits` and `wdl`.

        That function raises PawnzeroError if what the net computed overflows float16 (65,504).
        """
        net, size = self.net, len(question)
        lane = self._take_lane(question)
        with lane.entered():
            words, scalars, actions = lane.send(question)
            policy, wdl = net(unpack_tensor(words, scalars, net.board_shape, net.dtype))
            # Entries past a row's count, and padding rows, are arbitrary; an index out of range would abort a process on a GPU.
            actions = actions.long().clamp_(0, len(self._where) - 1)
            lane.fetch(policy.gather(1, self._where[actions]).float(), wdl.softmax(1))

        def collect() -> None:
            logits, chances = lane.arrived()
            question.logits[:, : logits.shape[1]] = logits[:size]
            question.wdl[:] = chances[:size]
            with self._lock:
                self._free.append(lane)
            if net.dtype == torch.float16 and not (np.isfinite(question.wdl).all() and np.isfinite(question.logits).all()):
                raise PawnzeroError(
                    f"{net.device}: numbers in the net are too large for float16; use --device cpu or a card with bfloat16"
                )

        return collect

    @torch.inference_mode()
    def forward(self, planes: torch.Tensor) -> None:
        """Run the bare net on planes that are already on the device."""
        self.net(planes)

    def _take_lane(self, question: Question) -> _Lane:
        """Take a free lane that is large enough, else create one.

        A new lane replaces a smaller free one, if there is one, and takes over its stream. A lane whose results are never
        collected is not returned; torch keeps its memory until the device is done with it.
        """
        size = bucket(len(question))
        with self._lock:
            for i, lane in enumerate(self._free):
                if lane.size >= size:
                    return self._free.pop(i)
            stream = self._free.pop().stream if self._free else next(_streams(self.net.device))
        return _Lane(self.net.device, size, question, stream)

    def _try(self, size: int) -> None:
        shape = (size, self.net.planes, *self.net.board_shape)
        planes = torch.zeros(shape, dtype=self.net.dtype, device=self.net.device)
        self.forward(planes.contiguous(memory_format=torch.channels_last))
        self._finish()

    def _fits(self, size: int) -> bool:
        """Whether the batches of one playing thread per core fit in half of the GPU's free memory.

        The largest batches have twice `size` positions.
        """
        if self.net.device.type != "cuda":
            return True
        free, _ = torch.cuda.mem_get_info(self.net.device)
        under_way = _QUESTIONS * usable_cores()
        return under_way * _LARGEST * size * self.net.bytes_a_position <= free // 2

    def _finish(self) -> None:
        if self.net.device.type == "cuda":
            torch.cuda.synchronize(self.net.device)


@lru_cache(maxsize=None)
def _streams(device: torch.device) -> Iterator[Any]:
    """A device's streams, in rotation: as many as a thread has batches in flight, shared by all threads and nets.

    torch keeps 8 to 32 MB of GPU memory for each pair of thread and stream that was used, until the process ends.
    """
    return itertools.cycle([torch.cuda.Stream(device) if device.type == "cuda" else None for _ in range(_QUESTIONS)])


class _Lane:
    """Host buffers and a stream through which one batch at a time is sent to a device and its results are fetched.

    On a GPU the buffers are pinned, so that copies do not block the thread. Everything a lane does is ordered by its stream, so
    its tensors on the device need no other synchronisation.
    """

    def __init__(self, device: torch.device, size: int, question: Question, stream: Any) -> None:
        self.size = size
        self.stream = stream
        self._device = device
        self._done: Optional[torch.cuda.Event] = None
        self._bits = self._room((size, question.bits.shape[1]), torch.int64)
        self._scalars = self._room((size, question.scalars.shape[1]), torch.float32)
        self._legal = self._room((size * question.legal.shape[1],), torch.int16)
        self._logits = self._room((size * question.legal.shape[1],), torch.float32)
        self._wdl = self._room((size, 3), torch.float32)
        self._arriving = self._logits, self._wdl

    def entered(self) -> ContextManager[Any]:
        """A context in which device work goes to this lane's stream."""
        return torch.cuda.stream(self.stream) if self.stream is not None else nullcontext()

    def send(self, question: Question) -> Tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Copy the batch's bits, scalars and legal actions to the device.

        Rows are padded with arbitrary contents to the bucket size; legal actions have only as many columns as the position with
        the most of them needs, rounded up to a multiple of 8.
        """
        rows = bucket(len(question))
        width = min(-(-int(question.count.max()) // 8) * 8, question.legal.shape[1])
        sent = []
        for room, array in (
            (self._bits[:rows], question.bits.view(np.int64)),
            (self._scalars[:rows], question.scalars),
            (self._legal[: rows * width].view(rows, width), question.legal[:, :width]),
        ):
            room.numpy()[: len(array)] = array
            sent.append(room.to(self._device, non_blocking=True))
        words, scalars, legal = sent
        return words, scalars, legal

    def fetch(self, logits: torch.Tensor, wdl: torch.Tensor) -> None:
        """Start copying the results back."""
        self._arriving = self._logits[: logits.numel()].view(logits.shape), self._wdl[: len(wdl)]
        for room, answers in zip(self._arriving, (logits, wdl)):
            room.copy_(answers, non_blocking=True)
        if self.stream is not None:
            self._done = torch.cuda.Event(blocking=True)  # the waiting thread leaves its core to others
            self._done.record(self.stream)

    def arrived(self) -> Tuple[np.ndarray, np.ndarray]:
        """Wait for logits and WDL and return them."""
        if self._done is not None:
            self._done.synchronize()
        logits, wdl = self._arriving
        return logits.numpy(), wdl.numpy()

    def _room(self, shape: Tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        return torch.empty(shape, dtype=dtype, pin_memory=self.stream is not None)
