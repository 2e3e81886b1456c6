"""The batched search: equal to a naive one, right about known positions, safe at its limits."""

from __future__ import annotations

import dataclasses
import random
from typing import List

import numba
import numpy as np
import pytest

from pawnzero.config import SearchConfig
from pawnzero.games import GAME_NAMES, get_game
from pawnzero.games.base import ONGOING, REPETITION
from pawnzero.games.line import Line
from pawnzero.search import BatchedSearch, Question, Searcher, UniformEvaluator, read_roots
from pawnzero.search.backup import added
from pawnzero.search.batch import Leaves, leaves_a_tree
from pawnzero.search.root import move_on, set_root
from pawnzero.search.tree import UNEXPANDED, Trees
from tests.search.naive import HashEvaluator, NaiveSearch, visits_of

CONFIG = SearchConfig(algorithm="puct", solver=False, cpuct=1.75, fpu_reduction=0.25)
"""Its constants are not the defaults: 1 and 0 would leave untried whether they are heeded."""


def random_lines(game_name: str, count: int, seed: int, most_plies: int) -> List[Line]:
    game, rng = get_game(game_name), random.Random(seed)
    lines = []
    while len(lines) < count:
        line = Line(game)
        for _ in range(rng.randrange(most_plies)):
            if not line.over:
                line.push(int(rng.choice(list(line.legal))))
        if not line.over:
            lines.append(line)
    return lines


def single_tree(game_name: str, line: Line, simulations: int, leaves: int = 1, evaluator=None) -> BatchedSearch:  # type: ignore[no-untyped-def]
    game = get_game(game_name)
    search = BatchedSearch(game, evaluator or HashEvaluator(), CONFIG, trees=1, simulations=simulations, leaves=leaves)
    history, repeated, length = line.history(game.history)
    past = history[:length], repeated[:length], line.past_keys()
    set_root(search.trees, 0, game.look(line.state), *past, simulations, 0)
    return search


@pytest.mark.parametrize("game_name", GAME_NAMES)
def test_equals_the_naive_search_visit_for_visit(game_name: str) -> None:
    game = get_game(game_name)
    lines = random_lines(game_name, 6, seed=5, most_plies=6 if game_name == "tic_tac_toe" else 40)
    result = Searcher(game, HashEvaluator(), dataclasses.replace(CONFIG, leaves_per_tree=1), 120).run(lines)
    for row, line in enumerate(lines):
        naive = NaiveSearch(game, HashEvaluator(), CONFIG, line, 120)
        count = int(result.count[row])
        assert result.visits[row, :count].tolist() == visits_of(naive), game.format(line.state)
        value = naive.root.value_sum / naive.root.visits
        assert result.root_wdl[row, 0] - result.root_wdl[row, 2] == pytest.approx(value, abs=1e-5)
        draws = (naive.root.draw + sum(edge[2] for edge in naive.root.edges.values())) / naive.root.visits
        assert result.root_wdl[row, 1] == pytest.approx(draws, abs=1e-5)


def test_equals_the_naive_search_where_positions_repeat() -> None:
    game = get_game("chess")
    line = Line(game, game.parse("8/8/8/1k6/8/1K6/1R6/8 w - - 0 1"))
    for move in ("b2c2", "b5b6", "c2b2", "b6b5", "b2c2", "b5b6"):
        line.push(game.parse_action(line.state, move))
    naive = NaiveSearch(game, HashEvaluator(), CONFIG, line, 400)
    result = Searcher(game, HashEvaluator(), dataclasses.replace(CONFIG, leaves_per_tree=1), 400).run([line])
    assert result.visits[0, : int(result.count[0])].tolist() == visits_of(naive)
    back = game.parse_action(line.state, "c2b2")
    assert result.q[0, list(result.legal[0]).index(back)] != 0.0  # stood once before the root: not yet a draw


@pytest.mark.parametrize(
    ("fen", "simulations", "move"),
    [
        ("6k1/5ppp/8/8/8/8/8/R3K3 w Q - 0 1", 64, "a1a8"),
        ("r6k/8/8/8/8/8/5PPP/6K1 b - - 0 1", 64, "a8a1"),
        ("kbK5/pp6/1P6/8/8/8/8/R7 w - - 0 1", 2000, "a1a6"),
        ("7k/8/5K2/6Q1/8/8/8/8 w - - 0 1", 64, "g5g7"),
    ],
)
def test_finds_mates_in_one_and_two(fen: str, simulations: int, move: str) -> None:
    game = get_game("chess")
    line = Line(game, game.parse(fen))
    for leaves in (1, 8):
        config = dataclasses.replace(CONFIG, leaves_per_tree=leaves)
        result = Searcher(game, UniformEvaluator(), config, simulations).run([line])
        assert game.format_action(line.state, int(result.action[0])) == move


def test_knows_the_value_of_small_positions() -> None:
    game = get_game("tic_tac_toe")
    empty = Searcher(game, UniformEvaluator(), CONFIG, 4000).run([Line(game)])
    assert abs(float(empty.root_wdl[0, 0] - empty.root_wdl[0, 2])) < 0.25
    blunder = Line.from_actions(game, [0, 1])  # corner, then an edge beside it: won for the first player
    won = Searcher(game, UniformEvaluator(), CONFIG, 4000).run([blunder])
    assert won.root_wdl[0, 0] > 0.8


@pytest.mark.parametrize("leaves", [1, 3, 8])
def test_every_simulation_is_counted_once(leaves: int) -> None:
    for line in random_lines("connect_four", 4, seed=2, most_plies=30):
        search = single_tree("connect_four", line, 90, leaves)
        waves = 0
        while search.working().any():
            search.wave()
            waves += 1
        t = search.trees
        assert int(t.visits[0, : int(t.edge_count[0, 0])].sum()) == 90
        assert int(t.node_visits[0, 0]) == 91
        assert not t.pending[0, : int(t.edges[0])].any()
        assert not t.node_pending[0, : int(t.nodes[0])].any()
        consistent(t)


def consistent(t: Trees, g: int = 0) -> None:
    """Each node's visits and values are those of its edges and its own evaluation."""
    for node in range(int(t.nodes[g])):
        if int(t.edge_count[g, node]) <= 0:
            continue
        edges = slice(int(t.first_edge[g, node]), int(t.first_edge[g, node]) + int(t.edge_count[g, node]))
        assert int(t.node_visits[g, node]) == 1 + int(t.visits[g, edges].sum())
        values = float(t.leaf_value[g, node] + t.value_sum[g, edges].sum())
        assert float(t.node_value_sum[g, node]) == pytest.approx(values, abs=1e-4)
        assert float(t.prior[g, edges].sum()) == pytest.approx(1.0, abs=1e-4)


def test_a_tree_without_room_for_edges_goes_on_with_leaves() -> None:
    """Queens everywhere: far more legal moves than a tree has room for. Nothing may be written outside its arrays."""
    game = get_game("chess")
    line = Line(game, game.parse("R6R/3Q4/1Q4Q1/4Q3/2Q4Q/Q4Q2/pp1Q4/kBNN1KB1 w - - 0 1"))
    assert len(line.legal) == 218
    search = single_tree("chess", line, 64)
    room = search.trees.action.shape[1]
    for _ in range(200):
        search.wave()
    t = search.trees
    assert int(t.edges[0]) <= room
    assert int(t.visits[0, :218].sum()) == 64
    lone = Line(game)
    small = BatchedSearch(game, HashEvaluator(), CONFIG, trees=1, simulations=300, leaves=1)
    history, repeated, length = lone.history(game.history)
    cut = small.trees._replace(**{name: getattr(small.trees, name)[:, :250].copy() for name in EDGE_ARRAYS})
    small.trees = cut
    set_root(cut, 0, game.look(lone.state), history[:length], repeated[:length], lone.past_keys(), 300, 0)
    while small.working().any():
        small.wave()
    assert int(cut.edges[0]) <= 250
    assert int(cut.node_visits[0, 0]) == 301
    kept_as_leaf = (cut.edge_count[0, : int(cut.nodes[0])] == UNEXPANDED) & (cut.ending[0, : int(cut.nodes[0])] == ONGOING)
    assert kept_as_leaf.any()
    consistent(cut)


EDGE_ARRAYS = ("action", "prior", "visits", "pending", "value_sum", "draw_sum", "child")


@pytest.mark.parametrize("config", [dataclasses.replace(CONFIG, leaves_per_tree=2), SearchConfig()])
def test_trees_do_not_feel_their_neighbours(config: SearchConfig) -> None:
    game = get_game("chess")
    lines = random_lines("chess", 12, seed=9, most_plies=60)
    together = Searcher(game, HashEvaluator(), config, 50).run(lines)
    for row, line in enumerate(lines):
        alone = Searcher(game, HashEvaluator(), config, 50).run([line])
        count = int(alone.count[0])
        assert together.visits[row, :count].tolist() == alone.visits[0, :count].tolist()


def test_threads_change_nothing() -> None:
    game = get_game("connect_four")
    lines = random_lines("connect_four", 140, seed=3, most_plies=20)
    config = dataclasses.replace(CONFIG, leaves_per_tree=1)
    searchers = {threads: Searcher(game, HashEvaluator(), config, 30, threads=threads) for threads in (1, 2, 6)}
    for start, stop in ((0, 140), (3, 80), (100, 140)):  # as games end, fewer threads are at work
        alone, *others = (searcher.run(lines[start:stop]) for searcher in searchers.values())
        for other in others:
            assert np.array_equal(alone.visits, other.visits)
            assert np.array_equal(alone.action, other.action)


def test_threads_share_the_cores_evenly() -> None:
    class Asked(HashEvaluator):
        def enter_thread(self, workers: int) -> None:
            entered.append(workers)

    entered: List[int] = []
    game = get_game("connect_four")
    lines = random_lines("connect_four", 200, seed=3, most_plies=20)
    searcher = Searcher(game, Asked(), dataclasses.replace(CONFIG, leaves_per_tree=1), 2, threads=6)
    for count, parts in ((200, 6), (140, 3), (120, 3), (110, 3), (70, 2), (30, 1)):  # 24 positions a thread at least
        entered.clear()
        searcher.run(lines[:count])
        assert entered == [parts] * parts


@pytest.mark.parametrize("algorithm", ["gumbel", "puct"])
def test_a_searcher_forgets_what_it_searched_before(algorithm: str) -> None:
    game = get_game("connect_four")
    lines = random_lines("connect_four", 90, seed=5, most_plies=30)
    config = dataclasses.replace(CONFIG, algorithm=algorithm, leaves_per_tree=1)
    used = Searcher(game, HashEvaluator(), config, 30, threads=2)
    for start, stop in ((0, 70), (70, 90), (20, 80), (3, 4), (5, 85)):
        again, fresh = used.run(lines[start:stop]), Searcher(game, HashEvaluator(), config, 30).run(lines[start:stop])
        for name in ("action", "legal", "count", "visits", "q", "prior", "policy", "root_wdl"):
            assert np.array_equal(getattr(again, name), getattr(fresh, name), equal_nan=name == "q"), (name, start)


def test_a_search_that_was_broken_off_is_not_gone_on_with() -> None:
    sizes: List[int] = []

    class Failing(HashEvaluator):
        def evaluate(self, question: Question) -> None:
            sizes.append(len(question))
            if len(sizes) == 5:
                raise RuntimeError("out of order")
            super().evaluate(question)

    game = get_game("connect_four")
    lines = random_lines("connect_four", 12, seed=5, most_plies=30)
    config = dataclasses.replace(CONFIG, leaves_per_tree=1)
    used = Searcher(game, Failing(), config, 30)
    with pytest.raises(RuntimeError, match="out of order"):
        used.run(lines)
    assert np.array_equal(used.run(lines[:3]).visits, Searcher(game, HashEvaluator(), config, 30).run(lines[:3]).visits)
    assert max(sizes[5:]) == 3


def test_root_noise_is_a_share_of_the_prior() -> None:
    line = Line(get_game("chess"))
    plain = single_tree("chess", line, 1)
    noisy = single_tree("chess", line, 1)
    noisy.trees.noisy[0] = 1
    for search in (plain, noisy):
        search.wave()
    before, after = read_roots(plain, [0]).prior[0, :20], read_roots(noisy, [0]).prior[0, :20]
    noise = (after - (1 - CONFIG.dirichlet_epsilon) * before) / CONFIG.dirichlet_epsilon
    assert float(noise.sum()) == pytest.approx(1.0, abs=1e-4)
    assert float(noise.min()) >= -1e-5
    assert float(noise.max()) > 2 / 20


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_moves_are_drawn_in_proportion_to_a_power_of_their_visits(temperature: float) -> None:
    search = single_tree("connect_four", Line(get_game("connect_four")), 60)
    while search.working().any():
        search.wave()
    result = read_roots(search, [0])
    draws = 20_000
    drawn = search.choose(np.zeros(draws, np.int64), np.full(draws, temperature, np.float32))
    weight = result.visits[0].astype(float) ** (1 / temperature)
    found = [np.count_nonzero(drawn == action) / draws for action in result.legal[0]]
    assert found == pytest.approx((weight / weight.sum()).tolist(), abs=0.015)
    assert len(set(result.visits[0].tolist())) > 3


def test_a_position_s_third_time_is_seen_late_in_a_long_game_too() -> None:
    game = get_game("chess")
    shuffle = ["g1f3", "g8f6", "f3g5", "f6g4", "g5f3", "g4f6", "f3g1", "f6g8"]
    steps = [(f"{file}{a}{file}{a + 1}", f"{file}{9 - a}{file}{8 - a}") for a in (2, 3) for file in "abcdeh"]
    moves = [move for step in steps for move in (*step, *shuffle)] + shuffle[:2]
    line, after, ending = Line(game), game.allocate(1), np.zeros(1, np.uint8)
    search = single_tree("chess", line, 1)
    for move in moves:
        assert not line.over
        action = game.parse_action(line.state, move)
        game.step(line.state[np.newaxis], np.array([action], np.int16), after)
        new = (after.state, after.legal, after.count, after.ending, after.key, after.reversible)
        left, budget, noise = np.full(1, 500, np.int32), np.ones(1, np.int32), np.zeros(1, np.float32)
        move_on(search.trees, np.zeros(1, np.int64), new, left, budget, noise, np.zeros(1, np.uint8), ending)
        line.push(action)
        assert ending[0] == line.ending
    assert len(moves) == 122
    assert line.ending == REPETITION


def test_fewer_games_get_more_leaves_under_puct() -> None:
    puct = SearchConfig(algorithm="puct")
    found = [leaves_a_tree(puct, games) for games in (0, 1, 8, 9, 16, 33, 64, 500, None)]
    assert [one.most for one in found] == [8, 8, 8, 7, 4, 1, 1, 1, 1]
    assert not any(one.in_rounds for one in found)


def test_few_games_do_not_wait_for_rounds() -> None:
    assert {leaves_a_tree(SearchConfig(), games) for games in (1, 10, 31)} == {Leaves(8, False, 8)}
    assert {leaves_a_tree(SearchConfig(), games) for games in (32, 500, None)} == {Leaves(8, True, 4)}


def test_leaves_are_what_is_configured() -> None:
    for algorithm in ("gumbel", "puct"):
        for games in (1, 500, None):
            assert leaves_a_tree(SearchConfig(algorithm=algorithm, leaves_per_tree=5), games) == Leaves(5, False, 5)


def test_leaves_beyond_the_simulations_take_no_memory() -> None:
    lines = random_lines("chess", 2, seed=3, most_plies=20)
    huge, all_at_once = (
        Searcher(get_game("chess"), HashEvaluator(), dataclasses.replace(CONFIG, leaves_per_tree=leaves), 12).run(lines)
        for leaves in (10**9, 12)
    )
    assert np.array_equal(huge.visits, all_at_once.visits)


@pytest.mark.parametrize("more", [0.03, -0.7, 1.0])
@pytest.mark.parametrize("total", [0.0, 1024.0, 3.0e6, -1.0e8])
def test_small_values_count_beside_large_sums(total: float, more: float) -> None:
    @numba.njit
    def add_up(found: np.float32, more: np.float32, times: int) -> np.float32:
        for count in range(times):
            found = added(found, more, 2**24 + count)
        return found

    times = 20_000
    step = float(np.spacing(np.float32(max(abs(total), abs(times * more)))))
    found = float(add_up(np.float32(total), np.float32(more), times))
    assert found == pytest.approx(total + times * more, abs=max(0.1, 10 * step))
