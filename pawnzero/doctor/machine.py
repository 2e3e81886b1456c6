"""What this machine has: everything the findings are based on, as plain data."""

from __future__ import annotations

import os
import platform
import shutil
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import Mapping, Optional, Tuple

import torch

from pawnzero.doctor.cards import Card, cards_of_pci, cards_of_torch
from pawnzero.machine.container import core_quota, memory_limit
from pawnzero.machine.cores import usable_cores
from pawnzero.machine.processor import processor
from pawnzero.native import cache_home

_PACKAGES = ("numpy", "numba", "torch", "chess", "rich", "tensorboard", "bitbully", "matplotlib", "onnx", "onnxruntime")
_PROGRAMS = ("stockfish", "fairy-stockfish", "lc0")
_VARIABLES = ("OMP_", "MKL_", "KMP_", "NUMBA_", "MIOPEN_", "HSA_", "CUDA_VISIBLE", "HIP_VISIBLE", "ROCR_VISIBLE", "PYTORCH_")


@dataclass(frozen=True)
class Machine:
    """A machine and what is installed on it. Sizes in bytes; None or "" if the system does not say."""

    system: str
    python: str
    cpu: str
    cpu_features: Tuple[str, ...]
    cores: int
    cores_allowed: float
    """Fewer than `cores` if a container or an affinity mask limits them."""
    load: Optional[float]
    """Load average of the last minute."""
    memory: Optional[int]
    memory_free: Optional[int]
    disk: str
    disk_free: int
    cards: Tuple[Card, ...]
    torch: str
    torch_backend: str
    """"cpu", "cuda 12.4" or "rocm 6.1"."""
    torch_architectures: Tuple[str, ...] = ()
    """What the build has code for: sm_80, compute_90, gfx1030 …"""
    torch_threads: int = 1
    kfd_open: bool = True
    """Whether ROCm's device file can be opened."""
    place_fault: str = ""
    """Why no agent can be written at the chosen place; "" if one can."""
    cache: str = ""
    cache_writable: bool = True
    packages: Mapping[str, Optional[str]] = field(default_factory=dict)
    programs: Mapping[str, Optional[str]] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    """Environment variables that change how libraries compute."""


def look(place: Path, root: Path = Path("/")) -> Machine:
    """Examine this machine. `place`: where agents will be stored; `root`: where Linux's /proc and /sys are."""
    cpu = processor(root / "proc/cpuinfo")
    cores = os.cpu_count() or 1
    memory, free = _memory(_text(root / "proc/meminfo"))
    limit = memory_limit(root / "sys/fs/cgroup")
    there = next(path for path in (place, *place.resolve().parents) if os.path.exists(str(path)))
    fault = "" if _writable(there) else "Permission denied" if there.is_dir() else "Not a directory"
    place = next(folder for folder in (there, *there.resolve().parents) if folder.is_dir())
    cache = cache_home()
    kfd = root / "dev/kfd"
    return Machine(
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=platform.python_version(),
        cpu=cpu.name,
        cpu_features=cpu.features,
        cores=cores,
        cores_allowed=min(usable_cores(), core_quota(root / "sys/fs/cgroup") or cores),
        load=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        memory=min(memory, limit) if memory and limit else memory,
        memory_free=free,
        disk=str(place),
        disk_free=shutil.disk_usage(str(place)).free,
        place_fault=fault and f"{there}: {fault}",
        cards=_all_cards(root),
        torch=torch.__version__,
        torch_backend=_backend(),
        torch_architectures=tuple(torch.cuda.get_arch_list()) if torch.cuda.is_available() else (),
        torch_threads=torch.get_num_threads(),
        kfd_open=not kfd.exists() or os.access(str(kfd), os.R_OK | os.W_OK),
        cache=str(cache),
        cache_writable=_writable(cache),
        packages={name: _version(name) for name in _PACKAGES},
        programs={name: _program(name) for name in _PROGRAMS},
        environment={name: value for name, value in sorted(os.environ.items()) if name.startswith(_VARIABLES)},
    )


def _all_cards(root: Path) -> Tuple[Card, ...]:
    """The GPUs that torch can use, then the others on the PCI bus.

    Where torch does not report an architecture (AMD GPUs before torch 2.2), it is taken from the bus's GPU of the same vendor
    with the nearest memory size.
    """
    served, unserved = [], cards_of_pci(root)
    for card in cards_of_torch():
        alike = [other for other in unserved if other.vendor == card.vendor]
        if alike:
            match = min(alike, key=lambda other: abs((other.memory or 0) - (card.memory or 0)))
            unserved.remove(match)
            card = replace(card, architecture=card.architecture or match.architecture)
        served.append(card)
    return (*served, *unserved)


def _backend() -> str:
    if getattr(torch.version, "hip", None):
        return f"rocm {torch.version.hip}"
    return f"cuda {torch.version.cuda}" if torch.version.cuda else "cpu"


def _memory(meminfo: str) -> Tuple[Optional[int], Optional[int]]:
    """Total and available memory in bytes, from /proc/meminfo, or from sysconf (total only) on a Unix without it."""
    values = {line.partition(":")[0]: line.split()[1] for line in meminfo.splitlines() if len(line.split()) > 1}
    if "MemTotal" in values:
        free = values.get("MemAvailable")
        return 1024 * int(values["MemTotal"]), 1024 * int(free) if free else None
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), None
    except (AttributeError, OSError, ValueError):
        return None, None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _writable(folder: Path) -> bool:
    """Whether `folder`, or the closest existing parent of it, is a writable folder."""
    there = next(path for path in (folder, *folder.parents) if os.path.exists(str(path)))
    return there.is_dir() and os.access(str(there), os.W_OK)


def _version(package: str) -> Optional[str]:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _program(name: str) -> Optional[str]:
    return shutil.which(name) or shutil.which(name, path="/usr/games")
