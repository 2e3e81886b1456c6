"""Giving up: who does, how few would have held, and what is remembered of it."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any, Sequence, Tuple

import numpy as np
import pytest

from pawnzero.errors import PawnzeroError
from pawnzero.games import get_game
from pawnzero.games.base import RESIGNATION
from pawnzero.games.line import Line
from pawnzero.selfplay.resign import Outlooks, outlooks_of
from pawnzero.selfplay.table import Workload
from tests.selfplay.test_selfplay import SETTINGS, play


def outlooks_from(pairs: Sequence[Tuple[float, bool]]) -> Outlooks:
    """(lowest expected score, lost) of one player each of as many games."""
    return Outlooks([(worst, lost, game_id) for game_id, (worst, lost) in enumerate(pairs)])


def test_hopeless_games_are_given_up_but_for_a_share() -> None:
    settings, workload = dataclasses.replace(SETTINGS, resign_playthrough=0.3), Workload()
    records = play("connect_four", list(range(60)), settings=settings, resign_below=0.3, workload=workload)
    played_on = [r for r in records.values() if r.played_on]
    assert 8 <= len(played_on) <= 30
    assert all(r.ending != RESIGNATION for r in played_on)
    resigned = [r for r in records.values() if r.ending == RESIGNATION]
    assert len(resigned) > 10
    given_up = 12 * len(resigned)  # the searches after which they resigned leave no move in the records
    recorded = sum(int(record.simulations.sum()) for record in records.values())
    assert recorded < workload.simulations <= recorded + given_up
    spared = [r for r in records.values() if not r.played_on and r.ending != RESIGNATION]
    assert spared
    for record in (*resigned, *spared):
        score = record.root_wdl[record.context + 1 :, 0] + record.root_wdl[record.context + 1 :, 1] / 2
        assert (score >= 0.3 - 1e-6).all()  # with less they would have been given up, but at their first search
    game = get_game("connect_four")
    for record in resigned:
        assert record.result == (-1 if game.player(record.final_state) == 0 else 1)
        assert record.faults(game) == []


def test_the_threshold_keeps_false_resignations_rare() -> None:
    losers = [(i / 1000, True) for i in range(400)]
    others = [(0.2 + i / 100, False) for i in range(60)]
    outlooks = outlooks_from(losers + others)
    threshold = outlooks.threshold(0.05)
    figures = outlooks.to_json(threshold)
    assert 0.2 < threshold <= 0.3
    assert 0.0 < figures["false_positive_rate"] < 0.04  # of 300 or so; more would not surely be below 0.05
    assert outlooks_from([(0.01, False)] * 200 + [(0.5, True)]).threshold(0.05) == 0.0


def test_few_hopeless_players_say_nothing() -> None:
    """Of n who all lost, the upper bound of those who would not have is 2.7 / (n + 2.7)."""
    hopeful = [(0.9, False)] * 100
    assert outlooks_from([(0.1, True)] * 87 + hopeful).threshold(0.03) == 0.0
    assert outlooks_from([(0.1, True)] * 88 + hopeful).threshold(0.03) == 0.10001  # of what lies above nothing was seen
    assert outlooks_from([(0.6, True)] * 1000).threshold(0.03) == 0.0  # who expects to score half does not give up


def test_who_stands_at_the_threshold_plays_on_and_is_not_counted() -> None:
    held = [(0.02, False)] * 50
    sure = outlooks_from([(0.01, True)] * 200 + held)
    assert sure.threshold(0.03) == 0.01001
    assert sure.to_json(0.02) == {"threshold": 0.02, "games_played_on": 250, "would_resign": 200, "false_positive_rate": 0.0}
    assert outlooks_from([(0.01, False)] * 3 + [(0.02, True)] * 197).threshold(0.03) == 0.0
    assert outlooks_from([(0.01, False)] * 3 + [(0.02, True)] * 297).threshold(0.03) == 0.02001


def test_the_true_share_stays_below_what_is_asked() -> None:
    """Players who would not lose as often as their worst score says: what is below the threshold is half of it on average."""
    rng = np.random.default_rng(1)
    true = []
    for _ in range(200):
        worst = rng.random(400)
        threshold = outlooks_from([(float(w), bool(rng.random() >= w)) for w in worst]).threshold(0.1)
        true += [threshold / 2] if threshold else []
    assert len(true) > 20
    assert np.mean(true) < 0.1
    assert np.mean(np.array(true) > 0.1) < 0.2


def approx(score: float) -> Any:
    return pytest.approx(score, abs=1e-5)


def test_outlooks_are_each_players_own_worst() -> None:
    game = get_game("connect_four")
    record = play("connect_four", [0])[0]
    score = record.root_wdl[:, 0] + record.root_wdl[:, 1] / 2
    second, first = outlooks_of(record, game)
    assert first == (approx(score[2::2].min()), record.result < 0)
    assert second == (approx(score[1::2].min()), record.result > 0)
    assert outlooks_of(dataclasses.replace(record, played_on=False), game) == []


def test_what_is_measured_is_what_a_player_may_do() -> None:
    """With a threshold just above the worst score somebody resigns, and with one just below nobody does."""
    game = get_game("connect_four")
    settings = dataclasses.replace(SETTINGS, resign_playthrough=0.0)
    for number in range(6):
        record = play("connect_four", [number])[number]
        worst = min(score for score, _ in outlooks_of(record, game))
        for threshold, resigns in ((worst - 2e-5, False), (worst + 2e-5, True)):
            (again,) = play("connect_four", [number], settings=settings, resign_below=threshold).values()
            assert (again.ending == RESIGNATION) is resigns
        hopeless = record.root_wdl.copy()
        hopeless[0] = (0.0, 0.0, 1.0)  # at the first search nobody may resign
        assert outlooks_of(dataclasses.replace(record, root_wdl=hopeless), game) == outlooks_of(record, game)


def test_a_game_of_one_search_says_nothing_of_resigning() -> None:
    record = play("connect_four", [0])[0]
    game = get_game("connect_four")
    for left, players in ((1, 0), (2, 1), (3, 2)):
        assert len(outlooks_of(dataclasses.replace(record, context=len(record) - left), game)) == players


@pytest.mark.parametrize(
    "state",
    [
        {"a": 1},
        [1, 2],
        "x",
        7,
        [[0.1, True, 7], [0.2]],
        [["a", True, 7]],
        [[0.1, "no", 7]],
        [[True, True, 7]],
        [[math.nan, True, 7]],
        [[0.1, True]],
        [[0.1, True, "7"]],
        [[0.1, True, 7, 8]],
    ],
)
def test_what_are_no_outlooks_is_refused(state: object) -> None:
    with pytest.raises(PawnzeroError, match="expected triples"):
        Outlooks(state)


def test_outlooks_come_back_from_json() -> None:
    known = [(0.25, True, 7), (1.0, False, 7), (0.0, True, (1 << 62) + 3)]
    assert Outlooks(json.loads(json.dumps(known))).state() == known
    assert Outlooks().state() == Outlooks([]).state() == []


def test_nobody_resigns_before_a_move_of_the_own_game() -> None:
    game = get_game("connect_four")
    archived = Line.from_actions(game, [3])
    settings = dataclasses.replace(SETTINGS, resign_playthrough=0.0, restart_share=0.5)
    records = play("connect_four", list(range(12)), settings=settings, resign_below=1.5, archive=lambda number: archived)
    assert {(len(record), record.context) for record in records.values()} == {(1, 0), (2, 1)}
    assert {record.ending for record in records.values()} == {RESIGNATION}


def test_outlooks_of_a_drawn_game_and_of_one_that_the_second_player_began() -> None:
    game = get_game("connect_four")
    archived = Line.from_actions(game, [3])
    settings = dataclasses.replace(SETTINGS, restart_share=1.0)
    record = play("connect_four", [0], settings=settings, archive=lambda number: archived)[0]
    score = record.root_wdl[1:, 0] + record.root_wdl[1:, 1] / 2
    for result, first_lost, second_lost in ((1, False, True), (0, False, False), (-1, True, False)):
        found = outlooks_of(dataclasses.replace(record, result=result), game)
        assert found == [(approx(score[1::2].min()), first_lost), (approx(score[2::2].min()), second_lost)]


def test_the_newest_outlooks_stay() -> None:
    outlooks = outlooks_from([(0.5, True)] * 4000)
    assert len(outlooks.state()) == 1000
    outlooks.add(9, [(0.4, False), (0.6, False)])
    assert len(outlooks.state()) == 1000
    assert outlooks.state()[-3:] == [(0.5, True, 3999), (0.4, False, 9), (0.6, False, 9)]


def test_a_game_that_is_told_again_counts_once() -> None:
    outlooks = outlooks_from([(0.5, True)])
    for game_id in (1, 2, 1):
        outlooks.add(game_id, [(0.1 * game_id, True)])
    assert outlooks.state() == [(0.5, True, 0), (0.2, True, 2), (0.1, True, 1)]
    outlooks.add(2, [])
    assert len(outlooks.state()) == 3
    assert outlooks.to_json(0.15) == {
        "threshold": 0.15,
        "games_played_on": 3,
        "would_resign": 1,
        "false_positive_rate": 0.0,
    }
    outlooks.add(3, [(0.1, False), (0.9, True)])
    assert [outlooks.to_json(0.15)[name] for name in ("games_played_on", "would_resign", "false_positive_rate")] == [4, 2, 0.5]
