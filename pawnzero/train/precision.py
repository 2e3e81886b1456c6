"""The number format of training: float32, unless half precision is asked for and the device gains from it.

Weights, their gradients, the optimizer and the losses always stay float32; half precision is only for the net's layers
(Micikevicius et al., "Mixed Precision Training", ICLR 2018).
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, ContextManager, Dict, Optional

import torch

from pawnzero.errors import PawnzeroError
from pawnzero.nets.precision import Precision, fastest_format, half_formats


class TrainPrecision(Precision):
    """The format of a net's layers in training."""

    @property
    def scales(self) -> bool:
        """Whether the loss is scaled and steps whose gradient overflows are skipped, which float16's small range requires."""
        return self.dtype == torch.float16

    def autocast(self, device: torch.device) -> ContextManager[Any]:
        """The context for the forward pass."""
        return nullcontext() if self.dtype == torch.float32 else torch.autocast(device.type, self.dtype)

    def make_scaler(self, device: torch.device, saved: Optional[Dict[str, Any]]) -> Any:
        """torch's GradScaler, resumed from its `saved` state if given; None if this format does not need one."""
        if not self.scales:
            return None
        modern = getattr(torch.amp, "GradScaler", None)  # since torch 2.3, where the older name warns
        scaler = modern(device.type) if modern else torch.cuda.amp.GradScaler()
        if saved:
            scaler.load_state_dict(saved)
        return scaler


def choose_precision(device: torch.device, channels: int, use_amp: bool, batch: int) -> TrainPrecision:
    """Float32, or with `use_amp` the half-precision format in which `device` computes convolutions clearly faster.

    batch: samples in a pass.
    """
    if not use_amp:
        return TrainPrecision(torch.float32, "half precision was not asked for")
    dtype, reason = fastest_format(device, channels, batch)
    return TrainPrecision(dtype, reason)


def check_precision(device: torch.device, precision: TrainPrecision) -> None:
    """Raise PawnzeroError if `device` does not support the format that process 0 chose for all."""
    if precision.dtype not in (torch.float32, *half_formats(device)):
        raise PawnzeroError(
            f"training: {device} does not support {precision.name}, in which process 0 trains; "
            "train without --use-amp, or on GPUs of one kind"
        )
