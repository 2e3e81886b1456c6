"""Two processes that train as one: the losses of one process, on whatever memory, stopped and gone on; and never a hang."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List

import pytest
import torch
from random_games import CONFIG, fill
from saved import assert_same_state
from team_child import CONFIG_OF_TEAM, go

from pawnzero.agent import Agent
from pawnzero.cli.main import main
from pawnzero.errors import UsageError
from pawnzero.machine.launch import Launch, this_launch
from pawnzero.nets import make_model
from pawnzero.nets.checkpoint import load_checkpoint
from pawnzero.pipeline.train_loop import train_loop
from pawnzero.train.team import ALONE, Team

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(
    not (torch.distributed.is_available() and torch.distributed.is_gloo_available()), reason="this build of torch has no gloo"
)


def environment(rank: int, port: int) -> Dict[str, str]:
    """What torchrun sets."""
    own = {
        "RANK": rank,
        "LOCAL_RANK": rank,
        "WORLD_SIZE": 2,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
        "OMP_NUM_THREADS": 1,
    }
    return {**os.environ, "PYTHONPATH": str(ROOT), **{name: str(value) for name, value in own.items()}}


def run_two(scenario: str, folder: Path) -> List[Dict[str, Any]]:
    """What the two processes of a scenario found, that of process 0 first."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, str(Path(__file__).with_name("team_child.py")), scenario, str(folder)]
    processes = [subprocess.Popen(command, env=environment(rank, port), stderr=subprocess.PIPE, text=True) for rank in (0, 1)]
    try:
        errors = [process.communicate(timeout=300)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0], "\n".join(errors)
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in (0, 1)]


def records(folder: Path) -> List[Dict[str, Any]]:
    found: List[Dict[str, Any]] = json.loads((folder / "train.json").read_text())
    return found


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("team")
    fill(folder / "replay.pt").close()
    run_two("everything", folder)
    for name, steps in (("alone", 6), ("alone_one", 1)):
        go(folder, name, CONFIG_OF_TEAM, ALONE, until_step=steps)
    return folder


def found(folder: Path, rank: int) -> Dict[str, Any]:
    result: Dict[str, Any] = json.loads((folder / f"{rank}.json").read_text())
    return result


def test_losses_are_those_of_one_process(both: Path) -> None:
    ours, alone = records(both / "plain"), records(both / "alone")
    assert [record["step"] for record in ours] == [record["step"] for record in alone] == [2, 4, 6]
    for record, expected in zip(ours, alone):
        for name in expected:
            if name not in ("time", "samples_per_second"):
                assert record[name] == pytest.approx(expected[name], rel=1e-4, abs=1e-5), name
    report = found(both, 0)["plain"]
    assert (report["samples"], report["step"]) == (54, 6)


def test_both_hold_the_same_and_only_the_first_writes(both: Path) -> None:
    first, second = (found(both, rank)["plain"] for rank in (0, 1))
    assert first["checkpoint"].endswith("ckpt_000006.pt")
    assert second["checkpoint"] is None
    assert first["last_loss"] == second["last_loss"]
    assert first["held_out_value_loss"] is not None


def test_auxiliary_heads_are_trained_together_too(both: Path) -> None:
    assert found(both, 0)["heads"]["last_loss"] == found(both, 1)["heads"]["last_loss"]


def test_the_smallest_memory_decides_for_all(both: Path) -> None:
    assert [found(both, rank)["tight"]["micro_batch"] for rank in (0, 1)] == [1, 1]
    for record, expected in zip(records(both / "tight"), records(both / "alone")):
        assert record["loss"] == pytest.approx(expected["loss"], rel=1e-4)


def test_a_share_that_is_a_sample_larger_is_one_pass_all_the_same(both: Path) -> None:
    assert [found(both, rank)["whole"]["micro_batch"] for rank in (0, 1)] == [4, 5]
    for record, expected in zip(records(both / "whole"), records(both / "alone")):
        assert record["loss"] == pytest.approx(expected["loss"], rel=1e-4)


def test_asked_one_stops_all_and_going_on_changes_nothing(both: Path) -> None:
    stopped = [found(both, rank)["stopped"] for rank in (0, 1)]
    assert all(report["interrupted"] for report in stopped)
    assert stopped[0]["step"] == stopped[1]["step"] < 6
    assert found(both, 0)["went_on"]["step"] == 6
    assert_same_state(both / "plain", both / "parts")


def test_asked_while_the_leader_saves_the_last_time_all_know(both: Path) -> None:
    reports = [found(both, rank)["at_the_end"] for rank in (0, 1)]
    assert [(report["interrupted"], report["step"]) for report in reports] == [(True, 6)] * 2
    assert_same_state(both / "plain", both / "at_the_end")


def test_memory_that_runs_out_later_ends_all_with_a_reason(tmp_path: Path) -> None:
    fill(tmp_path / "replay.pt").close()
    leader, other = run_two("late", tmp_path)
    assert (
        "out of memory in one of several processes; run the same command again to go on from the last checkpoint"
        in other["error"]
    )
    assert "another process has ended" in leader["error"]
    assert load_checkpoint(tmp_path / "late" / "latest.pt").step == 4


def test_one_number_format_for_all_whatever_each_card_is_best_at(both: Path) -> None:
    reports = [found(both, rank) for rank in (0, 1)]
    for name, format_of_leader in (("half", "bfloat16"), ("float", "float32")):
        assert [report[name]["precision"] for report in reports] == [format_of_leader] * 2
        assert reports[0][name]["last_loss"] == reports[1][name]["last_loss"]


def test_a_card_that_is_not_made_for_the_format_says_so(tmp_path: Path) -> None:
    fill(tmp_path / "replay.pt").close()
    leader, other = run_two("refused", tmp_path)
    assert "cpu does not support bfloat16, in which process 0 trains; train without --use-amp" in other["error"]
    assert "another process has ended" in leader["error"]


def test_the_documented_command_under_torchrun(tmp_path: Path) -> None:
    agent = Agent.create(tmp_path / "A", CONFIG)
    fill(agent.replay).close()
    script = [str(ROOT / "training" / "train.py"), "--agent-dir", str(agent.directory), "--device", "cpu", "--json"]
    settings = tmp_path / "config.json"
    settings.write_text(json.dumps({"game": "tic_tac_toe", "model": {"channels": 8, "blocks": 1}, "replay_capacity": 1000}))
    sizes = ["--config", str(settings), "--batch-size", "4", "--grad-accum-steps", "2", "--iters-per-epoch", "3"]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    done = subprocess.run(
        [*torchrun, *script, *sizes], capture_output=True, text=True, timeout=300, check=False, cwd=str(tmp_path)
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["step"] == 3  # one object: one process spoke
    assert done.stderr.count("settings:") == 1
    assert done.stderr.count("one of 2 processes (WORLD_SIZE); waiting for the others at ") == 1
    assert [path.name for path in agent.checkpoints.glob("ckpt_*")] == ["ckpt_000003.pt"]


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT is sent to a single process there")
def test_who_waits_for_the_others_says_so_and_can_be_interrupted(tmp_path: Path) -> None:
    agent = Agent.create(tmp_path / "A", CONFIG)
    fill(agent.replay).close()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "pawnzero", "train", str(agent.directory), "--device", "cpu"]
    waiting = subprocess.Popen(command, env=environment(0, port), stdout=subprocess.PIPE, text=True)
    try:
        assert waiting.stdout is not None
        said = next(line for line in waiting.stdout if "waiting" in line)
        assert said == f"one of 2 processes (WORLD_SIZE); waiting for the others at 127.0.0.1:{port}\n"
        waiting.send_signal(signal.SIGINT)
        assert waiting.wait(timeout=60) == -signal.SIGINT
    finally:
        waiting.kill()
        waiting.communicate()


def test_other_commands_refuse_to_do_the_same_twice(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name, value in environment(1, 1).items():
        monkeypatch.setenv(name, value)
    assert main(["run", str(tmp_path / "A"), "--iterations", "1"]) == 2
    said = "pawnzero run: torchrun started 2 processes, but only pawnzero train divides its work; start one"
    assert said in capsys.readouterr().err
    with pytest.raises(UsageError, match="train_loop: torchrun started 2 processes"):
        train_loop(make_model("cpu", 8, 1, 4, "tic_tac_toe"), fill(tmp_path / "replay.pt", 3), {"ckpt_dir": str(tmp_path)})
    assert [path.name for path in tmp_path.iterdir()] == ["replay.pt"]


def test_shares_cover_the_batch() -> None:
    for size in (1, 2, 3, 5):
        shares = [Team(Launch(rank, size)).share(7) for rank in range(size)]
        assert [start for start, _ in shares] == [0] + [stop for _, stop in shares[:-1]]
        assert shares[-1][1] == 7
    with pytest.raises(UsageError, match="2 samples per step for 3 processes"):
        Team(Launch(0, 3)).share(2)


def test_each_process_gets_its_own_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    second = Team(Launch(1, 2, 1))
    assert [str(second.device(asked)) for asked in ("auto", "cuda", "cpu")] == ["cuda:1", "cuda:1", "cpu"]
    with pytest.raises(UsageError, match="one GPU each"):
        second.device("cuda:0")
    with pytest.raises(UsageError, match="cuda:2"):
        Team(Launch(2, 3, 2)).device("cuda")


def test_a_part_of_a_batch_is_that_part(tmp_path: Path) -> None:
    sampler = fill(tmp_path / "replay.pt").sampler(3, augment=True)
    whole, part = sampler.batch(5, 20), sampler.batch(5, 8, first=7)
    for name in ("bits", "age", "result_wdl", "count"):
        assert (getattr(part, name) == getattr(whole, name)[7:15]).all(), name


def test_without_torchrun_a_process_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WORLD_SIZE", "4")  # some clusters set this for programs of their own
    assert this_launch() == Launch(0, 1, 0)
    for name, value in (("MASTER_ADDR", "127.0.0.1"), ("MASTER_PORT", "29500"), ("RANK", "first")):
        monkeypatch.setenv(name, value)
    assert this_launch() == Launch(0, 1, 0)  # no rank that torchrun would give
    monkeypatch.setenv("RANK", "4")
    assert this_launch() == Launch(0, 1, 0)
    monkeypatch.setenv("RANK", "3")
    assert this_launch().rank == 3
    monkeypatch.setenv("MASTER_PORT", "abc")
    assert this_launch() == Launch(0, 1, 0)
    assert ALONE.tell(3) == 3
    assert ALONE.totals(1.5, 2.0) == [1.5, 2.0]
