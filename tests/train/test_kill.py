"""A training process that is killed outright goes on from its last saved state as if nothing had happened."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import List, Optional

from random_games import CONFIG, fill
from test_loop import assert_same_state

from pawnzero.nets.checkpoint import load_checkpoint
from pawnzero.train import train


def run_child(folder: Path, until_step: int, kill_after: Optional[int] = None) -> str:
    """Run child.py; kill -9 it when it has told of `kill_after` steps. Returns its last line."""
    command = [sys.executable, str(Path(__file__).with_name("child.py")), str(folder), str(until_step)]
    lines: List[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.strip())
            if len(lines) == kill_after:
                process.kill()
                break
    assert process.returncode == (-signal.SIGKILL if kill_after else 0)
    return lines[-1]


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
    run_child(killed, 40, kill_after=17)
    assert load_checkpoint(killed / "latest.pt").step >= 14
    assert run_child(killed, 40) == "done 40"
    assert_same_state(whole, killed)
    records = [json.loads((folder / "experiments" / "train.json").read_text()) for folder in (whole, killed)]
    losses = [[(record["step"], record["loss"], record["grad_norm"]) for record in run] for run in records]
    assert losses[0] == losses[1]
