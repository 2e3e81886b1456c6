"""The original layout's importable names do what they say."""

from __future__ import annotations

import numpy as np
import pytest

from pawnzero.errors import UsageError
from pawnzero.games import get_game
from pawnzero.games.line import Line
from pawnzero.search import UniformEvaluator
from training.config import TrainConfig
from training.mcts import search_position
from training.model import make_model
from training.selfplay import selfplay_games


def test_search_finds_a_mate_with_any_net() -> None:
    game = get_game("chess")
    fen = "6k1/5ppp/8/8/8/8/8/R3K3 w Q - 0 1"
    for model in (UniformEvaluator(), make_model(channels=8, blocks=1)):
        result = search_position(fen, model, simulations=200)
        assert game.format_action(game.parse(fen), int(result.action[0])) == "a1a8"
        assert result.root_wdl[0].tolist() == [1.0, 0.0, 0.0]
    with pytest.raises(UsageError, match="no such position"):
        search_position("no such position", UniformEvaluator())
    with pytest.raises(UsageError, match=r"the game is over \(checkmate\)"):
        search_position("rnb1kbnr/pppp1ppp/8/4p3/6Pq/5P2/PPPPP2P/RNBQKBNR w KQkq - 1 3", UniformEvaluator())


def test_a_net_is_asked_about_its_own_game() -> None:
    model = make_model(channels=8, blocks=1, game="connect_four")
    with pytest.raises(UsageError, match="the net plays connect_four, not chess"):
        search_position("startpos", model, 4, "cpu")
    assert search_position(Line(get_game("connect_four")), model, 4, "cpu").count[0] == 7


@pytest.mark.parametrize("simulations", [0, -5])
def test_it_takes_a_simulation_at_least(simulations: int) -> None:
    told = f"simulations {simulations}: expected 1 or more"
    with pytest.raises(UsageError, match=told):
        search_position("startpos", UniformEvaluator(), simulations)
    with pytest.raises(UsageError, match=told):
        next(selfplay_games(make_model(channels=8, blocks=1, game="tic_tac_toe"), 2, simulations))


def test_games_of_a_net_of_any_game() -> None:
    model = make_model(channels=8, blocks=1, game="connect_four")
    records = list(selfplay_games(model, games=3, simulations=8))
    assert len(records) == 3
    for record in records:
        assert record.faults(get_game("connect_four")) == []
        assert np.isfinite(record.root_wdl).all()


def test_the_settings_of_training_have_their_old_name() -> None:
    assert TrainConfig().lr == 1e-3
