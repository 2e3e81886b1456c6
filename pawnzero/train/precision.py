"""In which number format a net is trained: float32 unless half precision is asked for and the device gains by it.

Weights, their gradients, the optimizer and the losses stay float32 in any case; half precision is for the layers between
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
        """Whether the loss is scaled, and steps whose gradient overflows are skipped: float16 has too few exponents without."""
        return self.dtype == torch.float16

    def autocast(self, device: torch.device) -> ContextManager[Any]:
        """Where the forward pass runs."""
        return nullcontext() if self.dtype == torch.float32 else torch.autocast(device.type, self.dtype)

    def make_scaler(self, device: torch.device, saved: Optional[Dict[str, Any]]) -> Any:
        """torch's GradScaler, going on from its saved state, where this format needs one, else None."""
        if not self.scales:
            return None
        modern = getattr(torch.amp, "GradScaler", None)  # from torch 2.3 on; the older name warns there
        scaler = modern(device.type) if modern else torch.cuda.amp.GradScaler()
        if saved:
            scaler.load_state_dict(saved)
        return scaler


def choose_precision(device: torch.device, channels: int, use_amp: bool, batch: int) -> TrainPrecision:
    """Float32, or where `use_amp` asks for it the half precision in which `device` convolves clearly faster.

    batch: samples of a pass.
    """
    if not use_amp:
        return TrainPrecision(torch.float32, "half precision was not asked for")
    dtype, reason = fastest_format(device, channels, batch)
    return TrainPrecision(dtype, reason)


def check_precision(device: torch.device, precision: TrainPrecision) -> None:
    """Raises PawnzeroError where `device` is not one for the format that process 0 chose for all."""
    if precision.dtype not in (torch.float32, *half_formats(device)):
        raise PawnzeroError(
            f"training: {device} does not support {precision.name}, in which process 0 trains; "
            "train without --use-amp, or on GPUs of one kind"
        )
