"""How a batch gets to a folded net on a device of its own and its answers back, while the thread that asked works on.

Only packed positions and legal actions go there, only WDL and the logits of legal moves come back: for a chess position about a
kilobyte up and a fifth of that down.
"""

from __future__ import annotations

import itertools
import threading
from contextlib import nullcontext
from functools import lru_cache
from typing import Any, ContextManager, Iterator, List, Optional, Tuple

import numpy as np
import torch

from pawnzero.cores import usable_cores
from pawnzero.errors import PawnzeroError
from pawnzero.nets.backends import bucket
from pawnzero.nets.batches import CARD_BATCHES, fastest_batch
from pawnzero.nets.fold import FoldedNet
from pawnzero.nets.planes import unpack_tensor
from pawnzero.search.evaluator import Appetite, Collect, Question

_QUESTIONS = 2
"""Under way a thread: it searches for one while the device works on the other."""
_LARGEST = 2
"""Times as many positions as usual in the largest questions, when a round of many moves begins."""


class DeviceBackend:
    """Runs a `FoldedNet` on its device. Questions may be under way side by side, each in a lane of its own.

    key: names net, format and device: what is found out about batches is remembered under it
    """

    max_batch = 8192

    def __init__(self, net: FoldedNet, key: str) -> None:
        self.net = net
        self._where = torch.from_numpy(net.policy_where).to(net.device, torch.long)
        self._free: List[_Lane] = []
        self._lock = threading.Lock()
        self._finish()  # the net must be there before another stream reads it
        sizes = [size for size in CARD_BATCHES if size == CARD_BATCHES[0] or self._fits(size)]
        self.appetite = Appetite(fastest_batch(key, sizes, self._try), _QUESTIONS)

    def enter_thread(self, threads: int) -> None:
        """Threads share the device as it comes."""

    @torch.inference_mode()
    def submit(self, question: Question) -> Collect:
        """Send the question on its way; what is returned waits for the answers and fills `logits` and `wdl`.

        It raises PawnzeroError where float16, which ends at 65,504, could not hold what the net computed.
        """
        net, size = self.net, len(question)
        lane = self._take_lane(question)
        with lane.entered():
            words, scalars, actions = lane.send(question)
            policy, wdl = net(unpack_tensor(words, scalars, net.board_shape, net.dtype))
            # What stands past a row's count, or past the rows, is arbitrary; an index out of range would end a GPU's process.
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
        """The net alone, on planes that are ready on the device."""
        self.net(planes)

    def _take_lane(self, question: Question) -> _Lane:
        """A free lane that is wide enough, else a new one in place of one that is not, in the same stream.

        A lane whose question is never collected is not given back; torch keeps its memory until the device is done with it.
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
        """Whether the questions of as many threads as play find room in half of the card's free memory: the largest are twice
        `size`."""
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
    """The streams of a device, in turn: as many as a thread has questions under way, and the same for all threads and nets.

    torch keeps 8 to 32 MB on the card for each thread and stream that have met, until the process ends.
    """
    return itertools.cycle([torch.cuda.Stream(device) if device.type == "cuda" else None for _ in range(_QUESTIONS)])


class _Lane:
    """Host memory through which one question at a time goes to a device and comes back, and the stream it takes there.

    On a GPU the memory is pinned, so that copies do not hold the thread up. Everything a lane does is in its stream's order, so
    that its tensors on the device need no other care.
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
        """Within it, work for the device goes into this lane's stream."""
        return torch.cuda.stream(self.stream) if self.stream is not None else nullcontext()

    def send(self, question: Question) -> Tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The question's bits, scalars and legal actions on the device: rows added up to the bucket, which hold anything, and
        columns up to the most legal actions of a position."""
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
        """Begin to bring the answers back."""
        self._arriving = self._logits[: logits.numel()].view(logits.shape), self._wdl[: len(wdl)]
        for room, answers in zip(self._arriving, (logits, wdl)):
            room.copy_(answers, non_blocking=True)
        if self.stream is not None:
            self._done = torch.cuda.Event(blocking=True)  # the waiting thread leaves its core to others
            self._done.record(self.stream)

    def arrived(self) -> Tuple[np.ndarray, np.ndarray]:
        """Logits and WDL, once they are here."""
        if self._done is not None:
            self._done.synchronize()
        logits, wdl = self._arriving
        return logits.numpy(), wdl.numpy()

    def _room(self, shape: Tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        return torch.empty(shape, dtype=dtype, pin_memory=self.stream is not None)
