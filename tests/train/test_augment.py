"""What is trained on is turned and mirrored, and what is held out is measured as it was played."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import torch
from random_games import CONFIG, configure, fill, random_record

from pawnzero.config import Config, TrainConfig
from pawnzero.errors import PawnzeroError
from pawnzero.progress import Progress
from pawnzero.replay import Batch, ReplayBuffer
from pawnzero.train.stage import Positions, begin_stage, open_state


def positions(folder: Path, buffer: ReplayBuffer, config: Config) -> Positions:
    state = open_state(folder, config, "tic_tac_toe", None, torch.device("cpu"))
    return begin_stage(state, buffer, config, 10, 10, Progress())


def same(one: Batch, other: Batch) -> bool:
    return all(np.array_equal(getattr(one, field.name), getattr(other, field.name)) for field in fields(Batch))


def test_training_sees_turned_positions_and_measuring_does_not(tmp_path: Path) -> None:
    buffer = fill(tmp_path / "replay.pt")
    assert TrainConfig().augment
    chosen = positions(tmp_path / "c", buffer, CONFIG)
    plain = buffer.sampler(CONFIG.seed, held_out=False).batch(3, 200)
    assert same(chosen.train.batch(3, 200), buffer.sampler(CONFIG.seed, held_out=False, augment=True).batch(3, 200))
    assert not same(chosen.train.batch(3, 200), plain)
    assert chosen.held_out is not None
    assert same(chosen.held_out.batch(0, 50), buffer.sampler(CONFIG.seed, held_out=True).batch(0, 50))
    assert same(positions(tmp_path / "c", buffer, configure(augment=False)).train.batch(3, 200), plain)


def test_a_buffer_with_nothing_but_a_held_out_game_is_turned_too(tmp_path: Path) -> None:
    for game_id in range(1, 100):
        buffer = ReplayBuffer(tmp_path / f"{game_id}.pt", game="tic_tac_toe")
        buffer.append(random_record(game_id))
        try:
            buffer.sampler(0, held_out=True).batch(0, 1)
        except PawnzeroError:
            continue
        batch = positions(tmp_path / "c", buffer, CONFIG).train.batch(0, 200)
        assert not same(batch, buffer.sampler(CONFIG.seed).batch(0, 200))
        return
    raise AssertionError("no game of a hundred is held out")
