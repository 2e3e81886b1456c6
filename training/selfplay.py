"""The original layout's name for games of a net against itself, `pawnzero.selfplay`."""

from __future__ import annotations

from typing import Iterator

from pawnzero.config import SearchConfig, SelfplayConfig
from pawnzero.games import get_game
from pawnzero.nets.evaluator import NetEvaluator
from pawnzero.nets.resnet import PolicyValueNet
from pawnzero.selfplay.loop import play_games
from pawnzero.selfplay.records import GameRecord


def selfplay_games(
    model: PolicyValueNet, games: int, simulations: int = 64, seed: int = 0, device: str = "auto"
) -> Iterator[GameRecord]:
    """Play `games` games of the net's own game and yield their records as they end; `ReplayBuffer.append` takes them.

    Raises UsageError for fewer than 1 simulation.
    """
    return play_games(
        get_game(model.game_name),
        NetEvaluator(model, device),
        range(games),
        simulations=simulations,
        search=SearchConfig(),
        settings=SelfplayConfig(),
        seed=seed,
    )


__all__ = ["play_games", "selfplay_games"]
