"""A small agent's settings, and what is asked of its iterations in more than one file."""

from __future__ import annotations

from typing import Any, Dict, List

from pawnzero.agent import Agent
from pawnzero.config import Config, ModelConfig
from pawnzero.progress import Progress
from pawnzero.replay import ReplayBuffer

CONFIG = Config(
    game="tic_tac_toe",
    mcts_sims=8,
    num_selfplay=6,
    batch_size=16,
    trainer_iters=5,
    replay_capacity=500,
    eval_games=4,
    keep_checkpoints=2,
    model=ModelConfig(channels=8, blocks=1),
)


class Notes(Progress):
    """Keeps what it is told; raises KeyboardInterrupt in the stage and at the count it is given."""

    def __init__(self, stage: str = "", count: int = 0) -> None:
        self.texts: List[str] = []
        self._stop_at = (stage, count)
        self._at = ("", 0)

    def start(self, stage: str, total: int, unit: str) -> None:
        self._at = (stage, 0)
        if self._at == self._stop_at:
            raise KeyboardInterrupt

    def advance(self, count: int = 1, **figures: object) -> None:
        self._at = (self._at[0], self._at[1] + count)
        if self._at == self._stop_at:
            raise KeyboardInterrupt

    def note(self, text: str) -> None:
        self.texts.append(text)


def files_of(agent: Agent) -> Dict[str, Any]:
    found = (p for p in agent.directory.rglob("*") if p.is_file() and p.name != ".lock")
    return {str(p.relative_to(agent.directory)): p.stat().st_mtime_ns for p in found}


def moves(agent: Agent) -> Dict[int, List[int]]:
    """The moves of each game in its replay buffer, by the game's id."""
    return {game.game_id: game.line.actions for game in ReplayBuffer(agent.replay).newest_games(100)}
