"""What is found on a machine, from the files a Linux system shows."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Dict

import pytest
import torch

from pawnzero.doctor.cards import Card
from pawnzero.doctor.findings import WARNING, findings
from pawnzero.doctor.machine import look

CPUINFO = """processor\t: 0
model name\t: Intel(R) Xeon(R) Platinum 8488C
flags\t\t: fpu avx2 avx512f avx512_bf16 amx_bf16 amx_tile

processor\t: 1
model name\t: Another
flags\t\t: fpu
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """/proc and /sys of a machine with an RX580, a network card, and a limit of a core and a half."""
    device = "sys/bus/pci/devices/0000:0"
    files: Dict[str, Any] = {
        "proc/cpuinfo": CPUINFO,
        "proc/meminfo": "MemTotal:        8000000 kB\nMemFree:  1 kB\nMemAvailable:    4000000 kB\n",
        "sys/fs/cgroup/cpu.max": "150000 100000\n",
        "sys/fs/cgroup/memory.max": "4096000000\n",
        f"{device}1:00.0/class": "0x030000\n",
        f"{device}1:00.0/vendor": "0x1002\n",
        f"{device}1:00.0/device": "0x67df\n",
        f"{device}1:00.0/mem_info_vram_total": "8589934592\n",
        f"{device}2:00.0/class": "0x020000\n",
        f"{device}2:00.0/vendor": "0x10de\n",
        f"{device}2:00.0/device": "0x0001\n",
    }
    for name, text in files.items():
        path = tmp_path / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "root"


def test_a_machine_is_read_from_its_files(root: Path, tmp_path: Path) -> None:
    found = look(tmp_path / "models" / "AgentA", root)
    assert found.cpu == "Intel(R) Xeon(R) Platinum 8488C"
    assert found.cpu_features == ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
    assert found.memory == 4096000000  # the container's limit
    assert found.memory_free == 4000000 * 1024
    assert found.cores_allowed <= 1.5
    assert found.disk == str(tmp_path)
    assert found.disk_free > 0
    assert found.place_fault == ""
    (tmp_path / "file").write_text("no folder")
    assert look(tmp_path / "file", root).place_fault == f"{tmp_path / 'file'}: Not a directory"
    assert look(tmp_path / "file" / "AgentA", root).place_fault == f"{tmp_path / 'file'}: Not a directory"
    assert Card("RX 470/480/570/580/590", "amd", "gfx803", 8 << 30, "") in found.cards
    assert any("RX 470/480/570/580/590 (gfx803) is not used" in finding.what for finding in findings(found))


def test_a_folder_that_nobody_may_look_into_is_told(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root sees no modes, so the system's refusal is made up."""
    closed, see, may = tmp_path / "closed", os.stat, os.access
    closed.mkdir()

    def refuse(path: Any, **options: Any) -> os.stat_result:
        if str(path).startswith(str(closed) + os.sep):
            raise PermissionError(13, "Permission denied", str(path))
        return see(path, **options)

    monkeypatch.setattr(os, "stat", refuse)
    monkeypatch.setattr(os, "access", lambda path, mode: str(path) != str(closed) and may(path, mode))
    assert look(closed / "in" / "AgentA", root).place_fault == f"{closed}: Permission denied"


def test_an_architecture_that_torch_does_not_tell_is_found_on_the_bus(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As torch before 2.2 has AMD's cards; beside the RX580, and before it on the bus, is a processor's own small card."""
    own = root / "sys/bus/pci/devices/0000:00:08.0"
    own.mkdir()
    for name, text in {"class": "0x030000", "vendor": "0x1002", "device": "0x1638", "mem_info_vram_total": "536870912"}.items():
        (own / name).write_text(text)
    card = SimpleNamespace(name="Radeon RX 580 Series", total_memory=8 << 30, major=8, minor=0)
    monkeypatch.setattr(torch.version, "hip", "5.2.21151")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: card)
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: ["gfx803", "gfx900"])
    found = look(root, root)
    assert found.cards == (
        Card("Radeon RX 580 Series", "amd", "gfx803", 8 << 30, "cuda:0"),
        Card("AMD card 1002:1638", "amd", "", 512 << 20, ""),
    )
    of_the_card = [finding for finding in findings(found) if "gfx803" in finding.what]
    assert "come out wrong" in of_the_card[0].what
    assert {finding.level for finding in of_the_card} == {WARNING}


def test_this_machine_is_described(tmp_path: Path) -> None:
    found = look(tmp_path)
    assert found.torch == torch.__version__
    assert found.cores == os.cpu_count()
    assert found.packages["numba"]
    assert found.torch_backend.split(" ")[0] in ("cpu", "cuda", "rocm")
    if sys.platform == "linux":
        assert found.memory
        assert found.memory_free
        assert found.memory_free <= found.memory


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of Unix")
def test_a_cache_that_cannot_be_written_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAWNZERO_CACHE", "/dev/null/pawnzero")
    assert not look(tmp_path).cache_writable
    monkeypatch.setenv("PAWNZERO_CACHE", str(tmp_path / "new" / "cache"))
    assert look(tmp_path).cache_writable


def test_variables_that_change_how_libraries_compute_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIOPEN_DEBUG_CONV_FFT", "0")
    monkeypatch.setenv("UNRELATED", "1")
    found = look(tmp_path).environment
    assert found["MIOPEN_DEBUG_CONV_FFT"] == "0"
    assert "UNRELATED" not in found
