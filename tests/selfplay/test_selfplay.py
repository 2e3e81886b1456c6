"""Self-play: sound records, the same games for the same seed, and games that end as they should."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Dict, List, Optional, Set

import numpy as np
import pytest

from pawnzero.config import SearchConfig, SelfplayConfig
from pawnzero.games import GAME_NAMES, get_game
from pawnzero.games.base import MAX_PLIES, RESIGNATION
from pawnzero.games.line import Line, encode_lines
from pawnzero.search import Searcher
from pawnzero.search.evaluator import Appetite, Collect, Evaluator, Question
from pawnzero.selfplay.loop import play_games
from pawnzero.selfplay.records import FROM_ARCHIVE, RANDOM_OPENING, USUAL_START, GameRecord
from pawnzero.selfplay.starts import DrawStart, starting_line
from pawnzero.selfplay.summary import GamesSummary, figures_of
from pawnzero.selfplay.table import Workload
from tests.search.naive import HashEvaluator

SETTINGS = SelfplayConfig(max_plies=60)


def play(
    game_name: str,
    numbers: List[int],
    *,
    settings: SelfplayConfig = SETTINGS,
    algorithm: str = "gumbel",
    search: Optional[SearchConfig] = None,
    resign_below: float = 0.0,
    archive: Optional[DrawStart] = None,
    workload: Optional[Workload] = None,
    evaluator: Optional[Evaluator] = None,
    among: Optional[int] = None,
    **changes: int,
) -> Dict[int, GameRecord]:
    records = play_games(
        get_game(game_name),
        evaluator or HashEvaluator(),
        numbers,
        simulations=changes.get("simulations", 12),
        search=search or SearchConfig(algorithm=algorithm),
        settings=settings,
        seed=changes.get("seed", 4),
        among=among,
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


@pytest.mark.parametrize("among", [10, None])
@pytest.mark.parametrize("game_name", ["chess", "connect_four"])
def test_same_seed_same_games_whatever_runs_beside_them(game_name: str, among: Optional[int]) -> None:
    numbers = list(range(10))
    together = play(game_name, numbers, among=among)
    for changed in (
        play(game_name, numbers, among=among, threads=3),
        play(game_name, numbers[::-1], among=among, settings=dataclasses.replace(SETTINGS, games_in_flight=3)),
        play(game_name, numbers[4:6], among=among),
    ):
        for number, record in changed.items():
            assert_same(together[number], record)
    other_seed = play(game_name, numbers, among=among, seed=5)
    assert any(not np.array_equal(other_seed[n].actions, together[n].actions) for n in numbers)
    assert len({tuple(record.actions) for record in together.values()}) == 10


@pytest.mark.parametrize("game_name", ["chess", "connect_four"])
def test_many_games_are_searched_as_matches_are(game_name: str) -> None:
    """Whole rounds in a wave: several leaves that need not belong to one round, as few games take them, find something else."""
    game = get_game(game_name)
    found = Searcher(game, HashEvaluator(), SearchConfig(), 30).run([Line(game)])
    expected = found.policy[0, : found.count[0]]

    def first(among: int, search: Optional[SearchConfig] = None) -> np.ndarray:
        quiet = dataclasses.replace(SETTINGS, temperature=0.0, temperature_end=0.0)
        record = play(game_name, [0], settings=quiet, search=search, among=among, simulations=30)[0]
        return np.asarray(record.policy[: len(expected)])

    assert np.array_equal(first(32), expected)
    assert not np.array_equal(first(31), expected)
    assert np.array_equal(first(31), first(500, SearchConfig(leaves_per_tree=8)))


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


@pytest.mark.parametrize(("algorithm", "share", "differ"), [("puct", 1.0, True), ("puct", 0.0, False), ("gumbel", 1.0, False)])
def test_only_puct_searches_with_noise_where_the_temperature_is_zero(algorithm: str, share: float, differ: bool) -> None:
    settings = dataclasses.replace(SETTINGS, temperature=0.0, temperature_end=0.0, full_search_share=share, cheap_sims=12)
    records = play("connect_four", list(range(6)), settings=settings, algorithm=algorithm)
    assert (len({tuple(record.actions) for record in records.values()}) > 1) == differ


def test_an_error_in_a_thread_comes_out() -> None:
    class Broken(HashEvaluator):
        def evaluate(self, question: Question) -> None:
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


def test_the_summary_adds_up() -> None:
    game = get_game("tic_tac_toe")
    workload = Workload()
    records = play("tic_tac_toe", list(range(30)), workload=workload, simulations=8).values()
    summary = GamesSummary()
    for record in records:
        summary.add(json.loads(json.dumps(figures_of(record, game))))
    summary.spent({"seconds": 1.5, **workload.cost()})
    summary.spent({"seconds": 0.5, "simulations": 0, "evaluations": 0, "phases": {"net": 1.0}})
    figures = summary.to_json()
    assert figures["games"] == 30
    assert figures["positions"] == sum(len(r) for r in records)
    assert figures["first_player_wins"] == sum(r.result == 1 for r in records)
    assert figures["draws"] + figures["first_player_wins"] + figures["second_player_wins"] == 30
    assert figures["simulations"] == sum(int(r.simulations.sum()) for r in records)
    assert figures["simulations_per_move"] == round(figures["simulations"] / figures["positions"], 2)
    assert sum(figures["endings"].values()) == 30
    assert figures["nodes_per_second"] == figures["simulations"] / 2
    assert figures["phases"]["net"] == pytest.approx(workload.seconds["net"] + 1.0, abs=1e-3)
    assert GamesSummary().to_json()["policy_entropy"] is None


def test_every_setting_that_is_on_shows_in_the_summary() -> None:
    game = get_game("connect_four")
    archived = Line.from_actions(game, [3])
    settings = SelfplayConfig(
        max_plies=20, full_search_share=0.25, cheap_sims=3, random_opening_share=0.4, restart_share=0.3, resign_playthrough=0.3
    )
    records = play(
        "connect_four", list(range(60)), settings=settings, archive=lambda number: archived, resign_below=0.45
    ).values()
    summary = GamesSummary()
    for record in records:
        summary.add(figures_of(record, game))
    figures = summary.to_json()
    assert 0.2 < figures["random_opening_share"] < 0.6
    assert figures["restart_share"] == round(sum(r.begun == FROM_ARCHIVE for r in records) / 60, 4) > 0.1
    assert all(r.actions[0] == 3 and r.context == 1 for r in records if r.begun == FROM_ARCHIVE)
    assert all(r.context > 0 for r in records if r.begun == RANDOM_OPENING)
    assert figures["adjudicated_share"] == round(sum(r.ending == MAX_PLIES for r in records) / 60, 4) > 0.0
    assert figures["resigned_share"] == round(sum(r.ending == RESIGNATION for r in records) / 60, 4) > 0.1
    assert figures["played_on_share"] == round(sum(r.played_on for r in records) / 60, 4)
    assert 0.1 < figures["played_on_share"] < 0.6
    full = np.concatenate([r.full_search[r.context :] for r in records])
    assert figures["full_search_share"] == round(float(full.mean()), 4)
    assert 3 < figures["simulations_per_move"] < 12


def test_policy_entropy_is_that_of_the_policies_to_be_taught() -> None:
    record = play("connect_four", [0])[0]
    half = dataclasses.replace(record, full_search=np.arange(len(record)) % 2)
    total = 0.0
    for t in range(1, len(record), 2):
        policy = record.policy[record.policy_start[t] : record.policy_start[t + 1]].astype(float)
        total -= sum(p * math.log(p) for p in policy if p > 0)
    assert figures_of(half, get_game("connect_four"))["entropy"] == pytest.approx(total, abs=1e-3)
    assert total > 0.1


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


class _Late(HashEvaluator):
    """Answers only when asked again for them, as a device does; notes how many questions were open at once."""

    appetite = Appetite(batch=16, questions=2)

    def __init__(self) -> None:
        self.open, self.most = 0, 0

    def submit(self, question: Question) -> Collect:
        read = {name: getattr(question, name).copy() for name in ("bits", "scalars", "legal", "count")}
        self.open += 1
        self.most = max(self.most, self.open)

        def collect() -> None:
            self.open -= 1
            self.evaluate(dataclasses.replace(question, **read))

        return collect


def test_games_do_not_depend_on_questions_being_open_meanwhile() -> None:
    late = _Late()
    settings = dataclasses.replace(SETTINGS, games_in_flight=16, full_search_share=0.5, cheap_sims=4)
    overlapped = play("chess", list(range(24)), settings=settings, evaluator=late)
    assert late.most == 2
    assert late.open == 0
    alone = play("chess", list(range(24)), settings=settings)
    assert sorted(overlapped) == sorted(alone)
    for number, record in overlapped.items():
        assert_same(record, alone[number])


@pytest.mark.parametrize(("game", "plies"), [("tic_tac_toe", 12), ("connect_four", 60)])
def test_more_random_moves_than_a_game_has_still_leave_one_to_play(game: str, plies: int) -> None:
    settings = SelfplayConfig(random_opening_share=1.0, random_opening_plies=plies)
    lines = [starting_line(get_game(game), settings, seed=1, number=number)[0] for number in range(20)]
    assert not any(line.over for line in lines)
    assert max(len(line.actions) for line in lines) > 4


def test_the_temperature_falls_so_many_plies_after_what_was_given() -> None:
    game = get_game("connect_four")
    archived = Line.from_actions(game, [3, 3, 3, 3])
    settings = SelfplayConfig(max_plies=8, restart_share=1.0, temperature=2.0, temperature_plies=1, temperature_end=0.0)
    search = SearchConfig(algorithm="puct", dirichlet_epsilon=0.0)
    records = play("connect_four", list(range(30)), settings=settings, search=search, archive=lambda number: archived).values()
    lines = [record.actions.tolist() for record in records]
    assert len({line[4] for line in lines}) > 3
    assert len({tuple(line) for line in lines}) == len({line[4] for line in lines})


def test_cheap_searches_are_without_noise() -> None:
    games = [
        {tuple(record.actions) for record in play("connect_four", list(range(6)), settings=settings).values()}
        for settings in (SelfplayConfig(full_search_share=0.0), SETTINGS)
    ]
    assert list(map(len, games)) == [1, 6]


class _Listening(HashEvaluator):
    """Keeps what it is asked about."""

    def __init__(self) -> None:
        self.asked: Set[bytes] = set()

    def evaluate(self, question: Question) -> None:
        self.asked.update(bits.tobytes() + scalars.tobytes() for bits, scalars in zip(question.bits, question.scalars))
        super().evaluate(question)


def test_the_net_is_shown_the_game_s_past_and_what_of_it_was_repeated() -> None:
    game, evaluator = get_game("chess"), _Listening()
    archived = Line(game)
    for move in ("g1f3", "g8f6", "f3g1", "f6g8"):
        archived.push(game.parse_action(archived.state, move))
    assert archived.repeated == [0, 0, 0, 0, 1]
    settings = SelfplayConfig(max_plies=12, restart_share=1.0)
    record = play("chess", [0], settings=settings, evaluator=evaluator, archive=lambda number: archived)[0]
    line = Line.from_actions(game, archived.actions)
    for action in record.actions[4:]:
        bits, scalars = encode_lines(game, [line])
        assert bits.tobytes() + scalars.tobytes() in evaluator.asked
        line.push(int(action))
    assert len(record) == 12


def test_no_game_begins_where_it_would_be_too_long() -> None:
    game = get_game("connect_four")
    archived = Line.from_actions(game, [3, 3])
    for plies, begun in ((2, USUAL_START), (3, FROM_ARCHIVE)):
        settings = SelfplayConfig(max_plies=plies, restart_share=1.0)
        assert starting_line(game, settings, seed=1, number=0, archive=lambda number: archived)[1] == begun


@pytest.mark.parametrize("archive", [None, lambda number: None], ids=["no archive", "an empty one"])
def test_games_that_cannot_restart_begin_as_usual(archive: Optional[DrawStart]) -> None:
    game, settings = get_game("connect_four"), SelfplayConfig(restart_share=0.5, random_opening_share=0.2)
    begun = [starting_line(game, settings, seed=1, number=number, archive=archive)[1] for number in range(400)]
    assert 50 <= begun.count(RANDOM_OPENING) <= 110
    assert begun.count(USUAL_START) == 400 - begun.count(RANDOM_OPENING)


def test_who_wins_with_the_last_ply_that_is_allowed_has_won() -> None:
    game, settings = get_game("tic_tac_toe"), SelfplayConfig(max_plies=5)
    records = play("tic_tac_toe", list(range(40)), settings=settings, simulations=2).values()
    for record in records:
        line = Line.from_actions(game, record.actions.tolist(), max_plies=5)
        assert (line.ending, line.result, len(record)) == (record.ending, record.result, 5)
    assert {record.result for record in records} == {0, 1}


def test_another_seed_plays_other_games_on() -> None:
    def played_on(seed: int) -> List[bool]:
        settings = dataclasses.replace(SETTINGS, resign_playthrough=0.5)
        records = play("connect_four", list(range(40)), settings=settings, seed=seed, resign_below=1.5)
        return [record.ending != RESIGNATION for _, record in sorted(records.items())]

    assert played_on(1) == played_on(1) != played_on(2)
    assert 5 < sum(played_on(1)) < 35
