"""Files that are replaced: what JSON cannot say, and what becomes of links, in checkpoints and in the replay file too."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from pawnzero.agent import Agent
from pawnzero.files import in_shell, replacing, write_json
from pawnzero.replay import ReplayBuffer
from tests.iterations import CONFIG
from tests.selfplay.test_selfplay import play

links = pytest.mark.skipif(sys.platform == "win32", reason="links take a privilege there")


def test_a_number_that_is_not_finite_is_written_as_null(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"a": [float("nan"), 1.5], "b": {"c": (float("inf"), -float("inf"), "NaN")}})
    assert json.loads(path.read_text(), parse_constant=pytest.fail) == {"a": [None, 1.5], "b": {"c": [None, None, "NaN"]}}


def test_a_command_can_be_pasted_on_windows_too(monkeypatch: pytest.MonkeyPatch) -> None:
    assert in_shell("my tools/python") == "'my tools/python'"
    monkeypatch.setattr("pawnzero.files.atomic.os.name", "nt")
    assert in_shell(r"C:\me\.venv\Scripts\python.exe") == r"C:\me\.venv\Scripts\python.exe"
    assert in_shell(r"C:\my tools\python.exe") == '"C:\\my tools\\python.exe"'


@links
@pytest.mark.parametrize("target", ["ckpt_000100.pt", "../other/latest.pt"])
def test_what_a_net_was_linked_to_keeps_what_it_holds(tmp_path: Path, target: str) -> None:
    """A link says where to begin; another's net is never written."""
    (tmp_path / "own").mkdir()
    (tmp_path / "other").mkdir()
    latest = tmp_path / "own" / "latest.pt"
    latest.symlink_to(target)
    (latest.parent / target).write_text("of step 100")
    with replacing(latest) as stream:
        stream.write(b"of step 200")
    assert not latest.is_symlink()
    assert (latest.read_text(), (latest.parent / target).read_text()) == ("of step 200", "of step 100")


@links
def test_a_replay_file_stays_on_the_disk_that_it_was_linked_to(tmp_path: Path) -> None:
    (tmp_path / "big disk").mkdir()
    link, file = tmp_path / "replay.pt", tmp_path / "big disk" / "replay.pt"
    link.symlink_to(file)
    record = play("tic_tac_toe", [0])[0]
    for capacity in (100, 50):
        buffer = ReplayBuffer(link, 100, "tic_tac_toe")
        if capacity == 100:
            buffer.append(record)  # makes the file
        buffer.resize(capacity)
        assert link.is_symlink()
        assert (ReplayBuffer(file).capacity, len(ReplayBuffer(file))) == (capacity, len(record))


@links
def test_what_a_killed_write_left_beside_a_linked_file_is_cleared(tmp_path: Path) -> None:
    agent, big = Agent.create(tmp_path / "A", CONFIG), tmp_path / "big disk"
    big.mkdir()
    (agent.checkpoints / "replay.pt").symlink_to(big / "A.pt")
    left, just_now, others = big / ".A.pt.99999.new", big / ".A.pt.88888.new", big / ".B.pt.99999.new"
    for path in (left, just_now, others):
        path.touch()
        if path != just_now:
            os.utime(str(path), (0, 0))
    with agent.lock():
        assert [path.exists() for path in (left, just_now, others)] == [False, True, True]
