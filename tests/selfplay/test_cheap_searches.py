"""Cheap searches in self-play: which they are, what they leave alone, and when they are refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from pawnzero.agent import Agent
from pawnzero.config import SearchConfig, SelfplayConfig
from pawnzero.errors import UsageError
from pawnzero.games import get_game
from pawnzero.pipeline.selfplay import selfplay_stage
from pawnzero.search import leaves_a_tree
from pawnzero.search.random import stream
from pawnzero.selfplay.table import Table
from tests.iterations import CONFIG, Notes, files_of, moves
from tests.search.naive import HashEvaluator
from tests.selfplay.test_selfplay import SETTINGS, assert_same, play


def test_cheap_searches_are_a_share_of_all() -> None:
    settings = dataclasses.replace(SETTINGS, full_search_share=0.25, cheap_sims=3)
    records = play("chess", list(range(12)), settings=settings, simulations=12)
    full = np.concatenate([record.full_search for record in records.values()])
    simulations = np.concatenate([record.simulations for record in records.values()])
    assert 0.15 < full.mean() < 0.35
    assert (simulations[full == 0] <= 3).all()
    assert (simulations[full == 1] > 3).mean() > 0.95


@pytest.mark.parametrize("algorithm", ["gumbel", "puct"])
def test_which_searches_are_cheap_is_a_matter_of_seed_and_number(algorithm: str) -> None:
    numbers = list(range(10))
    settings = dataclasses.replace(SETTINGS, full_search_share=0.5, cheap_sims=4, random_opening_share=0.3)
    together = play("connect_four", numbers, settings=settings, algorithm=algorithm)
    few = dataclasses.replace(settings, games_in_flight=3)
    for changed in (
        play("connect_four", numbers, settings=settings, algorithm=algorithm, threads=3),
        play("connect_four", numbers[::-1], settings=few, algorithm=algorithm),
        play("connect_four", numbers[4:6], settings=settings, algorithm=algorithm),  # those that an interruption left
    ):
        for number, record in changed.items():
            assert_same(together[number], record)
    other_seed = play("connect_four", numbers, settings=settings, algorithm=algorithm, seed=5)
    for others in (other_seed.values(), [together[n] for n in numbers[1:]]):
        assert any(not np.array_equal(record.full_search[:8], together[0].full_search[:8]) for record in others)


@pytest.mark.parametrize(("share", "untouched"), [(1.0, True), (0.5, False)])
def test_where_all_searches_are_full_no_chance_is_spent_on_choosing(share: float, untouched: bool) -> None:
    """A Gumbel search without noise draws nothing itself, so that a game leaves its stream as it was."""
    settings = SelfplayConfig(max_plies=12, temperature=0.0, temperature_end=0.0, full_search_share=share, cheap_sims=3)
    numbers = iter([7])
    table = Table(
        get_game("connect_four"),
        HashEvaluator(),
        SearchConfig(),
        settings,
        seats=1,
        simulations=6,
        leaves=leaves_a_tree(SearchConfig(), 1),
        seed=4,
        next_number=lambda: next(numbers, None),
        archive=None,
        resign_below=0.0,
    )
    while table.playing:
        table.ask()
        list(table.go_on())
    assert table.moved > 5
    assert (table.search.trees.rng[0] == stream(4, 7)) == untouched


@pytest.mark.parametrize("algorithm", ["gumbel", "puct"])
def test_an_interruption_leaves_cheap_searches_where_they_were(tmp_path: Path, algorithm: str) -> None:
    settings = SelfplayConfig(full_search_share=0.5, cheap_sims=3)
    config = dataclasses.replace(CONFIG, selfplay=settings, search=SearchConfig(algorithm=algorithm))
    whole, torn = (Agent.create(tmp_path / name, config) for name in ("A", "B"))
    expected = selfplay_stage(whole, config, games=12, device="cpu")
    with pytest.raises(KeyboardInterrupt):
        selfplay_stage(torn, config, games=12, device="cpu", progress=Notes("self-play", 3))
    found = selfplay_stage(torn, config, games=12, device="cpu")
    for name in ("positions", "full_search_share", "simulations_per_move", "policy_entropy", "endings"):
        assert found[name] == expected[name], name
    assert 0.2 < found["full_search_share"] < 0.8
    assert moves(torn) == moves(whole)


def test_cheap_searches_that_are_not_cheaper_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    agent = Agent.create(tmp_path / "A", CONFIG)
    before = files_of(agent)
    config = dataclasses.replace(CONFIG, selfplay=SelfplayConfig(full_search_share=0.5))
    with pytest.raises(UsageError, match="cheap_sims is 16, expected fewer than mcts_sims, which is 8"):
        selfplay_stage(agent, config, games=4, device="cpu")
    assert files_of(agent) == before
