"""The search of one position bit by bit: the same as a search in one go, and right about its room, proofs and figures."""

from __future__ import annotations

import dataclasses
import math
from typing import Optional

import numpy as np
import pytest

from pawnzero.config import SearchConfig
from pawnzero.games import GAME_NAMES, get_game
from pawnzero.games.line import Line
from pawnzero.search import Question, Searcher, UniformEvaluator, position
from pawnzero.search.position import PositionSearch, room_in
from pawnzero.search.tree import PROVEN_LOSS, PROVEN_WIN, UNPROVEN, bytes_a_tree
from tests.engine.talk import NARROW, talk
from tests.search.naive import HashEvaluator, NaiveSearch, visits_of

CHESS = get_game("chess")


def at(fen: str) -> Line:
    return Line(CHESS, CHESS.parse(fen))


@pytest.mark.parametrize("game_name", GAME_NAMES)
@pytest.mark.parametrize("algorithm", ["gumbel", "puct"])
def test_a_known_number_is_searched_as_elsewhere(game_name: str, algorithm: str) -> None:
    game = get_game(game_name)
    line = Line(game)
    config = SearchConfig(algorithm=algorithm, leaves_per_tree=1)
    expected = Searcher(game, HashEvaluator(), config, 100).run([line])
    search = PositionSearch(line, HashEvaluator(), config, room=5000, simulations=100, leaves=1)
    while not search.done:
        search.step()
    outlook = search.read()
    assert outlook.simulations == search.simulations == 100
    assert outlook.moves[0].action == search.choose() == int(expected.action[0])
    visits = dict(zip(expected.legal[0].tolist(), expected.visits[0].tolist()))
    assert {move.action: move.visits for move in outlook.moves} == {a: n for a, n in visits.items() if n}
    assert outlook.wdl == pytest.approx(expected.root_wdl[0].tolist(), abs=1e-6)
    values = dict(zip(expected.legal[0].tolist(), expected.q[0].tolist()))
    assert all(move.value == pytest.approx(values[move.action], abs=1e-5) for move in outlook.moves)


def test_an_open_end_is_puct_and_the_same_at_every_moment() -> None:
    line = Line(CHESS)
    open_ended = PositionSearch(line, HashEvaluator(), SearchConfig(), room=5000, leaves=1)
    for count in (20, 90):
        while open_ended.simulations < count:
            open_ended.step()
        naive = NaiveSearch(CHESS, HashEvaluator(), SearchConfig(algorithm="puct"), line, count)
        found = {move.action: move.visits for move in open_ended.read().moves}
        assert found == {a: n for a, n in zip(line.legal.tolist(), visits_of(naive)) if n}
    assert not open_ended.done


def test_leaves_that_are_taken_side_by_side_are_few_among_visits() -> None:
    search = PositionSearch(Line(CHESS), HashEvaluator(), SearchConfig(), room=500, leaves=16)
    taken = []
    while search.simulations < 300:
        before = search.simulations
        search.step()
        taken.append(search.simulations - before)
        assert taken[-1] <= max(1, before // 8)
    assert max(taken) == 16


def test_room_ends_an_open_search_and_visits_to_known_positions_take_none() -> None:
    search = PositionSearch(Line(get_game("tic_tac_toe")), UniformEvaluator(), SearchConfig(solver=False), room=60, leaves=8)
    search.run()
    assert search.full
    assert search.done
    assert not search.proven
    assert search.fill == 1.0
    before = search.simulations
    search.step()
    assert search.simulations == before >= 60
    known = PositionSearch(at("7k/8/8/8/8/8/R7/K1R5 w - - 0 1"), UniformEvaluator(), SearchConfig(solver=False), room=900)
    known.run()
    assert known.simulations > 900
    bounded = PositionSearch(Line(CHESS), UniformEvaluator(), SearchConfig(), room=30, simulations=100)
    bounded.run()
    assert (bounded.simulations, bounded.full) == (30, True)
    by_visits = SearchConfig(algorithm="puct")
    counted = PositionSearch(at(NARROW), UniformEvaluator(), by_visits, room=1000, simulations=100_000)
    counted.run()
    assert 1000 < counted.simulations < 100_000
    assert counted.full
    assert counted.fill == 1.0
    within = PositionSearch(Line(CHESS), UniformEvaluator(), SearchConfig(), room=30, simulations=20)
    within.run()
    assert (within.simulations, within.full) == (20, False)


def test_depths_and_expected_lines() -> None:
    search = PositionSearch(Line(CHESS), HashEvaluator(), SearchConfig(), room=3000, simulations=700, leaves=4)
    search.run()
    outlook, trees = search.read(), search._trees
    depths = [0]
    for node in range(1, int(trees.nodes[0])):
        depths.append(depths[int(trees.parent[0, node])] + 1)
    assert outlook.deepest == max(depths)
    assert outlook.depth == pytest.approx(float(np.mean(depths[1:])))  # no position was visited twice as a leaf here
    for move in outlook.moves:
        Line.from_actions(CHESS, move.line)
        assert move.line[0] == move.action
        assert len(move.line) <= outlook.deepest
    assert len(outlook.moves[0].line) > 1


@pytest.mark.parametrize("simulations", [None, 3000])
def test_proofs_say_how_long_they_take(simulations: int) -> None:
    search = PositionSearch(
        at("kbK5/pp6/1P6/8/8/8/8/R7 w - - 0 1"), UniformEvaluator(), SearchConfig(), room=5000, simulations=simulations
    )
    search.run()
    assert search.proven
    assert not search.full
    best = search.read().moves[0]
    assert (CHESS.format_action(search.line.state, best.action), best.proof, best.plies, best.value) == (
        "a1a6",
        PROVEN_WIN,
        3,
        1.0,
    )
    mated = Line.from_actions(CHESS, best.line, search.line.state)
    assert CHESS.endings[mated.ending] == "checkmate"
    lost = PositionSearch(at("k7/8/2K5/8/8/8/8/1Q6 b - - 0 1"), UniformEvaluator(), SearchConfig(), room=5000)
    lost.run()
    assert [(move.proof, move.plies, move.wdl) for move in lost.read().moves] == [(PROVEN_LOSS, 2, (0.0, 0.0, 1.0))]


def test_the_winner_hurries_and_the_loser_delays() -> None:
    for fen in ("8/8/8/8/8/4k3/r7/5K2 w - - 0 1", "6k1/8/8/6K1/8/8/R7/1R6 w - - 0 1", "8/8/8/8/8/5k2/1q6/5K2 w - - 0 1"):
        search = PositionSearch(at(fen), HashEvaluator(), SearchConfig(), room=40000, leaves=4)
        search.run()
        assert search.proven
        moves = search.read().moves
        wins = [move.plies for move in moves if move.proof == PROVEN_WIN]
        losses = [move.plies for move in moves if move.proof == PROVEN_LOSS]
        assert [move.plies for move in moves] == sorted(wins) + [0] * (len(moves) - len(wins + losses)) + sorted(losses)[::-1]


def test_plies_to_the_end_are_those_of_a_winner_who_hurries_and_a_loser_who_delays() -> None:
    for fen in ("8/8/8/8/8/4k3/r7/5K2 w - - 0 1", "6k1/8/8/6K1/8/8/R7/1R6 w - - 0 1", "8/8/8/8/8/5k2/1q6/5K2 w - - 0 1"):
        search = PositionSearch(at(fen), HashEvaluator(), SearchConfig(), room=40000, leaves=4)
        search.run()
        t = search._trees

        def away(node: int) -> int:
            edges = range(int(t.first_edge[0, node]), int(t.first_edge[0, node] + t.edge_count[0, node]))  # noqa: B023
            children = [int(t.child[0, edge]) for edge in edges if t.child[0, edge] >= 0]  # noqa: B023
            if t.proven[0, node] == PROVEN_LOSS:  # noqa: B023
                return max((1 + away(child) for child in children), default=0)
            ways = (1 + away(child) for child in children if t.proven[0, child] == PROVEN_LOSS)  # noqa: B023
            return min(ways, default=1)  # a win that was not tried, but seen ahead

        children = dict(zip(t.action[0].tolist(), t.child[0, : int(t.edge_count[0, 0])].tolist()))
        decided = [move for move in search.read().moves if move.proof != UNPROVEN]
        assert decided
        assert [move.plies for move in decided] == [1 + away(children[move.action]) for move in decided]


def test_a_win_at_once_is_never_missed() -> None:
    for fen in ("6k1/8/6K1/8/8/8/R7/R7 w - - 0 1", "6k1/5ppp/8/8/8/8/8/R3K3 w Q - 0 1"):
        search = PositionSearch(at(fen), HashEvaluator(), SearchConfig(), room=20000, simulations=40)
        search.run()
        assert search.read().moves[0].plies == 1
        assert search.simulations == 1


def test_only_some_moves() -> None:
    line = at("6k1/5ppp/8/8/8/8/8/R3K3 w Q - 0 1")
    others = [int(action) for action in line.legal if CHESS.format_action(line.state, action) != "a1a8"]
    search = PositionSearch(line, UniformEvaluator(), SearchConfig(), room=900, simulations=300, only=others)
    search.run()
    assert {move.action for move in search.read().moves} <= set(others)
    assert search.read().moves[0].proof == UNPROVEN


def test_temperature_draws_and_the_seed_decides() -> None:
    def chosen(seed: int, temperature: float, algorithm: str) -> int:
        config = dataclasses.replace(SearchConfig(), algorithm=algorithm)
        search = PositionSearch(
            Line(CHESS), UniformEvaluator(), config, room=99, simulations=40, temperature=temperature, seed=seed
        )
        search.run()
        return search.choose()

    for algorithm in ("gumbel", "puct"):
        assert len({chosen(seed, 1.0, algorithm) for seed in range(12)}) > 3
        assert len({chosen(5, 1.0, algorithm) for _ in range(4)}) == 1
        assert len({chosen(seed, 0.0, algorithm) for seed in range(4)}) == 1


def test_room_is_what_fits() -> None:
    for memory in (1 << 20, 1 << 26):
        room = room_in(CHESS, memory)
        assert bytes_a_tree(CHESS, room) <= memory < bytes_a_tree(CHESS, room + 4)


def test_no_room_is_larger_than_its_numbers() -> None:
    room = room_in(CHESS, 1 << 40)
    assert room == room_in(CHESS, 1 << 41) > 50_000_000
    assert (room + 1) * 40 <= np.iinfo(np.int32).max < (room + 2) * 40


def test_a_search_without_end_ends_where_nothing_new_is_found() -> None:
    search = PositionSearch(at(NARROW), UniformEvaluator(), SearchConfig(), room=100_000, leaves=8)
    search.run()
    assert search.settled
    assert search.done
    assert not search.proven
    assert not search.full
    assert 10_000 < search.simulations < 1_000_000
    known = PositionSearch(search.line, UniformEvaluator(), SearchConfig(algorithm="puct"), room=30_000, simulations=30_000)
    known.run()
    assert (known.simulations, known.settled, known.full) == (30_000, False, False)


@pytest.mark.parametrize("simulations", [None, 10**6])
def test_no_step_takes_long_where_nearly_everything_is_known(simulations: Optional[int]) -> None:
    """A clock is looked at between steps."""
    by_visits = SearchConfig(algorithm="puct")
    search = PositionSearch(at(NARROW), UniformEvaluator(), by_visits, room=10**6, simulations=simulations, leaves=8)
    most = 0
    while not search.done and search.simulations < 200_000:
        before = search.simulations
        search.step()
        most = max(most, search.simulations - before)
    assert 8 < most <= 4096  # more than a wave's leaves: the position is one where most is known


@pytest.mark.parametrize("simulations", [None, 10**12])
def test_a_search_ends_where_its_visits_could_not_be_counted(monkeypatch: pytest.MonkeyPatch, simulations: int) -> None:
    monkeypatch.setattr(position, "_SETTLED_VISITS", 1 << 31)
    by_visits = SearchConfig(algorithm="puct")
    search = PositionSearch(at(NARROW), HashEvaluator(), by_visits, room=5000, simulations=simulations, leaves=8)
    search.step()
    search._trees.started[0] = np.iinfo(np.int32).max - 1010
    search._trees.budget[0] = np.iinfo(np.int32).max - 1005
    search.run()
    assert search.done
    assert search.simulations < np.iinfo(np.int32).max - 900


BEFORE_MATE = "rnbqkbnr/pppp1ppp/8/4p3/6P1/5P2/PPPPP2P/RNBQKBNR b KQkq - 0 2"
LIKED = [CHESS.parse_action(CHESS.initial(), "g2g4"), CHESS.parse_action(CHESS.parse(BEFORE_MATE), "d8h4")]


class FoolsMate(UniformEvaluator):
    """Likes g2g4 and then d8h4, which mates."""

    def evaluate(self, question: Question) -> None:
        super().evaluate(question)
        for move, logit in zip(LIKED, (20.0, 40.0)):  # a move has one number for both sides, as its mover sees it
            question.logits[question.legal == move] = logit
        question.wdl[:] = 0.2, 0.3, 0.5


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_an_untried_move_is_played_where_all_that_were_tried_lose(temperature: float) -> None:
    line = Line.from_actions(CHESS, [])
    for move in ("f2f3", "e7e5"):
        line.push(CHESS.parse_action(line.state, move))
    config = SearchConfig(algorithm="puct")
    search = PositionSearch(line, FoolsMate(), config, room=500, simulations=1, leaves=1, temperature=temperature)
    search.run()
    best, *others = search.read().moves
    assert [(CHESS.format_action(line.state, move.action), move.proof) for move in others] == [("g2g4", PROVEN_LOSS)]
    assert (best.visits, best.line, best.proof) == (0, (best.action,), UNPROVEN)
    assert best.wdl == pytest.approx((0.2, 0.3, 0.5), abs=1e-6), "what the net says of the position"
    assert search.choose() in line.legal.tolist()
    assert search.choose() != others[0].action
    asked = (f"setoption name Temperature value {temperature}", "position startpos moves f2f3 e7e5", "go nodes 1")
    said = talk(*asked, search=config, evaluator=FoolsMate())
    assert said[-1].startswith("bestmove ")
    assert not said[-1].startswith("bestmove g2g4")


def test_the_lead_is_that_of_the_most_visited_move() -> None:
    search = PositionSearch(Line(CHESS), HashEvaluator(), SearchConfig(algorithm="puct"), room=500, simulations=400)
    search.run()
    first, second = (move.visits for move in search.read().moves[:2])
    assert search.lead == first - second > 0
    only = PositionSearch(Line(CHESS), HashEvaluator(), SearchConfig(), room=500, simulations=1)
    only.run()
    assert only.lead == 1


def test_moves_proven_to_lose_do_not_count_for_the_lead() -> None:
    def searched(fen: str) -> PositionSearch:
        search = PositionSearch(at(fen), UniformEvaluator(), SearchConfig(algorithm="puct"), room=2000, simulations=300)
        search.run()
        return search

    two_of_three = searched("6k1/8/8/8/8/7q/8/3r1RK1 w - - 0 1")
    rest = [move for move in two_of_three.read().moves if move.proof != PROVEN_LOSS]
    assert len(rest) == 2
    assert two_of_three.lead == rest[0].visits - rest[1].visits
    one_of_two = searched("6k1/8/8/8/8/6q1/5P2/r4QK1 w - - 0 1")
    assert [move.proof == PROVEN_LOSS for move in one_of_two.read().moves] == [False, True]
    assert one_of_two.lead == math.inf
