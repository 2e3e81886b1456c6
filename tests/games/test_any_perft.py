"""Counts of games that others have counted: of all games, by the rules alone."""

from __future__ import annotations

from typing import Any

import pytest

from pawnzero.games import get_game
from pawnzero.games.perft import perft

# Tic-tac-toe: 1,440 games end after five plies, with four cells left each, and 127,872 fill the board. Connect four: up to ply
# 7 only a full column forbids a move, and nobody has four before.
COUNTS = [
    ("tic_tac_toe", 0, 1),
    ("tic_tac_toe", 5, 9 * 8 * 7 * 6 * 5),
    ("tic_tac_toe", 6, 9 * 8 * 7 * 6 * 5 * 4 - 4 * 1440),
    ("tic_tac_toe", 9, 127_872),
    ("connect_four", 6, 7**6),
    ("connect_four", 7, 7**7 - 7),
    ("chess", 3, 8902),
]


@pytest.mark.parametrize(("name", "depth", "count"), COUNTS)
def test_published_counts(name: str, depth: int, count: int) -> None:
    game = get_game(name)
    assert perft(game, game.initial(), depth) == count


def test_the_command_counts_other_games(cli: Any) -> None:
    outcome = cli("perft", "--game", "connect_four", "startpos", "4", "--json")
    assert outcome.json()["nodes"] == 7**4
    assert "no-such" in cli("perft", "--game", "no-such", "startpos", "4").error()
