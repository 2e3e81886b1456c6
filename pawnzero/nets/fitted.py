"""Which batch fits into a device's memory: as many as asked, fewer where that was too many on this machine before."""

from __future__ import annotations

import time

import torch

from pawnzero.nets.device import describe_device
from pawnzero.nets.resnet import PolicyValueNet
from pawnzero.progress import Progress
from pawnzero.remembered import Remembered

_FITTED = Remembered("batches")
_SECONDS_KEPT = 24 * 3600.0
"""What ran out of memory once may have shared it with another program. To try the full batch again costs one failed pass."""


class Fitted:
    """The batch of one purpose ("training", "playing") of a net on a device in a number format.

    Every one of these, the batch that is asked for and torch's version are part of the key, so that no other card, format or
    net starts from what is remembered here.
    """

    def __init__(
        self, purpose: str, net: PolicyValueNet, device: torch.device, precision: str, batch: int, progress: Progress
    ) -> None:
        self._purpose = purpose
        self._batch = batch
        self._progress = progress
        self.key = f"{purpose} of {net.description} in {precision}, batch {batch}, on {describe_device(device)}"

    def recall(self) -> int:
        """The batch to begin with. Where it is not the one asked for, one line says so, and how to forget it."""
        found = _FITTED.recall(self.key)
        try:
            size, age = int(found["size"]), time.time() - float(found["time"])
        except (TypeError, KeyError, ValueError):  # nothing there, or not what was written here
            return self._batch
        if not 1 <= size < self._batch or age > _SECONDS_KEPT:
            return self._batch
        self._progress.note(
            f"{self._purpose} begins with batches of {size}, because {self._batch} ran out of memory here before "
            f"(this is forgotten after a day, or when {_FITTED.path} is deleted)"
        )
        return size

    def keep(self, size: int) -> None:
        """Remember that more than `size` did not fit."""
        _FITTED.keep(self.key, {"size": size, "time": time.time()})
