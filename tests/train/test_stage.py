"""A stage of training: which positions it sees, and how it is gone on with."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Tuple

import pytest
import torch
from hearing import Heard
from random_games import CONFIG, configure, fill, random_record

from pawnzero.nets.checkpoint import load_checkpoint, save_checkpoint
from pawnzero.progress import Progress
from pawnzero.replay import ReplayBuffer
from pawnzero.train import train
from pawnzero.train.stage import begin_stage, open_state


def test_a_new_stage_sees_the_new_rows_and_a_done_one_does_nothing(tmp_path: Path, buffer: ReplayBuffer) -> None:
    folder = tmp_path / "c"
    train(buffer, CONFIG, checkpoints=folder, until_step=2, device="cpu")
    before = (folder / "latest.pt").read_bytes()
    idle = train(buffer, CONFIG, checkpoints=folder, until_step=2, device="cpu")
    assert (idle.steps_done, idle.step, idle.loss, idle.checkpoint) == (0, 2, None, None)
    assert (folder / "latest.pt").read_bytes() == before
    old = load_checkpoint(folder / "latest.pt").training
    fill(tmp_path / "replay.pt", games=3)
    train(buffer, CONFIG, checkpoints=folder, until_step=4, device="cpu")
    new = load_checkpoint(folder / "latest.pt").training
    assert old is not None
    assert new is not None
    assert new["stage"]["window"][1] > old["stage"]["window"][1]
    assert new["stage"]["start_step"] == 2


def test_held_out_games_are_never_trained_on(tmp_path: Path, buffer: ReplayBuffer) -> None:
    state = open_state(tmp_path / "c", CONFIG, "tic_tac_toe", None, torch.device("cpu"))
    positions = begin_stage(state, buffer, CONFIG, 10, 10, Progress())
    assert positions.held_out is not None
    trained = set(positions.train.batch(0, 4000).age.tolist())
    held_out = set(positions.held_out.batch(0, 4000).age.tolist())
    assert not trained & held_out
    assert len(trained | held_out) == len(buffer)
    assert 0.01 < len(held_out) / len(buffer) < 0.15


def test_a_window_shorter_than_the_buffer_ends_with_the_newest_row(tmp_path: Path, buffer: ReplayBuffer) -> None:
    config = configure(window_start=200, window_growth=0.5, window_exponent=1.0)
    state = open_state(tmp_path / "c", config, "tic_tac_toe", None, torch.device("cpu"))
    positions = begin_stage(state, buffer, config, 10, 10, Progress())
    rows = 200 + (len(buffer) - 200) // 2
    assert rows < len(buffer)
    assert positions.train.window == (len(buffer) - rows + 1, len(buffer))
    assert positions.held_out is not None
    assert positions.held_out.window == positions.train.window
    assert state.stage is not None
    assert state.stage.window == positions.train.window


def test_the_window_grows_with_the_rows_that_were_overwritten_too(tmp_path: Path) -> None:
    buffer = ReplayBuffer(tmp_path / "replay.pt", capacity=300, game="tic_tac_toe")
    for game_id in range(45):
        buffer.append(random_record(game_id))
    rows = 200 + (buffer.total - 200) // 2
    assert len(buffer) == 300 > rows > 200 + (300 - 200) // 2
    config = configure(window_start=200, window_growth=0.5, window_exponent=1.0)
    state = open_state(tmp_path / "c", config, "tic_tac_toe", None, torch.device("cpu"))
    window = begin_stage(state, buffer, config, 10, 10, Progress()).train.window
    assert window == (buffer.total - rows + 1, buffer.total)


@pytest.mark.parametrize("games", [2, 40])
def test_a_stage_whose_rows_were_overwritten_meanwhile_goes_on_with_others(tmp_path: Path, games: int) -> None:
    buffer = ReplayBuffer(tmp_path / "replay.pt", capacity=100, game="tic_tac_toe")
    for game_id in range(20):
        buffer.append(random_record(game_id))
    state = open_state(tmp_path / "c", CONFIG, "tic_tac_toe", None, torch.device("cpu"))
    begin_stage(state, buffer, CONFIG, 10, 10, Progress())
    for game_id in range(20, 20 + games):
        buffer.append(random_record(game_id))
    heard = Heard()
    assert begin_stage(state, buffer, CONFIG, 10, 10, heard).train.window == (buffer.total - 99, buffer.total)
    assert ["goes on with other positions" in note for note in heard.notes] == [True]


@pytest.mark.parametrize(
    ("before", "after", "known", "told"),
    [
        ((8, 2), (8, 2), True, False),
        ((8, 2), (8, 4), True, True),
        ((8, 2), (16, 1), True, False),
        ((8, 2), (16, 2), True, True),
        ((8, 2), (8, 4), False, False),
        ((8, 2), (16, 1), False, False),
    ],
)
def test_a_stage_that_goes_on_with_other_steps_says_so(
    tmp_path: Path, buffer: ReplayBuffer, before: Tuple[int, int], after: Tuple[int, int], known: bool, told: bool
) -> None:
    """A step is made of batch_size × grad_accum_steps samples. Where the checkpoint does not say how many, nothing is said."""
    first, second = (replace(CONFIG, batch_size=batch, grad_accum_steps=steps) for batch, steps in (before, after))
    state = open_state(tmp_path / "c", first, "tic_tac_toe", None, torch.device("cpu"))
    begin_stage(state, buffer, first, 10, 10, Progress())
    assert state.stage is not None
    state.stage = replace(state.stage, micro_batch=4, step_samples=state.stage.step_samples if known else 0)
    heard = Heard()
    begin_stage(state, buffer, second, 10, 10, heard)
    words = f"{after[0] * after[1]} samples per step; before the interruption it was {before[0] * before[1]}"
    assert [words in note for note in heard.notes] == [True] * told
    assert (state.stage.batch_size, state.stage.step_samples) == (after[0], after[0] * after[1])
    assert state.stage.micro_batch == (4 if before[0] == after[0] else after[0])


def test_a_stage_that_an_earlier_version_wrote_is_gone_on_with(tmp_path: Path, buffer: ReplayBuffer) -> None:
    stop, heard = Heard(after=3, action=lambda: os.kill(os.getpid(), signal.SIGTERM)), Heard()
    train(buffer, CONFIG, checkpoints=tmp_path, until_step=6, device="cpu", progress=stop, stage="a")
    checkpoint = load_checkpoint(tmp_path / "latest.pt")
    assert checkpoint.step < 6
    assert checkpoint.training is not None
    del checkpoint.training["stage"]["step_samples"]
    save_checkpoint(tmp_path / "latest.pt", checkpoint)
    report = train(buffer, CONFIG, checkpoints=tmp_path, until_step=6, device="cpu", progress=heard, stage="a")
    assert (report.step, report.stage_steps, report.stage_samples) == (6, 6, 6 * 16)
    assert not [note for note in heard.notes if "goes on" in note]


def test_a_buffer_of_few_games_trains_on_all_of_them(tmp_path: Path) -> None:
    for game_id in range(1, 40):  # one game each; those that would be held out are trained on all the same
        buffer = ReplayBuffer(tmp_path / f"{game_id}.pt", game="tic_tac_toe")
        buffer.append(random_record(game_id))
        state = open_state(tmp_path / "c", CONFIG, "tic_tac_toe", None, torch.device("cpu"))
        positions = begin_stage(state, buffer, CONFIG, 10, 10, Progress())
        assert positions.held_out is None
        assert len(positions.train.batch(0, 8)) == 8
