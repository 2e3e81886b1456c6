"""A command whose terminal goes away saves what it has, and one under nohup goes on."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import List

import pytest

from pawnzero.nets.checkpoint import load_checkpoint
from tests.conftest import TELLING_OFTEN

if sys.platform == "win32":
    pytest.skip("no terminals of Unix there", allow_module_level=True)

import fcntl
import pty
import termios


def _take_terminal() -> None:
    """The process, which leads its session, gets its standard input as its terminal, and hears of its end."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def hang_up_after(command: List[str], seen: bytes) -> int:
    """Run a command on a terminal of its own, which goes away once it has shown `seen`. Returns the exit code."""
    ours, its = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "200"}
    process = subprocess.Popen(
        command, stdin=its, stdout=its, stderr=its, env=environment, start_new_session=True, preexec_fn=_take_terminal
    )
    try:
        os.close(its)
        shown = b""
        while not re.search(seen, shown):
            shown += os.read(ours, 65536)
        os.close(ours)
        return process.wait(timeout=120)
    finally:
        process.kill()
        process.wait()


def test_training_saves_the_step_in_hand(agent_dir: Path, tiny_config: Path) -> None:
    latest = agent_dir / "checkpoints" / "latest.pt"
    before = load_checkpoint(latest).step
    words = ["train", str(agent_dir), "--config", str(tiny_config), "--trainer-iters", "800", "--device", "cpu"]
    code = hang_up_after([sys.executable, "-m", "pawnzero", *words], rb"\b[1-9]\d*/800")
    assert code == 130
    assert before < load_checkpoint(latest).step < before + 800


def test_selfplay_ends_as_an_interrupted_one(tmp_path: Path, tiny_config: Path) -> None:
    words = ["selfplay", str(tmp_path / "A"), "--config", str(tiny_config), "--games", "90000", "--device", "cpu"]
    assert hang_up_after([sys.executable, "-m", "pawnzero", *words], rb"\b[1-9]\d*/90000") == 130
    journal = (tmp_path / "A" / "experiments" / "selfplay_alone.jsonl").read_text().splitlines()
    assert '"session"' in journal[-1]  # what it has cost, which comes at the end


def test_under_nohup_a_command_goes_on(tmp_path: Path, tiny_config: Path) -> None:
    words = ["selfplay", str(tmp_path / "A"), "--config", str(tiny_config), "--games", "90000", "--device", "cpu"]
    playing = subprocess.Popen(
        [sys.executable, "-c", TELLING_OFTEN, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    try:
        assert playing.stdout is not None
        lines = iter(playing.stdout.readline, "")
        assert any("games/s" in line or "games/min" in line for line in lines)
        playing.send_signal(signal.SIGHUP)
        told = [line for line, _ in zip(lines, range(10)) if "games/" in line]
        assert len(told) == 10  # one that was ending would not tell so often
        playing.terminate()
        assert playing.wait(timeout=60) == 130
    finally:
        playing.kill()
        playing.wait()
