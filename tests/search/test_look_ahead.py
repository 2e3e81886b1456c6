"""Before the net is asked about a position, the search looks whether a move wins there at once."""

from __future__ import annotations

from typing import List, Tuple

import numpy as np
import pytest

from pawnzero.config import SearchConfig
from pawnzero.games import get_game
from pawnzero.games.base import Game
from pawnzero.games.line import Line
from pawnzero.search import Question, UniformEvaluator, read_roots
from pawnzero.search.position import PositionSearch
from pawnzero.search.searcher import Searcher, SearchResult
from pawnzero.search.tree import PROVEN_LOSS, PROVEN_WIN, Trees
from tests.games.shuttle import GAME as SHUTTLE
from tests.search.naive import HashEvaluator
from tests.search.test_solver import TIC_TAC_TOE_TRUTH, Truth, check_proofs, check_sums, late_positions, set_up

ALGORITHMS = ("gumbel", "puct")
FOUR, CHESS = get_game("connect_four"), get_game("chess")


class Asked(UniformEvaluator):
    """Likes the first legal action least, and keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.bits: List[np.ndarray] = []

    def evaluate(self, question: Question) -> None:
        super().evaluate(question)
        question.logits[:, 0] = -20.0
        self.bits += list(question.bits.copy())


def searched(
    game: Game, lines: List[Line], simulations: int, leaves: int = 1, **settings: object
) -> Tuple[SearchResult, Trees]:
    search = set_up(game, HashEvaluator(), SearchConfig(**settings), lines, simulations, leaves)
    while search.working().any():
        search.wave()
    return read_roots(search, range(len(lines))), search.trees


def chess_after(*moves: str) -> Line:
    line = Line(CHESS)
    for move in moves:
        line.push(CHESS.parse_action(line.state, move))
    return line


@pytest.mark.parametrize("leaves", [1, 8])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_proofs_are_true(algorithm: str, leaves: int) -> None:
    game = get_game("tic_tac_toe")
    _, t = searched(game, late_positions(100, 7), 200, leaves, algorithm=algorithm)
    assert check_proofs(t, TIC_TAC_TOE_TRUTH) > 1000
    lines = [Line.from_actions(SHUTTLE, actions) for actions in ([], [2], [1, 1], [1, 1, 0, 0], [2, 1, 1, 0, 0])]
    _, t = searched(SHUTTLE, lines, 400, leaves, algorithm=algorithm)
    assert check_proofs(t, Truth(SHUTTLE)) > 20


@pytest.mark.parametrize("leaves", [1, 8])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_visits_and_values_add_up(algorithm: str, leaves: int) -> None:
    lines = [Line(FOUR, FOUR.parse(text)) for text in ("", "4444", "123", "72727", "1122334")]
    _, t = searched(FOUR, lines, 300, leaves, algorithm=algorithm)
    assert t.proven.any()
    for g in range(len(lines)):
        check_sums(t, g)


@pytest.mark.parametrize("leaves", [1, 8])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_win_at_the_root_takes_one_simulation(algorithm: str, leaves: int) -> None:
    """After 1. f3 e5 2. g4 Black mates, whatever the net thinks of it and however few moves the search considers."""
    line = chess_after("f2f3", "e7e5", "g2g4")
    result, t = searched(CHESS, [line, chess_after()], 40, leaves, algorithm=algorithm, gumbel_considered=1)
    assert CHESS.format_action(line.state, int(result.action[0])) == "d8h4"
    assert result.root_wdl[0].tolist() == [1.0, 0.0, 0.0]
    assert result.policy[0].max() == 1.0
    assert t.started.tolist() == [1, 40]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_move_that_lets_the_opponent_win_at_once_is_lost_at_its_first_visit(algorithm: str) -> None:
    line = chess_after("f2f3", "e7e5")
    result, t = searched(CHESS, [line], 300, algorithm=algorithm, gumbel_considered=64)
    blunder = CHESS.parse_action(line.state, "g2g4")
    (edge,) = np.flatnonzero(t.action[0, : int(t.edge_count[0, 0])] == blunder)
    child = int(t.child[0, edge])
    assert int(t.proven[0, child]) == PROVEN_WIN
    assert int(t.edge_count[0, child]) == 0
    assert result.q[0, edge] == -1.0
    assert result.policy[0, edge] == 0.0
    move = next(move for move in position_search(line).read().moves if move.action == blunder)
    assert (move.proof, move.plies) == (PROVEN_LOSS, 2)
    assert [CHESS.format_action(state, action) for state, action in CHESS.walk(line.state, move.line)] == ["g2g4", "d8h4"]


def position_search(line: Line) -> PositionSearch:
    search = PositionSearch(line, UniformEvaluator(), SearchConfig(algorithm="puct"), room=500, simulations=200)
    search.run()
    return search


def test_the_net_is_not_asked_about_positions_that_are_won_at_once() -> None:
    line, asked = Line(FOUR, FOUR.parse("1122")), Asked()
    for look_ahead in (True, False):
        asked.bits.clear()
        search = set_up(FOUR, asked, SearchConfig(look_ahead=look_ahead), [line], 60, 8)
        while search.working().any():
            search.wave()
        threats = [bits for bits in asked.bits if bits[2] and _lands(bits)]
        assert bool(threats) != look_ahead


def _lands(bits: np.ndarray) -> bool:
    """Whether a piece can fall into a cell that completes four."""
    taken = int(bits[0]) | int(bits[1])
    return bool(int(bits[2]) & (((taken << 8) | 0x7F) & ~taken))


def test_without_the_solver_nothing_is_proven() -> None:
    lines = [chess_after("f2f3", "e7e5", "g2g4"), chess_after("f2f3", "e7e5")]
    _, t = searched(CHESS, lines, 300, solver=False)
    assert not t.proven.any()
    assert t.started.tolist() == [300, 300]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_many_positions_searched_by_rounds(algorithm: str) -> None:
    won, other = chess_after("f2f3", "e7e5", "g2g4"), chess_after()
    found = Searcher(CHESS, HashEvaluator(), SearchConfig(algorithm=algorithm), 40).run([won, other, won])
    assert found.visits.sum(axis=1).tolist() == [1, 40, 1]
    assert found.root_wdl[:, 0].tolist()[::2] == [1.0, 1.0]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_tree_forgets_the_wins_of_its_last_root(algorithm: str) -> None:
    won, other = chess_after("f2f3", "e7e5", "g2g4"), chess_after()
    evaluator, config = HashEvaluator(), SearchConfig(algorithm=algorithm)
    reused, fresh = Searcher(CHESS, evaluator, config, 40), Searcher(CHESS, evaluator, config, 40)
    reused.run([won])
    again, first = reused.run([other]), fresh.run([other])
    assert again.visits.tolist() == first.visits.tolist()
    (search,) = reused._searches.values()
    assert not search.trees.winning.any()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_all_moves_that_win_at_once_are_taught(algorithm: str) -> None:
    line = Line(CHESS, CHESS.parse("7k/8/6K1/8/8/8/8/RQ6 w - - 0 1"))
    result, t = searched(CHESS, [line], 40, algorithm=algorithm)
    taught = {
        CHESS.format_action(line.state, int(result.legal[0, i])): result.policy[0, i] for i in np.flatnonzero(result.policy)
    }
    assert taught == {"a1a8": 0.5, "b1b8": 0.5}
    assert t.started.tolist() == [1]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_search_among_other_moves_leaves_the_win_alone(algorithm: str) -> None:
    line = chess_after("f2f3", "e7e5", "g2g4")
    others = [int(action) for action in line.legal if CHESS.format_action(line.state, action) != "d8h4"]
    search = PositionSearch(line, UniformEvaluator(), SearchConfig(algorithm=algorithm), room=90, simulations=60, only=others)
    search.run()
    assert not search.proven
    assert {move.action for move in search.read().moves} <= set(others)
