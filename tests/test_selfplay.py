"""Self-play: sound records, the same games for the same seed, and games that end as they should."""

from __future__ import annotations

import dataclasses
from typing import Dict, List, Optional

import numpy as np
import pytest

from pawnzero.config import SearchConfig, SelfplayConfig
from pawnzero.games import GAME_NAMES, get_game
from pawnzero.games.base import MAX_PLIES, RESIGNATION
from pawnzero.games.line import Line
from pawnzero.records import GameRecord
from pawnzero.resign import FEWEST_GAMES, Outlooks
from pawnzero.selfplay import Workload, games_at_once, play_games
from pawnzero.starts import Archive
from pawnzero.summary import GamesSummary
from tests.search.naive import HashEvaluator

SETTINGS = SelfplayConfig(max_plies=60)


def play(
    game_name: str,
    numbers: List[int],
    *,
    settings: SelfplayConfig = SETTINGS,
    algorithm: str = "gumbel",
    resign_below: float = 0.0,
    archive: Optional[Archive] = None,
    workload: Optional[Workload] = None,
    **changes: int,
) -> Dict[int, GameRecord]:
    records = play_games(
        get_game(game_name),
        HashEvaluator(),
        numbers,
        simulations=changes.get("simulations", 12),
        search=SearchConfig(algorithm=algorithm),
        settings=settings,
        seed=changes.get("seed", 4),
        leaves=changes.get("leaves", 1),
        threads=changes.get("threads", 1),
        resign_below=resign_below,
        archive=archive,
        workload=workload,
    )
    return {record.game_id: record for record in records}


def assert_same(one: GameRecord, other: GameRecord) -> None:
    for field in dataclasses.fields(GameRecord):
        assert np.array_equal(getattr(one, field.name), getattr(other, field.name)), field.name


@pytest.mark.parametrize("game_name", GAME_NAMES)
def test_records_are_sound(game_name: str) -> None:
    game = get_game(game_name)
    records = play(game_name, list(range(8)))
    assert sorted(records) == list(range(8))
    for record in records.values():
        assert record.faults(game) == []
        replayed = Line.from_actions(game, record.actions.tolist(), max_plies=SETTINGS.max_plies)
        assert replayed.over
        assert replayed.ending == record.ending
        assert replayed.result == record.result
        assert replayed.repeated[:-1] == record.repeated.tolist()
        assert (record.simulations <= 12).all()
        assert record.simulations[0] == 12  # later ones may end early: proven


def test_a_fault_is_found() -> None:
    game = get_game("connect_four")
    record = play("connect_four", [0])[0]
    broken = dataclasses.replace(record, actions=np.roll(record.actions, 1), policy=record.policy * 2)
    assert any("does not follow" in fault for fault in broken.faults(game))
    assert any("sums to 2.0" in fault for fault in broken.faults(game))


@pytest.mark.parametrize("game_name", ["chess", "connect_four"])
def test_same_seed_same_games_whatever_runs_beside_them(game_name: str) -> None:
    numbers = list(range(10))
    together = play(game_name, numbers)
    for changed in (
        play(game_name, numbers, threads=3),
        play(game_name, numbers[::-1], settings=dataclasses.replace(SETTINGS, games_in_flight=3)),
        play(game_name, numbers[4:6]),
    ):
        for number, record in changed.items():
            assert_same(together[number], record)
    other_seed = play(game_name, numbers, seed=5)
    assert any(not np.array_equal(other_seed[n].actions, together[n].actions) for n in numbers)
    assert len({tuple(record.actions) for record in together.values()}) == 10


def test_a_long_game_is_adjudicated_a_draw() -> None:
    records = play("chess", [0, 1, 2], settings=SelfplayConfig(max_plies=5))
    assert [(r.ending, r.result, len(r)) for r in records.values()] == [(MAX_PLIES, 0, 5)] * 3


def test_temperature_zero_plays_the_most_visited_move() -> None:
    settings = dataclasses.replace(SETTINGS, temperature_plies=4, temperature_end=0.0)
    for record in play("chess", [0, 1, 2], settings=settings, algorithm="puct", simulations=40).values():
        game = get_game("chess")
        for t in range(4, len(record)):
            policy = record.policy[record.policy_start[t] : record.policy_start[t + 1]]
            position = game.look(record.states[t])
            played = position.legal[0, : len(policy)].tolist().index(record.actions[t])
            assert policy[played] == policy.max()


def test_an_error_in_a_thread_comes_out() -> None:
    class Broken(HashEvaluator):
        def evaluate(self, *arguments: np.ndarray) -> None:  # type: ignore[override]
            raise RuntimeError("the net is gone")

    with pytest.raises(RuntimeError, match="the net is gone"):
        list(
            play_games(
                get_game("tic_tac_toe"),
                Broken(),
                range(8),
                simulations=4,
                search=SearchConfig(),
                settings=SETTINGS,
                seed=0,
                threads=2,
            )
        )


def test_the_summary_adds_up_and_goes_on_from_its_state() -> None:
    game = get_game("tic_tac_toe")
    workload = Workload()
    records = list(
        play_games(
            game, HashEvaluator(), range(30), simulations=8, search=SearchConfig(), settings=SETTINGS, seed=1, workload=workload
        )
    )
    whole, half = GamesSummary(game), GamesSummary(game)
    for i, record in enumerate(records):
        whole.add(record)
        if i == 15:
            half = GamesSummary(game, half.state())
        half.add(record)
    whole.spent(workload, 2.0)
    half.spent(workload, 2.0)
    figures = whole.to_json()
    assert figures == half.to_json()
    assert figures["games"] == 30
    assert figures["positions"] == sum(len(r) for r in records)
    assert figures["first_player_wins"] == sum(r.result == 1 for r in records)
    assert figures["draws"] + figures["first_player_wins"] + figures["second_player_wins"] == 30
    assert figures["simulations"] == sum(int(r.simulations.sum()) for r in records)
    assert sum(figures["endings"].values()) == 30
    assert figures["nodes_per_second"] == figures["simulations"] / 2


def test_some_games_begin_with_random_moves_and_some_in_the_archive() -> None:
    game = get_game("chess")
    archived = Line.from_actions(game, [game.parse_action(game.initial(), "e2e4")])
    settings = dataclasses.replace(SETTINGS, random_opening_share=0.4, restart_share=0.3, random_opening_plies=6)
    records = play("chess", list(range(40)), settings=settings, simulations=2, archive=lambda number: archived)
    contexts = [record.context for record in records.values()]
    assert contexts.count(0) > 4
    restarted = [r for r in records.values() if r.context == 1 and int(r.actions[0]) == archived.actions[0]]
    assert len(restarted) >= 5
    assert max(contexts) <= 6
    assert sum(c > 1 for c in contexts) >= 5
    for record in records.values():
        assert record.faults(game) == []
        assert not record.full_search[: record.context].any()
        assert record.policy_start[record.context] == 0
        assert (record.simulations[: record.context] == 0).all()
    without = play("chess", list(range(40)), settings=settings, simulations=2)
    assert sum(r.context == 1 and int(r.actions[0]) == archived.actions[0] for r in without.values()) < 5


def test_cheap_searches_are_a_share_of_all() -> None:
    settings = dataclasses.replace(SETTINGS, full_search_share=0.25, cheap_sims=3)
    records = play("chess", list(range(12)), settings=settings, simulations=12)
    full = np.concatenate([record.full_search for record in records.values()])
    simulations = np.concatenate([record.simulations for record in records.values()])
    assert 0.15 < full.mean() < 0.35
    assert (simulations[full == 0] <= 3).all()
    assert (simulations[full == 1] > 3).mean() > 0.95


def test_hopeless_games_are_given_up_but_for_a_share() -> None:
    settings, workload = dataclasses.replace(SETTINGS, resign_playthrough=0.3), Workload()
    records = play("connect_four", list(range(60)), settings=settings, resign_below=0.4, workload=workload)
    played_on = [r for r in records.values() if r.played_on]
    assert 8 <= len(played_on) <= 30
    assert all(r.ending != RESIGNATION for r in played_on)
    resigned = [r for r in records.values() if r.ending == RESIGNATION]
    assert len(resigned) > 10
    given_up = 12 * len(resigned)  # the searches after which they resigned leave no move in the records
    recorded = sum(int(record.simulations.sum()) for record in records.values())
    assert recorded < workload.simulations <= recorded + given_up
    game = get_game("connect_four")
    for record in resigned:
        assert record.result == (-1 if game.player(record.final_state) == 0 else 1)
        assert record.faults(game) == []


def test_the_threshold_keeps_false_resignations_rare() -> None:
    assert Outlooks([(0.1, True)] * (2 * FEWEST_GAMES - 1)).threshold(0.05) == 0.0
    losers = [(i / 1000, True) for i in range(400)]
    others = [(0.2 + i / 100, False) for i in range(60)]
    outlooks = Outlooks(losers + others)
    threshold = outlooks.threshold(0.05)
    figures = outlooks.to_json(threshold)
    assert 0.2 < threshold <= 0.45
    assert figures["false_positive_rate"] <= 0.05
    assert Outlooks(losers + others).to_json(threshold + 0.1)["false_positive_rate"] > 0.05
    assert Outlooks([(0.01, False)] * 200).threshold(0.05) == 0.0


def test_outlooks_are_each_players_own_worst() -> None:
    game = get_game("connect_four")
    record = play("connect_four", [0])[0]
    outlooks = Outlooks()
    outlooks.add(record, game)
    score = record.root_wdl[:, 0] + record.root_wdl[:, 1] / 2
    assert [lost for _, lost in outlooks.state()] == [record.result < 0, record.result > 0]
    assert [worst for worst, _ in outlooks.state()] == pytest.approx([score[0::2].min(), score[1::2].min()], abs=1e-5)
    outlooks.add(dataclasses.replace(record, played_on=False), game)
    assert len(outlooks.state()) == 2


def test_games_at_once_fit_into_memory() -> None:
    game = get_game("chess")
    assert games_at_once(game, 64, 2) == 512
    assert 1 <= games_at_once(game, 200_000, 2) < 512
