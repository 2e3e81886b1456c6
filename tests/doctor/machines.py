"""Machines that tests describe instead of having."""

from __future__ import annotations

from typing import Any

from pawnzero.doctor.cards import Card
from pawnzero.doctor.machine import Machine

GIB = 2**30
RX580 = Card("Radeon RX 580", "amd", "gfx803", 8 * GIB, "cuda:0")
H200 = Card("NVIDIA H200", "nvidia", "sm_90", 139 * GIB, "cuda:0")


def machine(**changes: Any) -> Machine:
    """A sound machine with a CPU of today, but for `changes`."""
    sound: Any = {
        "system": "Linux 6.1 x86_64",
        "python": "3.11.7",
        "cpu": "Some CPU",
        "cpu_features": ("avx2", "avx512f", "avx512_bf16"),
        "cores": 16,
        "cores_allowed": 16,
        "load": 0.1,
        "memory": 64 * GIB,
        "memory_free": 60 * GIB,
        "disk": "models",
        "disk_free": 500 * GIB,
        "cards": (),
        "torch": "2.13.0",
        "torch_backend": "cpu",
        "torch_threads": 16,
        "packages": {"numpy": "2.4.6", "numba": "0.68.1"},
    }
    return Machine(**{**sound, **changes})
