"""A training process that is killed outright, terminated or interrupted goes on as if nothing had happened."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List

import pytest
from child import CONFIG_OF_CHILD
from random_games import fill, random_record
from saved import assert_same_state

from pawnzero.nets.checkpoint import load_checkpoint
from pawnzero.replay import ReplayBuffer
from pawnzero.train import TrainReport, train

UNTIL, AFTER = 30, 17


def go(buffer: ReplayBuffer, folder: Path) -> TrainReport:
    log = folder / "experiments" / "train.json"
    return train(buffer, CONFIG_OF_CHILD, checkpoints=folder, until_step=UNTIL, device="cpu", log=log, save_every=7)


def run_and_stop(folder: Path, number: signal.Signals) -> int:
    """Run child.py, and send it a signal when it has taken AFTER steps. Returns the process's exit code."""
    command = [sys.executable, str(Path(__file__).with_name("child.py")), str(folder), str(UNTIL), str(AFTER)]
    pipes: Dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL)) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "here\n"
        process.send_signal(number)
        process.stdin.close()
    return process.returncode


def records(folder: Path) -> Dict[int, Dict[str, Any]]:
    """What train.json says of each step, but for times."""
    read: List[Dict[str, Any]] = json.loads((folder / "experiments" / "train.json").read_text())
    timeless = [
        {name: value for name, value in record.items() if name not in ("time", "samples_per_second")} for record in read
    ]
    return {record["step"]: record for record in timeless}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was never stopped."""
    folder = tmp_path_factory.mktemp("whole")
    go(fill(folder / "replay.pt"), folder)
    return folder


@pytest.mark.parametrize(
    ("number", "code", "saved"),
    [(signal.SIGKILL, -signal.SIGKILL, 14), (signal.SIGTERM, 0, 18), (signal.SIGINT, 0, 18), (signal.SIGHUP, 0, 18)],
)
def test_stopped_and_finished_is_bit_identical(
    tmp_path: Path, whole: Path, number: signal.Signals, code: int, saved: int
) -> None:
    assert run_and_stop(tmp_path, number) == code
    assert load_checkpoint(tmp_path / "latest.pt").step == saved
    buffer = fill(tmp_path / "replay.pt", games=0)
    for game_id in range(1000, 1010):  # what is played meanwhile is for the next stage
        buffer.append(random_record(game_id))
    assert go(buffer, tmp_path).steps_done == UNTIL - saved
    assert_same_state(whole, tmp_path)
    expected, found = records(whole), records(tmp_path)
    assert list(expected) == [7, 10, 14, 20, 21, 28, 30]
    if number == signal.SIGKILL:
        assert found == expected
    else:  # stopping left a record of its own, and the next is the mean of fewer steps
        assert sorted(set(found) - {18}) == list(expected)
        assert all(found[step] == expected[step] for step in expected if step != 20)
