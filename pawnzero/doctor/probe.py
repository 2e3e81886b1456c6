"""Checking that a device's numbers agree with a CPU's in float32, over many calls and in a separate process.

A memory-access fault on a GPU kills the process. So `probe` starts a process (``python -m pawnzero.doctor.probe DEVICE``) and
reads its answer, or how it ended.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch

from pawnzero.config import Config
from pawnzero.errors import PawnzeroError
from pawnzero.games import get_game
from pawnzero.nets.device import is_out_of_memory, resolve_device
from pawnzero.nets.evaluator import NetEvaluator
from pawnzero.nets.precision import FORMATS, disagreement
from pawnzero.nets.quantized import SAMPLE
from pawnzero.nets.resnet import PolicyValueNet
from pawnzero.search.evaluator import Appetite, random_question

CALLS = 200
_TRAINING_CALLS = 20
_BATCH = 32
_GRADIENT_TOLERANCE = 0.02
"""Largest accepted error of a gradient against the CPU's, relative to its norm. GPUs may multiply with 10-bit mantissas."""
_SECONDS = 300.0


@dataclass(frozen=True)
class Probe:
    """The result for one device. `fault` is "" if its numbers were right in all `calls` calls, else how they were wrong.

    selfplay: on a CPU, the number format of self-play, and why
    full: the fault is that memory ran out, which says nothing about its numbers
    """

    device: str
    precision: str = ""
    reason: str = ""
    selfplay: str = ""
    largest_batch: int = 0
    appetite: Appetite = field(default_factory=Appetite)
    calls: int = 0
    fault: str = ""
    full: bool = False


def probe(device: str) -> Probe:
    """Examine a device ("cpu", "cuda:0") in a separate process."""
    package = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-m", "pawnzero.doctor.probe", device]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_SECONDS, env={**os.environ, "PYTHONPATH": path})
    except subprocess.TimeoutExpired:
        return Probe(device, fault=f"it did not answer within {_SECONDS:.0f} s (some convolutions hang on some cards)")
    if done.returncode == 0:
        said = json.loads(done.stdout.splitlines()[-1])
        return Probe(**{**said, "appetite": Appetite(**said["appetite"])})
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        return Probe(device, fault=f"the process that used it was killed by {name} (a fault of card, driver or library)")
    last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
    return Probe(device, fault=f"the process that used it failed: {' '.join(last) or f'exit code {done.returncode}'}")


def examine(device: str) -> Probe:
    """Examine a device in this process."""
    try:
        return _examine(device)
    except PawnzeroError as error:
        return Probe(device, fault=str(error))
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return Probe(device, fault="its memory is full", full=True)


def _examine(device: str) -> Probe:
    where, shape = resolve_device(device), Config().model
    net = PolicyValueNet(shape)
    evaluator = NetEvaluator(net, device)
    fault = disagreement(net, where, FORMATS[evaluator.precision], CALLS)
    if not fault and where.type != "cpu":
        fault = _gradient_disagreement(net, where)
    reason = evaluator.description.partition("(")[2].rstrip(")")
    selfplay = ""
    if where.type == "cpu":
        sample = random_question(get_game(net.game_name), SAMPLE)
        told, off, _ = NetEvaluator(net, device, sample=sample).description.partition("; policies are off")
        selfplay = told.partition(", ")[2] + (")" if off else "")  # an untrained net's error means nothing
    return Probe(device, evaluator.precision, reason, selfplay, evaluator.max_batch, evaluator.appetite, CALLS, fault)


def _gradient_disagreement(net: PolicyValueNet, device: torch.device) -> str:
    """How the gradient of a float32 training step differs from the CPU's; "" if it does not."""
    generator = torch.Generator().manual_seed(3)
    game = get_game(net.game_name)
    planes = torch.rand(_BATCH, game.bit_planes + game.scalar_planes, *game.board_shape, generator=generator)
    expected = _gradient(net, planes, torch.device("cpu"))
    for _ in range(_TRAINING_CALLS):
        got = _gradient(net, planes, device)
        off = float((got - expected).norm() / expected.norm())
        if not off <= _GRADIENT_TOLERANCE:
            return f"a gradient is off by {off:.3g} of its norm, expected at most {_GRADIENT_TOLERANCE:g}"
    return ""


def _gradient(net: PolicyValueNet, planes: torch.Tensor, device: torch.device) -> torch.Tensor:
    """The gradient of all parameters, [parameters] float32 on the CPU, computed on `device`."""
    net = net.to(device)
    net.zero_grad(set_to_none=True)
    policy, wdl = net(planes.to(device))
    (policy.square().mean() + wdl.square().mean()).backward()
    gradients = [parameter.grad.flatten().cpu() for parameter in net.parameters() if parameter.grad is not None]
    net.to("cpu")
    return torch.cat(gradients)


if __name__ == "__main__":
    print(json.dumps(asdict(examine(sys.argv[1]))))
