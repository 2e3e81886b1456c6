"""A training process that is killed outright goes on from its last saved state as if nothing had happened."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

from random_games import CONFIG, fill
from test_loop import assert_same_state

from pawnzero.nets.checkpoint import load_checkpoint
from pawnzero.train import train


def run_and_kill(folder: Path, until_step: int, after: int) -> None:
    """Run child.py, and kill -9 it when it has taken `after` steps."""
    command = [sys.executable, str(Path(__file__).with_name("child.py")), str(folder), str(until_step), str(after)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "here\n"
        process.kill()
    assert process.returncode == -signal.SIGKILL


def test_killed_and_finished_is_bit_identical(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    train(
        fill(whole / "replay.pt"),
        CONFIG,
        checkpoints=whole,
        until_step=40,
        device="cpu",
        log=whole / "experiments" / "train.json",
        save_every=7,
    )
    run_and_kill(killed, 40, after=17)
    assert load_checkpoint(killed / "latest.pt").step == 14
    report = train(
        fill(killed / "replay.pt", games=0),
        CONFIG,
        checkpoints=killed,
        until_step=40,
        device="cpu",
        log=killed / "experiments" / "train.json",
        save_every=7,
    )
    assert report.steps_done == 26
    assert_same_state(whole, killed)
    records = [json.loads((folder / "experiments" / "train.json").read_text()) for folder in (whole, killed)]
    losses = [[(record["step"], record["loss"], record["grad_norm"]) for record in run] for run in records]
    assert losses[0] == losses[1]
