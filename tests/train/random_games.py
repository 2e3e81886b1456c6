"""Tic-tac-toe games at random, as self-play would record them, and a small net for them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pawnzero.config import Config, ModelConfig, TrainConfig
from pawnzero.games import get_game
from pawnzero.games.line import Line
from pawnzero.replay import ReplayBuffer
from pawnzero.selfplay.records import GameRecord

CONFIG = Config(
    game="tic_tac_toe",
    batch_size=8,
    grad_accum_steps=2,
    trainer_iters=10,
    keep_checkpoints=3,
    seed=5,
    model=ModelConfig(channels=8, blocks=1),
    trainer=TrainConfig(lr=0.005, warmup_steps=5),
)

LIKING = np.array([1.5, 0.0, 1.5, 0.0, 3.0, 0.0, 1.5, 0.0, 1.5])
"""What the policies like, by cell: the same on a board turned or mirrored."""


def configure(**trainer: Any) -> Config:
    """CONFIG with other settings of the trainer."""
    return replace(CONFIG, trainer=replace(CONFIG.trainer, **trainer))


def random_record(game_id: int, by_cell: np.ndarray = LIKING) -> GameRecord:
    """A game of random moves whose policies like cells as `by_cell` says; every third position was searched cheaply."""
    game = get_game("tic_tac_toe")
    generator = np.random.default_rng(game_id)
    line, policies = Line(game), []
    while not line.over:
        liking = np.exp(by_cell[line.legal] + 0.2 * generator.standard_normal(len(line.legal)))
        policies.append((liking / liking.sum()).astype(np.float32))
        line.push(int(generator.choice(line.legal)))
    plies = len(line.actions)
    return GameRecord(
        game="tic_tac_toe",
        game_id=game_id,
        context=0,
        states=np.stack(line.states[:-1]),
        actions=np.array(line.actions, np.int16),
        repeated=np.zeros(plies, np.uint8),
        policy_start=np.cumsum([0, *(len(policy) for policy in policies)]).astype(np.int64),
        policy=np.concatenate(policies),
        root_wdl=generator.dirichlet(np.ones(3), plies).astype(np.float32),
        full_search=(np.arange(plies) % 3 != 2).astype(np.uint8),
        simulations=np.full(plies, 16, np.int32),
        final_state=line.states[-1],
        ending=line.ending,
        result=line.result,
    )


def fill(path: Path, games: int = 60, by_cell: np.ndarray = LIKING) -> ReplayBuffer:
    """A buffer at `path` that holds the random games 1 to `games`."""
    buffer = ReplayBuffer(path, capacity=3000, game="tic_tac_toe")
    for game_id in range(1, games + 1):
        buffer.append(random_record(game_id, by_cell))
    return buffer
