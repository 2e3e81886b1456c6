"""The batch size that fits a device's memory: as requested, or smaller if that ran out of memory on this machine before."""

from __future__ import annotations

import time

import torch

from pawnzero.machine.remembered import Remembered
from pawnzero.nets.device import describe_device
from pawnzero.nets.resnet import PolicyValueNet
from pawnzero.progress import Progress

_FITTED = Remembered("batches")
_SECONDS_KEPT = 24 * 3600.0
"""Memory may have run out because another program used it too. Retrying the full batch costs one failed pass."""


class Fitted:
    """The batch size for one purpose ("training", "playing") of a net on a device in a number format.

    The key contains each of these, the requested batch and torch's version, so that no other GPU, format or net starts from
    what is remembered here.
    """

    def __init__(
        self, purpose: str, net: PolicyValueNet, device: torch.device, precision: str, batch: int, progress: Progress
    ) -> None:
        self._purpose = purpose
        self._batch = batch
        self._progress = progress
        self.key = f"{purpose} of {net.description} in {precision}, batch {batch}, on {describe_device(device)}"

    def recall(self) -> int:
        """Return the batch size to start with. If it is not the requested one, a note says so, and how to forget it."""
        found = _FITTED.recall(self.key)
        try:
            size, age = int(found["size"]), time.time() - float(found["time"])
        except (TypeError, KeyError, ValueError):  # nothing remembered, or in another format
            return self._batch
        if not 1 <= size < self._batch or age > _SECONDS_KEPT:
            return self._batch
        self._progress.note(
            f"{self._purpose} begins with batches of {size}, because {self._batch} ran out of memory here before "
            f"(this is forgotten after a day, or when {_FITTED.path} is deleted)"
        )
        return size

    def keep(self, size: int) -> None:
        """Remember that no more than `size` fit."""
        _FITTED.keep(self.key, {"size": size, "time": time.time()})
