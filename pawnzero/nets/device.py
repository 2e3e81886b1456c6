"""Selecting and identifying the device a net runs on, and recognising out-of-memory errors."""

from __future__ import annotations

import os
import platform
import re
import sys
import warnings

import numpy as np
import torch

from pawnzero.errors import PawnzeroError, UsageError
from pawnzero.files import in_shell
from pawnzero.machine.processor import processor

_OUT_OF_MEMORY = (
    "out of memory",  # CUDA, and HIP's "hipErrorOutOfMemory" once spelled out
    "outofmemory",
    "can't allocate memory",  # torch's allocator on the CPU
    "not available to allocate buffer",  # MIOpen
    "not enough gpu video memory",
    "status_alloc_failed",  # cuDNN and cuBLAS
    "allocation_failed",  # cuDNN from 9 on: ..._HOST_ALLOCATION_FAILED, ..._DEVICE_ALLOCATION_FAILED
    "could not create a memory object",  # oneDNN
)


def resolve_device(text: str) -> torch.device:
    """Return the device called "cpu", "cuda", "cuda:N" or "auto" (the first GPU, else the CPU). GPUs are "cuda" on ROCm too.

    Raises UsageError for any other name and for a device that this machine does not have, PawnzeroError if this torch cannot
    work with the installed numpy.
    """
    _check_numpy()
    if text == "cpu":
        return torch.device("cpu")
    cards = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if text == "auto":
        return torch.device("cuda", 0) if cards else torch.device("cpu")
    match = re.fullmatch(r"cuda(?::(\d+))?", text)
    if not match:
        raise UsageError(f"device {text!r}: expected auto, cpu, cuda or cuda:N")
    number = int(match.group(1) or 0)
    if not cards:
        raise UsageError(f"device {text!r}: torch {torch.__version__} finds no GPU here; use cpu or auto")
    if number >= cards:
        raise UsageError(f"device {text!r}: there are {cards} GPUs here, cuda:0 to cuda:{cards - 1}")
    return torch.device("cuda", number)


def _check_numpy() -> None:
    """Raise PawnzeroError if torch and numpy cannot exchange arrays, as torch before 2.3 cannot with numpy 2."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's own, beside the error
            torch.from_numpy(np.zeros(1))
    except RuntimeError:
        raise PawnzeroError(
            f"torch {torch.__version__} cannot work with numpy {np.__version__}; install an older one: "
            f'{in_shell(sys.executable)} -m pip install "numpy<2"'
        ) from None


def describe_device(device: torch.device) -> str:
    """Return a text that identifies a device: the machine, the GPU and its memory or the processor, and torch's version.

    For a CPU, it includes the limit that the environment sets on oneDNN's instructions (ONEDNN_MAX_CPU_ISA).
    """
    name = " ".join(filter(None, (processor().description, os.environ.get("ONEDNN_MAX_CPU_ISA"))))
    if device.type == "cuda":
        card = torch.cuda.get_device_properties(device)
        name = f"{card.name} {card.total_memory >> 20} MiB"
    return f"{platform.node()} {name} {device} torch {torch.__version__}"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error, from whichever library, means that memory ran out.

    Leave the except block before retrying: the error's traceback keeps the failed attempt's tensors alive.
    """
    if isinstance(error, MemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(face in text for face in _OUT_OF_MEMORY)
