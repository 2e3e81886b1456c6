"""What is said of machines that others have."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, List

import pytest
from machines import GIB, H200, RX580, machine

from pawnzero.doctor.findings import NOTE, WARNING, WRONG, findings

ROCM: Dict[str, Any] = {"torch": "1.13.1", "torch_backend": "rocm 5.2", "torch_architectures": ("gfx803", "gfx900")}
"""A build for Polaris. It does not tell a card's architecture, which is known only where the bus shows such a card."""
SAFER = {f"MIOPEN_DEBUG_CONV_{name}": "0" for name in ("WINOGRAD", "GEMM", "FFT")}


def told(**changes: Any) -> List[str]:
    """Level, text and advice of every finding, a line each."""
    return [f"{found.level}: {found.what} → {found.advice}" for found in findings(machine(**changes))]


def test_of_a_sound_machine_there_is_nothing_to_say() -> None:
    assert told() == []
    assert told(cards=(H200,), torch_backend="cuda 13.0", torch_architectures=("sm_80", "sm_90")) == []


def test_polaris_is_warned_of_with_the_variables_that_make_it_safer() -> None:
    lines = told(cards=(RX580,), **ROCM)
    assert all(line.startswith(WARNING) for line in lines)
    assert "come out wrong" in lines[0]
    assert "export MIOPEN_DEBUG_CONV_WINOGRAD=0 MIOPEN_DEBUG_CONV_GEMM=0 MIOPEN_DEBUG_CONV_FFT=0" in lines[1]
    (left,) = told(cards=(RX580,), environment=SAFER, **ROCM)
    assert "come out wrong" in left
    partly = told(cards=(RX580,), environment={**SAFER, "MIOPEN_DEBUG_CONV_GEMM": "1"}, **ROCM)
    assert "export MIOPEN_DEBUG_CONV_GEMM=0" in partly[1]
    other = told(cards=(RX580,), environment={**SAFER, "HSA_OVERRIDE_GFX_VERSION": "9.0.0"}, **ROCM)
    assert "HSA_OVERRIDE_GFX_VERSION=9.0.0" in other[1]


def test_a_torch_that_is_too_old() -> None:
    (line,) = told(torch="1.11.0a0+rocm")
    assert line.startswith(f"{WRONG}: torch 1.11.0a0+rocm is older than 1.13")
    assert told(torch="1.13.1+cu117") == []
    assert told(packages={"numba": "0.57.1"})[0].startswith(f"{WRONG}: numba 0.57.1 is older than 0.58")


@pytest.mark.parametrize(
    ("card", "changes", "why", "advice"),
    [
        (H200, {}, "torch 2.13.0 is a CPU build", "the CUDA build of torch"),
        (H200, {"torch_backend": "rocm 6.1"}, "torch 2.13.0 is built for rocm 6.1", "the CUDA build of torch"),
        (H200, {"torch_backend": "cuda 13.0"}, "finds no driver", "nvidia-smi"),
        (RX580, {}, "is a CPU build", "community build of torch for gfx803"),
        (replace(RX580, architecture="gfx1030"), {"torch_backend": "rocm 6.1"}, "finds no driver", "rocminfo"),
        (RX580, {**ROCM, "kfd_open": False}, "may not open /dev/kfd", "group"),
    ],
)
def test_a_card_that_is_not_used(card: Any, changes: Any, why: str, advice: str) -> None:
    (line,) = told(cards=(replace(card, device=""),), **changes)
    assert line.startswith(f"{WARNING}: {card.name}")
    assert why in line
    assert advice in line.partition(" → ")[2]


def test_a_card_that_was_hidden_on_purpose_is_a_note() -> None:
    hidden = {"CUDA_VISIBLE_DEVICES": ""}
    (line,) = told(cards=(replace(H200, device=""),), torch_backend="cuda 13.0", environment=hidden)
    assert line.startswith(NOTE)


@pytest.mark.parametrize(
    ("architecture", "built", "serves"),
    [
        ("sm_61", ("sm_75", "sm_80", "sm_90"), False),
        ("sm_86", ("sm_75", "sm_80"), True),
        ("sm_80", ("sm_86",), False),
        ("sm_100", ("sm_90", "compute_90"), True),
        ("sm_100", ("sm_90",), False),
        ("sm_90", ("sm_90a",), True),
        ("gfx803", ("gfx900", "gfx1030"), False),
        ("gfx90a", ("gfx90a:sramecc+:xnack-",), True),
    ],
)
def test_a_build_without_code_for_the_card_is_wrong(architecture: str, built: Any, serves: bool) -> None:
    card = replace(H200, architecture=architecture, vendor="amd" if "gfx" in architecture else "nvidia")
    lines = [line for line in told(cards=(card,), torch_backend="cuda 13.0", torch_architectures=built) if "no code" in line]
    assert bool(lines) is not serves
    assert all(line.startswith(WRONG) for line in lines)


def test_of_an_architecture_that_torch_does_not_tell_nothing_is_said() -> None:
    assert told(cards=(replace(RX580, architecture=""),), **ROCM) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"environment": {"OMP_NUM_THREADS": "4"}, "torch_threads": 4}, "training uses 4 of 16 cores"),
        ({"cores_allowed": 2.0}, "starts 16 threads, but only 2 cores"),
        ({"environment": {"OMP_WAIT_POLICY": "active"}}, "OMP_WAIT_POLICY"),
        ({"load": 12.0}, "other programs are running"),
        ({"environment": {"NUMBA_DISABLE_JIT": "1"}}, "NUMBA_DISABLE_JIT"),
        ({"cache": "/ro/pawnzero", "cache_writable": False}, "/ro/pawnzero cannot be written"),
        ({"cpu_features": ("avx",)}, "no AVX2"),
        ({"memory": 3 * GIB}, "3.0 GB of memory"),
        ({"disk_free": GIB}, "1.0 GB are free at models"),
    ],
)
def test_what_costs_speed_or_room_is_a_warning(changes: Any, words: str) -> None:
    (line,) = told(**changes)
    assert line.startswith(WARNING)
    assert words in line
    assert line.partition(" → ")[2]


def test_where_no_agent_can_lie_something_is_wrong() -> None:
    (line,) = told(place_fault="models: Permission denied")
    assert line.startswith(f"{WRONG}: no agent can be written: models: Permission denied → ")


def test_what_is_good_to_know_is_a_note_and_stands_last() -> None:
    lines = told(cores_allowed=8, torch_threads=8, cpu_features=("avx2",), torch="1.12")
    assert [line.split(":")[0] for line in lines] == [WRONG, NOTE, NOTE]
    assert "8 of 16 cores" in lines[1]
    assert "float32" in lines[2]
