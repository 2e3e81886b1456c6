"""What training has saved, read and compared."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Dict, List

import torch
from hearing import Heard
from random_games import CONFIG

from pawnzero.nets import make_model
from pawnzero.nets.checkpoint import load_checkpoint


def weights(folder: Path, averaged: bool = False) -> Dict[str, torch.Tensor]:
    checkpoint = load_checkpoint(folder / "latest.pt")
    return checkpoint.averaged if averaged else checkpoint.net


def assert_same_state(one: Path, other: Path) -> None:
    """Bit for bit: weights, average, optimizer, step."""
    first, second = load_checkpoint(one / "latest.pt"), load_checkpoint(other / "latest.pt")
    assert (first.step, first.epoch) == (second.step, second.epoch)
    for name in first.net:
        assert torch.equal(first.net[name], second.net[name]), name
        assert torch.equal(first.averaged[name], second.averaged[name]), name
    assert first.training is not None
    assert second.training is not None
    moments, others = first.training["optimizer"]["state"], second.training["optimizer"]["state"]
    assert len(moments) > 10
    for index, moment in moments.items():
        assert all(torch.equal(moment[key], others[index][key]) for key in ("step", "exp_avg", "exp_avg_sq"))


def gradients(folder: Path) -> List[torch.Tensor]:
    """A tenth of the first step's gradient, a tensor a parameter: Adam's first moment after one step."""
    training = load_checkpoint(folder / "latest.pt").training
    assert training is not None
    moments = training["optimizer"]["state"]
    assert all(moment["step"] == 1 for moment in moments.values())
    return [moments[index]["exp_avg"] for index in sorted(moments)]


def assert_same_gradient(one: Path, other: Path) -> None:
    """To rounding. (Weights after the step differ by more: Adam blows up the rounding of a gradient that is truly zero.)"""
    assert max(float(gradient.abs().max()) for gradient in gradients(one)) > 1e-3
    for index, (first, second) in enumerate(zip(gradients(one), gradients(other))):
        assert torch.allclose(first, second, atol=1e-7), index


def asked_at_the_last_save(heard: Heard, until_step: int) -> torch.nn.Module:
    """A net that lets a signal in while it is measured after the last step, which comes before that step is counted."""
    net = make_model("cpu", 8, 1, 4, "tic_tac_toe", CONFIG.seed)

    def ask(module: torch.nn.Module, inputs: tuple) -> None:
        if not torch.is_grad_enabled() and heard.steps == until_step - 1:
            os.kill(os.getpid(), signal.SIGTERM)
            heard.steps = until_step  # a second one would end the process

    net.register_forward_pre_hook(ask)
    return net
