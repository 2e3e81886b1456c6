"""The Gumbel search: equal to mctx and to a naive search written from the paper, and safe at its limits."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np
import pytest

from pawnzero.config import SearchConfig
from pawnzero.games import GAME_NAMES, get_game
from pawnzero.games.base import Game
from pawnzero.games.line import Line
from pawnzero.search import BatchedSearch, Question, Searcher, UniformEvaluator, read_roots
from pawnzero.search.batch import leaves_a_tree
from pawnzero.search.evaluator import Evaluator
from pawnzero.search.gumbel import considered_visits
from pawnzero.search.parameters import _NUMBERS
from pawnzero.search.position import PositionSearch
from pawnzero.search.random import stream
from pawnzero.search.root import set_root
from pawnzero.search.searcher import SearchResult, place_line
from pawnzero.search.tree import UNEXPANDED, UNPROVEN
from tests.oracles.mctx_trees import Setting
from tests.search.naive import HashEvaluator, NaiveSearch, visits_of
from tests.search.naive_gumbel import NaiveGumbel
from tests.search.random_tree import RandomTree, TreeEvaluator
from tests.search.test_search import EDGE_ARRAYS, consistent, random_lines

CONFIG = SearchConfig(algorithm="gumbel", solver=False)
ORACLE = Path(__file__).parents[1] / "oracles" / "mctx_trees.py"
GOLDEN = Path(__file__).parent / "golden_mctx.npz"


def gumbel_search(
    game: Game,
    evaluator: Evaluator,
    config: SearchConfig,
    lines: Sequence[Line],
    simulations: int,
    gumbels: Optional[Sequence[np.ndarray]] = None,
    leaves: int = 1,
    in_rounds: bool = False,
    room: Optional[int] = None,
) -> BatchedSearch:
    """A finished search of the lines' current positions; gumbels: the noise of each root's edges; room: for edges."""
    most = max(64, simulations)
    search = BatchedSearch(game, evaluator, config, trees=len(lines), simulations=most, leaves=leaves, in_rounds=in_rounds)
    if room is not None:
        search.trees = search.trees._replace(**{name: getattr(search.trees, name)[:, :room].copy() for name in EDGE_ARRAYS})
    for g, line in enumerate(lines):
        history, repeated, length = line.history(game.history)
        past = history[:length], repeated[:length], line.past_keys()
        set_root(search.trees, g, game.look(line.state), *past, simulations, 0)
    search.wave()
    for g, noise in enumerate(gumbels or ()):
        search.trees.gumbel[g, : len(noise)] = noise
    while search.working().any():
        search.ask()
        for g in range(len(lines) if in_rounds else 0):
            count = int(search.trees.edge_count[g, 0])
            assert count <= 1 or int(search.trees.pending[g, :count].max()) <= 1  # all below different moves
        search.take()
    return search


def results_of(search: BatchedSearch) -> SearchResult:
    return read_roots(search, range(len(search.trees.nodes)))


# Against mctx.


def cases(path: Path) -> Iterator[Tuple[Setting, Dict[str, np.ndarray]]]:
    with np.load(path, allow_pickle=False) as answers:
        for i, setting in enumerate(json.loads(str(answers["settings"]))):
            names = ("roots", "gumbel", "visits", "action", "weights")
            yield Setting(*setting), {name: answers[f"{name}_{i}"] for name in names}


def check_against_mctx(path: Path) -> int:
    """Compares every case in the file; returns how many."""
    checked = 0
    for setting, wanted in cases(path):
        game = RandomTree(setting)
        lines = [Line(game, np.array([word], np.uint64)) for word in wanted["roots"]]
        config = dataclasses.replace(CONFIG, gumbel_considered=setting.considered)
        result = results_of(
            gumbel_search(game, TreeEvaluator(setting), config, lines, setting.simulations, list(wanted["gumbel"]))
        )
        np.testing.assert_array_equal(result.visits, wanted["visits"], str(setting))
        np.testing.assert_array_equal(result.action, wanted["action"], str(setting))
        np.testing.assert_allclose(result.policy, wanted["weights"], rtol=0, atol=1e-4, err_msg=str(setting))
        checked += len(lines)
    return checked


def test_equals_what_mctx_said() -> None:
    assert check_against_mctx(GOLDEN) >= 60


def interpreter_with_mctx() -> str:
    named = os.environ.get("PAWNZERO_MCTX_PYTHON")
    python = named or sys.executable
    if named and shutil.which(named) is None:
        pytest.fail(f"PAWNZERO_MCTX_PYTHON={named} is no program")
    if subprocess.run([python, "-c", "import mctx, numpy"], capture_output=True).returncode == 0:
        return python
    if named:
        pytest.fail(f"PAWNZERO_MCTX_PYTHON={named} has no mctx")
    pytest.skip("no mctx here, and PAWNZERO_MCTX_PYTHON names no interpreter that has it")


def test_equals_mctx_asked_now(tmp_path: Path) -> None:
    """PAWNZERO_MCTX_ROOTS (12 a setting) and PAWNZERO_MCTX_SEED (1) say how many new trees and which."""
    python, answers = interpreter_with_mctx(), tmp_path / "answers.npz"
    roots, seed = os.environ.get("PAWNZERO_MCTX_ROOTS", "12"), os.environ.get("PAWNZERO_MCTX_SEED", "1")
    subprocess.run([python, str(ORACLE), "many", str(answers), "--roots", roots, "--seed", seed], check=True)
    assert check_against_mctx(answers) >= 30 * int(roots)


# Against a search written from the paper.


def noise_for(lines: Sequence[Line], scale: float) -> List[np.ndarray]:
    rng = np.random.default_rng(7)
    return [(scale * rng.gumbel(size=len(line.legal))).astype(np.float32) for line in lines]


def check_against_naive(
    game: Game, config: SearchConfig, lines: Sequence[Line], simulations: int, scale: float, at_once: int = 1
) -> None:
    gumbels = noise_for(lines, scale)
    search = gumbel_search(game, HashEvaluator(), config, lines, simulations, gumbels, leaves=at_once, in_rounds=at_once > 1)
    result = results_of(search)
    for row, line in enumerate(lines):
        naive = NaiveGumbel(game, HashEvaluator(), config, line, simulations, gumbels[row], at_once)
        count = int(result.count[row])
        assert result.visits[row, :count].tolist() == visits_of(naive), game.format(line.state)
        assert result.action[row] == naive.action
        assert result.policy[row, :count].tolist() == pytest.approx(naive.policy, abs=1e-4)
        assert result.root_wdl[row].tolist() == pytest.approx(naive.wdl, abs=1e-4)
        check_tree(search, row, naive)


def check_tree(search: BatchedSearch, g: int, naive: NaiveSearch) -> None:
    """Every node and edge of a tree has the naive search's visits and values."""
    t = search.trees
    waiting = [(0, naive.root)]
    nodes = 0
    while waiting:
        node, wanted = waiting.pop()
        nodes += 1
        assert t.node_visits[g, node] == wanted.visits
        for edge in range(int(t.first_edge[g, node]), int(t.first_edge[g, node]) + max(0, int(t.edge_count[g, node]))):
            action = int(t.action[g, edge])
            visits, value_sum, draw_sum = wanted.edges[action]
            assert t.visits[g, edge] == visits
            assert float(t.value_sum[g, edge]) == pytest.approx(value_sum, abs=1e-4)
            assert float(t.draw_sum[g, edge]) == pytest.approx(draw_sum, abs=1e-4)
            if visits:
                waiting.append((int(t.child[g, edge]), wanted.children[action]))
    assert nodes == t.nodes[g]


@pytest.mark.parametrize("scale", [0.0, 1.0])
@pytest.mark.parametrize("game_name", GAME_NAMES)
def test_equals_the_naive_search_visit_for_visit(game_name: str, scale: float) -> None:
    game = get_game(game_name)
    lines = random_lines(game_name, 5, seed=6, most_plies=6 if game_name == "tic_tac_toe" else 40)
    for considered, simulations in ((16, 100), (4, 33)):
        config = dataclasses.replace(CONFIG, gumbel_considered=considered)
        check_against_naive(game, config, lines, simulations, scale)


@pytest.mark.parametrize("at_once", [2, 3, 8])
def test_leaves_of_one_round_equal_the_naive_search(at_once: int) -> None:
    game, lines = get_game("chess"), random_lines("chess", 5, seed=6, most_plies=40)
    for considered, simulations in ((16, 100), (5, 33)):
        config = dataclasses.replace(CONFIG, gumbel_considered=considered)
        check_against_naive(game, config, lines, simulations, 1.0, at_once)


def test_leaves_of_one_round_spend_it_all_where_moves_are_proven_to_lose() -> None:
    """Then fewer root moves are left than a round has turns, and its turns go to any of them, but to each once a wave."""
    game, config = get_game("connect_four"), dataclasses.replace(CONFIG, solver=True)
    for line in random_lines("connect_four", 20, seed=4, most_plies=30):
        search = gumbel_search(game, HashEvaluator(), config, [line], 200, leaves=8, in_rounds=True)
        t = search.trees
        assert t.started[0] == t.budget[0]
        assert not t.pending[0, : int(t.edges[0])].any()
        assert int(t.node_visits[0, 0]) == int(t.started[0]) + 1
        assert t.started[0] == 200 or t.proven[0, 0] != UNPROVEN


def test_a_move_that_is_alone_does_not_wait_for_rounds() -> None:
    """Else the position would hold a match's others up, a leaf a wave."""
    game = get_game("chess")
    line = Line(game, game.parse("k7/8/1K6/8/8/8/8/6R1 b - - 0 1"))
    asked: List[int] = []

    class Counting(HashEvaluator):
        def evaluate(self, question: Question) -> None:
            asked.append(len(question))
            super().evaluate(question)

    search = gumbel_search(game, Counting(), CONFIG, [line], 64, leaves=8, in_rounds=True)
    assert int(search.trees.visits[0, 0]) == 64
    assert len(asked) < 32


def test_equals_the_naive_search_where_positions_repeat() -> None:
    game = get_game("chess")
    line = Line(game, game.parse("8/8/8/1k6/8/1K6/1R6/8 w - - 0 1"))
    for move in ("b2c2", "b5b6", "c2b2", "b6b5", "b2c2", "b5b6"):
        line.push(game.parse_action(line.state, move))
    check_against_naive(game, CONFIG, [line], 300, 0.0)


def test_a_search_follows_the_schedule_of_its_own_budget() -> None:
    """A tree may have fewer simulations to do than its neighbours or than there is room for."""
    game = get_game("chess")
    lines = random_lines("chess", 2, seed=8, most_plies=30)
    search = BatchedSearch(game, HashEvaluator(), CONFIG, trees=2, simulations=300, leaves=1)
    for g, (line, budget) in enumerate(zip(lines, (40, 300))):
        history, repeated, length = line.history(game.history)
        set_root(search.trees, g, game.look(line.state), history[:length], repeated[:length], line.past_keys(), budget, 0)
    while search.working().any():
        search.wave()
    result = results_of(search)
    for row, (line, budget) in enumerate(zip(lines, (40, 300))):
        naive = NaiveGumbel(game, HashEvaluator(), CONFIG, line, budget)
        assert result.visits[row, : int(result.count[row])].tolist() == visits_of(naive)


def test_what_is_not_puct_is_searched_as_gumbel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(_NUMBERS, "another", 2)
    gumbel, another = SearchConfig(), SearchConfig(algorithm="another")
    for games in (1, 500, None):
        assert leaves_a_tree(another, games) == leaves_a_tree(gumbel, games)
    game = get_game("connect_four")
    lines = [Line(game)] * 40
    one, other = (Searcher(game, HashEvaluator(), config, 64).run(lines) for config in (gumbel, another))
    assert np.array_equal(one.visits, other.visits)
    drawn, again = (
        PositionSearch(Line(game), HashEvaluator(), config, room=99, simulations=16, temperature=1.0, seed=5)
        for config in (gumbel, another)
    )
    for search in (drawn, again):
        search.run()
    assert drawn.read() == again.read()


def test_sequential_halving_halves() -> None:
    def schedule(count: int, simulations: int) -> List[int]:
        return [considered_visits(count, simulations, done) for done in range(simulations)]

    assert schedule(1, 4) == [0, 1, 2, 3]
    assert schedule(2, 5) == [0, 0, 1, 1, 2]
    assert schedule(4, 8) == [0] * 4 + [1, 1, 2, 2]
    assert schedule(16, 10) == [0] * 10
    assert schedule(3, 12) == [0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 4, 4]


# At its limits.


@pytest.mark.parametrize("leaves", [1, 3, 8])
@pytest.mark.parametrize("considered", [1, 2, 5, 16])
def test_every_simulation_is_counted_once(leaves: int, considered: int) -> None:
    config = dataclasses.replace(CONFIG, gumbel_considered=considered)
    lines = random_lines("connect_four", 4, seed=2, most_plies=30)
    for simulations in (1, 2, 3, 90):
        t = gumbel_search(get_game("connect_four"), HashEvaluator(), config, lines, simulations, leaves=leaves).trees
        for g in range(len(lines)):
            visits = t.visits[g, : int(t.edge_count[g, 0])]
            assert int(visits.sum()) == simulations
            assert int(t.node_visits[g, 0]) == simulations + 1
            assert np.count_nonzero(visits) <= considered
            assert not t.pending[g, : int(t.edges[g])].any()
            assert not t.node_pending[g, : int(t.nodes[g])].any()
            consistent(t, g)


def test_a_root_with_one_legal_move() -> None:
    game = get_game("chess")
    line = Line(game, game.parse("k7/8/1K6/8/8/8/8/6R1 b - - 0 1"))
    assert len(line.legal) == 1
    for leaves in (1, 8):
        result = results_of(gumbel_search(game, HashEvaluator(), CONFIG, [line], 30, leaves=leaves))
        assert int(result.visits[0, 0]) == 30
        assert result.action[0] == line.legal[0]
        assert result.policy[0, 0] == 1.0


class Certain:
    """A net that is sure of everything: of the move, all other priors being 0, and of the result."""

    def enter_thread(self, workers: int) -> None:
        pass

    def evaluate(self, question: Question) -> None:
        question.logits[:] = -1e4
        question.logits[:, 0] = 1e4
        question.wdl[:] = (1.0, 0.0, 0.0)


@pytest.mark.parametrize("evaluator", [HashEvaluator(), UniformEvaluator(), Certain()])
@pytest.mark.parametrize(("value_scale", "visit_offset"), [(0.0, 0.0), (1e-12, 0.0), (0.1, 50.0), (1e6, 50.0), (1e30, 1e6)])
def test_no_scale_overflows(evaluator: Evaluator, value_scale: float, visit_offset: float) -> None:
    config = dataclasses.replace(CONFIG, gumbel_value_scale=value_scale, gumbel_visit_offset=visit_offset)
    lines = random_lines("connect_four", 3, seed=4, most_plies=20)
    result = results_of(gumbel_search(get_game("connect_four"), evaluator, config, lines, 60))
    assert np.isfinite(result.policy).all()
    assert result.policy.sum(1) == pytest.approx(1.0, abs=1e-5)
    assert result.visits.sum(1).tolist() == [60] * 3


def test_values_outweigh_a_prior_of_0() -> None:
    """However sure the net is of one move, a scale that is large enough makes the search try the others."""
    config = dataclasses.replace(CONFIG, gumbel_value_scale=1e3)
    t = gumbel_search(get_game("connect_four"), Certain(), config, random_lines("connect_four", 1, 4, 20), 60).trees
    assert t.prior[0, : int(t.edges[0])].min() == 0.0
    inner = np.flatnonzero((t.edge_count[0] > 1) & (t.node_visits[0] > 4))
    assert len(inner) > 1
    for node in inner:
        edges = slice(int(t.first_edge[0, node]), int(t.first_edge[0, node]) + int(t.edge_count[0, node]))
        assert np.count_nonzero(t.visits[0, edges]) > 1


def test_a_tree_without_room_for_edges_goes_on_with_leaves() -> None:
    game = get_game("chess")
    t = gumbel_search(game, HashEvaluator(), CONFIG, [Line(game)], 300, room=250).trees
    assert int(t.edges[0]) <= 250
    assert int(t.node_visits[0, 0]) == 301
    assert (t.edge_count[0, : int(t.nodes[0])] == UNEXPANDED).any()
    consistent(t)


def test_root_noise_is_gumbels() -> None:
    """With noise and one simulation, actions are drawn in proportion to the prior (the Gumbel-max trick)."""
    game = get_game("tic_tac_toe")
    search = BatchedSearch(game, HashEvaluator(), CONFIG, trees=2000, simulations=1, leaves=1)
    line = Line(game)
    history, repeated, length = line.history(game.history)
    past = history[:length], repeated[:length], line.past_keys()
    for g in range(2000):
        set_root(search.trees, g, game.look(line.state), *past, 1, 1.0)
    search.trees.rng[:] = np.arange(2000)
    while search.working().any():
        search.wave()
    result = results_of(search)
    drawn = result.visits.sum(0) / 2000
    spread = np.sqrt(result.prior[0] * (1 - result.prior[0]) / 2000)
    assert (np.abs(drawn - result.prior[0]) < 4 * spread).all()


def test_noise_is_gumbel_s_times_its_scale() -> None:
    game = get_game("connect_four")

    def noise(scale: float) -> np.ndarray:
        search = BatchedSearch(game, UniformEvaluator(), CONFIG, trees=400, simulations=8, leaves=1)
        for g in range(400):
            search.trees.rng[g] = stream(7, g)
            place_line(search, g, Line(game), 8, gumbel_scale=scale)
        search.wave()
        return search.trees.gumbel[:, :7].astype(float)

    standard = noise(1.0)
    assert standard.mean() == pytest.approx(0.5772, abs=0.08)  # Euler's constant
    assert standard.var() == pytest.approx(np.pi**2 / 6, rel=0.1)
    for scale in (0.0, 0.25, 3.0):
        assert noise(scale) == pytest.approx(scale * standard, rel=1e-5)
