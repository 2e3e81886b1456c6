"""The GPUs in this machine: those that torch can use, and those on the PCI bus."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import List, Optional

import torch

_VENDORS = {0x10DE: "nvidia", 0x1002: "amd"}
_DISPLAY = 0x03
"""PCI class of display controllers, which includes 3D controllers without a display."""
_POLARIS = {
    0x67DF: "RX 470/480/570/580/590",
    0x6FDF: "RX 580 2048SP",
    0x67EF: "RX 460/560",
    0x67FF: "RX 550/560",
    0x699F: "RX 550",
}
"""PCI device ids of the AMD GPUs that ROCm calls gfx803 (the PCI ID repository, pci-ids.ucw.cz)."""


@dataclass(frozen=True)
class Card:
    """One GPU.

    vendor: "nvidia" or "amd" · architecture: sm_86, gfx803 …; "" if unknown · memory: bytes, None if unknown
    device: torch's name for it ("cuda:0"), "" if torch cannot use it
    """

    name: str
    vendor: str
    architecture: str
    memory: Optional[int]
    device: str


def cards_of_torch() -> List[Card]:
    """The GPUs that this build of torch can use."""
    cards = []
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        found = torch.cuda.get_device_properties(index)
        amd = bool(getattr(torch.version, "hip", None))
        architecture = str(getattr(found, "gcnArchName", "")).split(":")[0] if amd else f"sm_{found.major}{found.minor}"
        cards.append(Card(found.name, "amd" if amd else "nvidia", architecture, int(found.total_memory), f"cuda:{index}"))
    return cards


def cards_of_pci(root: Path) -> List[Card]:
    """NVIDIA and AMD GPUs on the PCI bus, from Linux's /sys under `root`; none on other systems."""
    cards = []
    for folder in sorted((root / "sys/bus/pci/devices").glob("*")):
        kind, vendor, number = (_hexadecimal(folder / name) for name in ("class", "vendor", "device"))
        if kind >> 16 != _DISPLAY or vendor not in _VENDORS:
            continue
        polaris = _POLARIS.get(number) if _VENDORS[vendor] == "amd" else None
        name = polaris or f"{_VENDORS[vendor].upper()} card {vendor:04x}:{number:04x}"
        memory = folder / "mem_info_vram_total"
        size = int(memory.read_text()) if memory.is_file() else None
        cards.append(Card(name, _VENDORS[vendor], "gfx803" if polaris else "", size, ""))
    return cards


def _hexadecimal(path: Path) -> int:
    try:
        return int(path.read_text(), 16)
    except (OSError, ValueError):
        return 0
