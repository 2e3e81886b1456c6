"""The self-check: in a process of its own, of answers that are right, that are wrong, and that never come."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, List

import pytest
import torch

from pawnzero.doctor import probe as probes
from pawnzero.doctor.probe import examine, probe
from pawnzero.nets import make_model
from pawnzero.nets.fold import CompiledNet
from pawnzero.nets.resnet import PolicyValueNet


def test_the_cpu_agrees_with_itself() -> None:
    found = probe("cpu")
    assert found.fault == ""
    assert found.precision in ("float32", "bfloat16")
    assert found.reason
    assert found.calls >= 100
    assert found.largest_batch >= 64


def test_an_answer_that_is_wrong_once_in_a_while_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    right = CompiledNet.__call__
    calls: List[int] = []

    def sometimes_wrong(net: Any, planes: torch.Tensor) -> Any:
        policy, wdl = right(net, planes)
        if bool(planes.any()):  # not those that measure speed, on empty boards
            calls.append(1)
        return (policy + 1.0, wdl) if len(calls) == 12 else (policy, wdl)

    monkeypatch.setattr(probes, "CALLS", 12)
    monkeypatch.setattr(CompiledNet, "__call__", sometimes_wrong)
    assert "a policy logit is off by 1" in examine("cpu").fault


def test_a_gradient_that_is_wrong_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    net = make_model("cpu", channels=8, blocks=1)
    monkeypatch.setattr(probes, "_TRAINING_CALLS", 2)
    assert probes._gradient_disagreement(net, torch.device("cpu")) == ""
    right, calls = probes._gradient, []

    def wrong_in_the_end(net: PolicyValueNet, planes: torch.Tensor, device: torch.device) -> torch.Tensor:
        calls.append(1)
        return right(net, planes, device) * (1.0 if len(calls) < 3 else 1.1)

    monkeypatch.setattr(probes, "_gradient", wrong_in_the_end)
    assert "a gradient is off by 0.1 of its norm" in probes._gradient_disagreement(net, torch.device("cpu"))


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
@pytest.mark.parametrize(
    ("accident", "told"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "was killed by SIGSEGV"),
        ("import time; time.sleep(60)", "did not answer within 1 s"),
        ("""import os; os.write(1, b'{"appetite": {}, "device": "cpu", "precision": "float32"}'); os._exit(3)""", "failed"),
    ],
)
def test_a_process_that_dies_or_hangs_is_a_fault(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, accident: str, told: str
) -> None:
    """The accident happens in the process that computes: Python imports `sitecustomize` when it starts. One that fails after
    it has answered is not believed."""
    (tmp_path / "sitecustomize.py").write_text(accident)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(probes, "_SECONDS", 1.0 if "sleep" in accident else 300.0)
    found = probe("cpu")
    assert told in found.fault
    assert found.precision == ""


def test_memory_that_ran_out_is_told_apart_from_wrong_numbers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In the process that computes: Python imports `sitecustomize` when it starts."""
    (tmp_path / "sitecustomize.py").write_text(
        "from torch.nn import functional\n"
        "def full(*_, **__):\n"
        "    raise RuntimeError('CUDA out of memory. Tried to allocate 2.00 GiB')\n"
        "functional.conv2d = full\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    found = probe("cpu")
    assert (found.full, found.fault) == (True, "its memory is full")
