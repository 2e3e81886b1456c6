"""This machine's processor, and those of its instruction sets that determine how fast a net runs."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Dict, Tuple

_CPUINFO = Path("/proc/cpuinfo")
_FEATURES = (
    *("avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8"),
    *("asimd", "asimddp", "i8mm", "bf16"),
)
"""Instruction sets that determine how fast a net runs, as named in /proc/cpuinfo: x86's, then ARM's."""
_VERSION = ("cpu family", "model", "stepping", "CPU implementer", "CPU part", "CPU variant")


@dataclass(frozen=True)
class Processor:
    """A processor, as Linux reports for its first core, or on other systems as Python does.

    name:     the maker's name, which different processors may share; never ""
    version:  numbers that tell such processors apart; "" if unknown
    features: the instruction sets that determine how fast a net runs; () if unknown
    """

    name: str
    version: str
    features: Tuple[str, ...]

    @property
    def description(self) -> str:
        """All fields in one text, which differs for processors that may differ in speed."""
        return " ".join(filter(None, (self.name, self.version, *self.features)))


@lru_cache(maxsize=None)
def processor(cpuinfo: Path = _CPUINFO) -> Processor:
    """Return this machine's processor. `cpuinfo`: Linux's description of it; the file need not exist."""
    try:
        text = cpuinfo.read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    values: Dict[str, str] = {}
    for line in text.splitlines():
        name, _, value = line.partition(":")
        values.setdefault(name.strip(), value.strip())
    flags = (values.get("flags") or values.get("Features") or "").split()
    return Processor(
        name=values.get("model name") or platform.processor() or platform.machine() or "unknown",
        version=".".join(values[name] for name in _VERSION if values.get(name)),
        features=tuple(name for name in _FEATURES if name in flags),
    )
