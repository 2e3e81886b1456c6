"""The nets that come with the package: they are there, whole, of their game, and worth playing with."""

from __future__ import annotations

from pathlib import Path

import pytest

from pawnzero.arena.match import play_match
from pawnzero.arena.openings import openings
from pawnzero.arena.players import RandomPlayer, game_of, parse_player
from pawnzero.errors import UsageError
from pawnzero.games import get_game
from pawnzero.judge import judge, read_positions, solver_for
from pawnzero.shipped import PREFIX, net_file, shipped_games
from tests.conftest import Cli


@pytest.mark.parametrize("name", shipped_games())
def test_a_shipped_net_plays_its_game_far_better_than_chance(name: str) -> None:
    game = get_game(name)
    assert game_of(PREFIX + name) == name
    with parse_player(PREFIX + name, game=game, device="cpu", simulations=16) as player:
        assert player.name == PREFIX + name
        match = play_match(player, RandomPlayer(1), games=12, openings=openings(game, 6, 3), game=game)
    assert match.score > 0.8


def test_the_shipped_net_of_tic_tac_toe_never_errs() -> None:
    game = get_game("tic_tac_toe")
    solver = solver_for(game)
    positions = solver.all_lines()
    assert positions is not None
    with parse_player(PREFIX + "tic_tac_toe", game=game, device="cpu", simulations=0) as player:
        assert judge(player, positions, solver).to_json()["mistakes"] == 0


def test_the_shipped_net_of_connect_four_seldom_errs_in_the_opening() -> None:
    pytest.importorskip("bitbully", reason="bitbully has no wheel for this Python or machine (pip install bitbully)")
    game = get_game("connect_four")
    page = Path(__file__).parents[1] / "docs" / "experiments" / "connect_four_openings.txt"
    with parse_player(PREFIX + "connect_four", game=game, device="cpu", simulations=0) as player:
        found = judge(player, read_positions(game, page)[::5], solver_for(game)).to_json()
    assert found["mistake_rate"] < 0.1  # 0.06 of all 3,000; a random mover's is 0.41


def test_a_game_without_a_shipped_net_is_an_error_that_names_those_with_one() -> None:
    with pytest.raises(UsageError, match=r"shipped:go.*shipped:tic_tac_toe"):
        net_file("shipped:go")


def test_other_names_are_paths() -> None:
    assert str(net_file("models")) == "models"


def test_commands_know_shipped_nets(cli: Cli) -> None:
    told = cli("judge", "shipped:tic_tac_toe", "--sims", 0, "--device", "cpu", "--json").json()
    assert (told["game"], told["mistakes"]) == ("tic_tac_toe", 0)
    assert "shipped:tic_tac_toe" in cli("uci", "shipped:go").error()
