"""What self-play tells while it plays."""

from __future__ import annotations

from pathlib import Path
from typing import List, Tuple

from pawnzero.agent import Agent
from pawnzero.config import Config, ModelConfig
from pawnzero.pipeline.selfplay import selfplay_stage
from pawnzero.progress import Figure, Progress

CONFIG = Config(game="tic_tac_toe", mcts_sims=4, model=ModelConfig(channels=8, blocks=1))


class _Heard(Progress):
    def __init__(self) -> None:
        self.told: List[Tuple[int, Figure]] = []

    def advance(self, count: int = 1, **figures: Figure) -> None:
        self.told.append((count, figures["positions"]))


def test_positions_are_counted_from_the_first_move(tmp_path: Path) -> None:
    """A display divides positions by the time since their first count."""
    heard = _Heard()
    figures = selfplay_stage(Agent.create(tmp_path / "A", CONFIG), CONFIG, games=3, device="cpu", progress=heard)
    assert heard.told[0] == (0, 0)
    assert sum(count for count, _ in heard.told) == 3
    assert heard.told[-1][1] == figures["positions"]
