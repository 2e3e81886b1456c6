"""Names of devices, and the faces of memory that ran out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from pawnzero.errors import PawnzeroError, UsageError
from pawnzero.machine.processor import processor
from pawnzero.nets import device
from pawnzero.nets.device import describe_device, is_out_of_memory, resolve_device


def test_names_that_work_anywhere() -> None:
    assert resolve_device("cpu") == torch.device("cpu")
    assert resolve_device("auto").type in ("cpu", "cuda")


def test_a_numpy_that_torch_was_not_built_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(array: np.ndarray) -> torch.Tensor:
        raise RuntimeError("Numpy is not available")  # what torch before 2.3 says with numpy 2

    monkeypatch.setattr(torch, "from_numpy", refuse)
    with pytest.raises(PawnzeroError, match=r'torch .* cannot work with numpy .*: .* -m pip install "numpy<2"$'):
        resolve_device("cpu")


@pytest.mark.parametrize("text", ["gpu", "cuda:", "cuda:x", "cuda:-1", "", "CPU"])
def test_other_names_are_usage_errors(text) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError, match="expected auto, cpu, cuda or cuda:N"):
        resolve_device(text)


@pytest.mark.parametrize(("cards", "text", "said"), [(0, "cuda", "no GPU"), (0, "cuda:0", "no GPU"), (2, "cuda:2", "cuda:1")])
def test_a_card_that_is_not_there(cards, text, said, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cards > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cards)
    with pytest.raises(UsageError, match=said):
        resolve_device(text)


def test_cards_that_are_there(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [resolve_device(text) for text in ("auto", "cuda", "cuda:1")] == [torch.device("cuda", n) for n in (0, 0, 1)]


def test_each_processor_has_a_description_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = [
        "cpu family\t: 25\nmodel\t\t: 17\nmodel name\t: AMD EPYC\nflags\t\t: fpu avx2 avx512f\n",
        "cpu family\t: 25\nmodel\t\t: 17\nmodel name\t: AMD EPYC\nflags\t\t: fpu avx2\n",
        "cpu family\t: 25\nmodel\t\t: 1\nmodel name\t: AMD EPYC\nflags\t\t: fpu avx2\n",
        "cpu family\t: 25\nmodel\t\t: 1\nmodel name\t: AMD Ryzen\nflags\t\t: fpu avx2\n",
        "Features\t: fp asimd bf16\nCPU implementer\t: 0x41\nCPU part\t: 0xd40\n",
        "Features\t: fp asimd bf16\nCPU implementer\t: 0x41\nCPU part\t: 0xd4f\n",
        "",
    ]
    found = []
    for number, text in enumerate(told):
        path = tmp_path / str(number)
        path.write_text(text)
        monkeypatch.setattr(device, "processor", lambda path=path: processor(path))
        found.append(describe_device(torch.device("cpu")))
    assert len(set(found)) == len(told)
    assert "AMD EPYC 25.17 avx2 avx512f cpu torch" in found[0]


def test_out_of_memory_on_this_machine() -> None:
    with pytest.raises((RuntimeError, MemoryError)) as caught:
        torch.empty(2**60)
    assert is_out_of_memory(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("HIP error: hipErrorOutOfMemory"),
        RuntimeError("Memory not available to allocate buffer"),
        RuntimeError("Not enough GPU video memory available!"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED"),
        RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
    ],
)
def test_its_faces(error) -> None:  # type: ignore[no-untyped-def]
    assert is_out_of_memory(error)


@pytest.mark.parametrize("error", [RuntimeError("shape mismatch"), ValueError("out of memory"), KeyError("memory")])
def test_other_errors(error) -> None:  # type: ignore[no-untyped-def]
    assert not is_out_of_memory(error)
