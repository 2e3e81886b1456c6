"""How many games are played at once: full batches for all threads, within memory, and no thread for a handful."""

from __future__ import annotations

import pytest

from pawnzero.games import get_game
from pawnzero.search.evaluator import Appetite
from pawnzero.search.tree import bytes_a_tree
from pawnzero.selfplay import in_flight
from pawnzero.selfplay.in_flight import crew

CHESS = get_game("chess")
CARD = Appetite(batch=1024, questions=2)
CORE = Appetite(leaves=8)


def test_batches_are_full_where_there_are_games_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_flight, "usable_cores", lambda: 16)
    monkeypatch.setattr(in_flight, "usable_memory", lambda: None)
    assert crew(CHESS, 64, Appetite()).seats == [[256]] * 16
    assert crew(CHESS, 64, CORE).seats == [[2048]] * 16
    assert crew(CHESS, 64, CORE, games=1024).seats == [[64]] * 16
    assert crew(CHESS, 64, CORE, leaves=4).seats == [[512]] * 16
    assert crew(CHESS, 64, CORE, leaves=4, games=1024).seats == [[64]] * 16
    assert crew(CHESS, 64, CORE, leaves=100_000).seats == [[1]]
    assert crew(CHESS, 64, CARD).seats == [[1024, 1024]] * 16
    assert crew(CHESS, 64, CARD).tables == 32
    assert crew(CHESS, 64, CARD, in_flight=64, threads=2).seats == [[32], [32]]


@pytest.mark.parametrize("appetite", [Appetite(), CARD, Appetite(batch=1, questions=2)])
def test_every_game_has_a_seat_and_every_table_a_game(appetite: Appetite) -> None:
    for games in (1, 2, 3, 63, 64, 130, 1000, 5000):
        for threads in (0, 1, 2, 7):
            made = crew(CHESS, 64, appetite, games=games, in_flight=4000, threads=threads)
            assert made.games == min(games, 4000)
            assert all(seats > 0 for worker in made.seats for seats in worker)
            assert len(made.seats) == threads or threads == 0 or games < threads


def test_few_games_are_not_spread_thin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_flight, "usable_cores", lambda: 16)
    monkeypatch.setattr(in_flight, "usable_memory", lambda: None)
    assert crew(CHESS, 64, Appetite(), games=10).seats == [[10]]
    assert crew(CHESS, 64, Appetite(), games=200).seats == [[66], [67], [67]]
    assert crew(CHESS, 64, Appetite(), games=40, leaves=4).seats == [[20], [20]]
    assert crew(CHESS, 64, CARD, games=400).seats == [[400]]
    assert crew(CHESS, 64, CARD, games=600).seats == [[300], [300]]
    assert crew(CHESS, 64, CARD, games=4096).seats == [[256]] * 16


def test_trees_and_answers_fit_into_a_share_of_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_flight, "usable_memory", lambda: 8 * 200 * bytes_a_tree(CHESS, 800) + 7)
    assert crew(CHESS, 800, Appetite(), threads=2).games == 100
    assert crew(CHESS, 800, Appetite(), in_flight=300, threads=2).games == 300  # as asked
    monkeypatch.setattr(in_flight, "usable_memory", lambda: 1)
    assert crew(CHESS, 800, Appetite(), threads=2).games == 1
    monkeypatch.setattr(in_flight, "usable_memory", lambda: None)
    assert crew(CHESS, 800, Appetite(), threads=2).games == 512
