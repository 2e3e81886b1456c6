"""What is proven in a search is true, travels up the tree, and corrects the averages above it."""

from __future__ import annotations

import random
from typing import Dict, Iterator, List, Optional, Sequence, Tuple

import chess
import numba
import numpy as np
import pytest

from pawnzero.config import SearchConfig
from pawnzero.games import get_game
from pawnzero.games.base import ONGOING, REPETITION, Game
from pawnzero.games.line import Line
from pawnzero.search import BatchedSearch, Question, UniformEvaluator, read_roots
from pawnzero.search.backup import lost
from pawnzero.search.evaluator import Evaluator
from pawnzero.search.root import set_root
from pawnzero.search.searcher import SearchResult
from pawnzero.search.tree import NO_NODE, PROVEN_DRAW, PROVEN_LOSS, PROVEN_WIN, UNPROVEN, Trees
from tests.games.shuttle import GAME as SHUTTLE
from tests.search.naive import HashEvaluator
from tests.search.test_search import random_lines

ALGORITHMS = ("gumbel", "puct")
VALUES = {PROVEN_LOSS: -1, PROVEN_DRAW: 0, PROVEN_WIN: 1}


def config_for(algorithm: str) -> SearchConfig:
    """Every move is considered: a Gumbel root never looks at the others. Proofs come from the tree alone."""
    return SearchConfig(algorithm=algorithm, solver=True, look_ahead=False, gumbel_considered=64)


def set_up(
    game: Game, evaluator: Evaluator, config: SearchConfig, lines: Sequence[Line], simulations: int, leaves: int
) -> BatchedSearch:
    search = BatchedSearch(game, evaluator, config, trees=len(lines), simulations=simulations, leaves=leaves)
    for g, line in enumerate(lines):
        history, repeated, length = line.history(game.history)
        past = history[:length], repeated[:length], line.past_keys()
        set_root(search.trees, g, game.look(line.state), *past, simulations, 0)
    return search


def searched(
    game: Game, evaluator: Evaluator, config: SearchConfig, lines: Sequence[Line], simulations: int, leaves: int
) -> Tuple[SearchResult, Trees]:
    search = set_up(game, evaluator, config, lines, simulations, leaves)
    while search.working().any():
        search.wave()
    return read_roots(search, range(len(lines))), search.trees


def chess_line(fen: str) -> Line:
    game = get_game("chess")
    return Line(game, game.parse(fen))


def wins_within(board: chess.Board, moves: int) -> List[str]:
    """The moves that force mate in `moves` or fewer, by trying everything."""
    return [move.uci() for move in list(board.legal_moves) if _wins(board, move, moves)]


def _wins(board: chess.Board, move: chess.Move, moves: int) -> bool:
    board.push(move)
    try:
        if board.is_checkmate():
            return True
        if moves == 1 or board.is_stalemate() or board.is_insufficient_material():
            return False
        for reply in list(board.legal_moves):
            board.push(reply)
            saved = not any(_wins(board, answer, moves - 1) for answer in list(board.legal_moves))
            board.pop()
            if saved:
                return False
        return True
    finally:
        board.pop()


MATES = (
    ("6k1/5ppp/8/8/8/8/8/R3K3 w Q - 0 1", 1, 2000),
    ("r6k/8/8/8/8/8/5PPP/6K1 b - - 0 1", 1, 2000),
    ("7k/8/5K2/6Q1/8/8/8/8 w - - 0 1", 1, 2000),
    ("kbK5/pp6/1P6/8/8/8/8/R7 w - - 0 1", 2, 3000),
    ("6k1/8/6K1/8/8/8/8/7R w - - 0 1", 2, 3000),
    ("7k/8/8/6K1/8/8/8/R7 w - - 0 1", 3, 20000),
)


GUMBEL_AND_PUCT = (
    ("gumbel", UniformEvaluator()),  # by a net that is sure and wrong Gumbel is misled for longer than a test may last
    ("puct", UniformEvaluator()),
    ("puct", HashEvaluator()),
)


@pytest.mark.parametrize("leaves", [1, 8])
@pytest.mark.parametrize(("algorithm", "evaluator"), GUMBEL_AND_PUCT)
@pytest.mark.parametrize(("fen", "moves", "simulations"), MATES)
def test_forced_mates_are_proven(
    fen: str, moves: int, simulations: int, algorithm: str, evaluator: Evaluator, leaves: int
) -> None:
    line = chess_line(fen)
    result, t = searched(line.game, evaluator, config_for(algorithm), [line], simulations, leaves)
    assert result.root_wdl[0].tolist() == [1.0, 0.0, 0.0]
    assert int(t.started[0]) < simulations
    assert int(result.visits[0].sum()) == int(t.started[0])
    policy = result.policy[0, : int(result.count[0])]
    assert policy.sum() == pytest.approx(1.0)
    taught = {line.game.format_action(line.state, int(result.legal[0, i])) for i in np.flatnonzero(policy)}
    assert taught <= set(wins_within(chess.Board(fen), min(3, moves + 1)))
    assert line.game.format_action(line.state, int(result.action[0])) in taught


@pytest.mark.parametrize("leaves", [1, 8])
@pytest.mark.parametrize(("algorithm", "evaluator"), GUMBEL_AND_PUCT)
@pytest.mark.parametrize(
    ("fen", "wdl"),
    [
        ("k7/8/1K6/8/8/8/8/7R b - - 0 1", [0, 0, 1]),  # one move, then mate
        ("k7/7p/1K6/8/8/8/8/6R1 b - - 0 1", [0, 0, 1]),  # three moves, each answered by mate
        ("7k/8/4b3/8/8/8/8/Kr6 w - - 0 1", [0, 1, 0]),  # has to take the rook: a bishop alone cannot win
        ("k7/6N1/1Q5K/7q/8/8/8/8 w - - 0 1", [0, 1, 0]),  # either way of taking the queen is stalemate
    ],
)
def test_forced_losses_and_draws_are_proven(
    fen: str, wdl: List[int], algorithm: str, evaluator: Evaluator, leaves: int
) -> None:
    line = chess_line(fen)
    result, t = searched(line.game, evaluator, config_for(algorithm), [line], 500, leaves)
    assert result.root_wdl[0].tolist() == wdl
    assert int(t.started[0]) < 500
    assert result.policy[0].sum() == pytest.approx(1.0)
    assert int(result.action[0]) in line.legal


# Against the whole truth.


class Truth:
    """The value of positions for the player to move, by trying everything; positions never count as repeated."""

    def __init__(self, game: Game) -> None:
        self.game = game
        self.known: Dict[bytes, int] = {}

    def value(self, state: np.ndarray) -> int:
        key = state.tobytes()
        if key not in self.known:
            at = self.game.look(state)
            if at.ending[0] != ONGOING:
                self.known[key] = int(self.game.ending_values[at.ending[0]])
            else:
                self.known[key] = max(-self.value(self.game.after(state, a)) for a in at.legal[0, : at.count[0]].tolist())
        return self.known[key]


def check_proofs(t: Trees, truth: Truth) -> int:
    """Every proof in every tree is true; returns how many there are."""
    proofs = 0
    for g in range(len(t.nodes)):
        for node in np.flatnonzero(t.proven[g, : int(t.nodes[g])]):
            assert VALUES[int(t.proven[g, node])] == truth.value(t.state[g, node]), truth.game.format(t.state[g, node])
            proofs += 1
    return proofs


TIC_TAC_TOE_TRUTH = Truth(get_game("tic_tac_toe"))


def late_positions(count: int, empty: int) -> List[Line]:
    """Tic-tac-toe positions with at most `empty` cells free, each another one."""
    game, rng = get_game("tic_tac_toe"), random.Random(5)
    found: Dict[bytes, Line] = {}
    while len(found) < count:
        line = Line(game)
        for _ in range(rng.randrange(9 - empty, 9)):
            if not line.over:
                line.push(rng.choice(line.legal.tolist()))
        if not line.over and len(line.legal) <= empty:
            found[line.state.tobytes()] = line
    return list(found.values())


@pytest.mark.parametrize("leaves", [1, 8])
@pytest.mark.parametrize(("algorithm", "evaluator"), GUMBEL_AND_PUCT)
def test_tic_tac_toe_is_solved(algorithm: str, evaluator: Evaluator, leaves: int) -> None:
    """A drawn position may stay open while many cells are free: the search has no reason to leave a move that draws."""
    game, lines = get_game("tic_tac_toe"), late_positions(100, 6)
    result, t = searched(game, evaluator, config_for(algorithm), lines, 3000, leaves)
    assert check_proofs(t, TIC_TAC_TOE_TRUTH) > 2000
    for row, line in enumerate(lines):
        value = TIC_TAC_TOE_TRUTH.value(line.state)
        assert int(t.visits[row, : int(t.edge_count[row, 0])].sum()) == t.started[row]
        if t.proven[row, 0] == UNPROVEN:
            assert value == 0
            assert len(line.legal) > 4
            continue
        assert t.started[row] < 3000
        assert result.root_wdl[row].tolist() == [value == 1, value == 0, value == -1]
        assert result.policy[row].sum() == pytest.approx(1.0)
        for i in np.flatnonzero(result.policy[row]):
            assert -TIC_TAC_TOE_TRUTH.value(game.after(line.state, int(result.legal[row, i]))) == value


@pytest.mark.parametrize("leaves", [1, 8])
def test_a_sure_and_wrong_net_cannot_make_a_false_proof(leaves: int) -> None:
    game = get_game("tic_tac_toe")
    _, t = searched(game, HashEvaluator(), config_for("gumbel"), late_positions(100, 8), 1000, leaves)
    assert check_proofs(t, TIC_TAC_TOE_TRUTH) > 1000


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_repetition_proves_nothing(algorithm: str) -> None:
    """In this game nothing but repetition and the clock can draw, and the clock is far away."""
    lines = [Line.from_actions(SHUTTLE, actions) for actions in ([], [2], [1, 1], [1, 1, 0, 0], [2, 1, 1, 0, 0])]
    _, t = searched(SHUTTLE, HashEvaluator(), config_for(algorithm), lines, 400, 4)
    assert check_proofs(t, Truth(SHUTTLE)) > 100
    repeated = t.ending == REPETITION
    assert np.count_nonzero(repeated) >= 20
    assert not t.proven[repeated].any()


def test_a_draw_by_repetition_leaves_the_root_open() -> None:
    """Both sides can only shuffle, and each line soon repeats; yet by the rules the game goes on."""
    line = chess_line("8/8/8/p1p1p1p1/P1P1P1P1/8/1k6/7K w - - 0 1")
    _, t = searched(line.game, UniformEvaluator(), config_for("puct"), [line], 2000, 1)
    assert (t.ending[0, : int(t.nodes[0])] == REPETITION).any()
    assert t.proven[0, 0] == UNPROVEN
    assert int(t.started[0]) == 2000


# What the tree says of itself.


def check_sums(t: Trees, g: int) -> None:
    """Visits and values are those that follow from the leaves, where what is proven counts as such for every visit."""
    for node in range(int(t.nodes[g])):
        parent, edge = int(t.parent[g, node]), int(t.parent_edge[g, node])
        proof = int(t.proven[g, node])
        if parent != NO_NODE:
            assert t.visits[g, edge] == t.node_visits[g, node]
            assert not t.pending[g, edge]
        assert not t.node_pending[g, node]
        if parent != NO_NODE and proof != UNPROVEN:
            assert t.value_sum[g, edge] == -VALUES[proof] * t.visits[g, edge]
            assert t.draw_sum[g, edge] == (proof == PROVEN_DRAW) * t.visits[g, edge]
            continue
        if proof != UNPROVEN or int(t.edge_count[g, node]) <= 0:
            continue
        edges = slice(int(t.first_edge[g, node]), int(t.first_edge[g, node]) + int(t.edge_count[g, node]))
        assert t.node_visits[g, node] == 1 + t.visits[g, edges].sum()
        value = float(t.leaf_value[g, node] + t.value_sum[g, edges].sum(dtype=np.float64))
        draws = float(t.leaf_draw[g, node] + t.draw_sum[g, edges].sum(dtype=np.float64))
        assert float(t.node_value_sum[g, node]) == pytest.approx(value, abs=1e-3)
        if parent != NO_NODE:
            assert float(t.value_sum[g, edge]) == pytest.approx(-value, abs=1e-3)
            assert float(t.draw_sum[g, edge]) == pytest.approx(draws, abs=1e-3)


def tactical_lines() -> Iterator[Tuple[Game, List[Line]]]:
    yield get_game("tic_tac_toe"), late_positions(12, 7)
    yield get_game("connect_four"), random_lines("connect_four", 8, seed=3, most_plies=34)
    mating = [chess_line(fen) for fen, _, _ in MATES] + [chess_line("k7/7p/1K6/8/8/8/8/6R1 b - - 0 1")]
    yield get_game("chess"), mating + random_lines("chess", 2, seed=1, most_plies=80)


@pytest.mark.parametrize("leaves", [1, 3, 8])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_after_every_wave_the_sums_are_right_and_proofs_stay(algorithm: str, leaves: int) -> None:
    proofs = 0
    for game, lines in tactical_lines():
        search = set_up(game, HashEvaluator(), config_for(algorithm), lines, 100, leaves)
        t = search.trees
        before: Optional[np.ndarray] = None
        while search.working().any():
            search.wave()
            for g in range(len(lines)):
                check_sums(t, g)
            if before is not None:
                kept = before != UNPROVEN
                assert np.array_equal(t.proven[kept], before[kept])
            before = t.proven.copy()
        proofs += np.count_nonzero(t.proven)
    assert proofs > 200


@pytest.mark.parametrize("visits", [1, 2**24 + 1, 2**24 + 3, 2**30 + 7])
def test_a_proven_loss_is_seen_after_any_number_of_visits(visits: int) -> None:
    @numba.njit
    def is_lost(t: Trees, edge: int) -> bool:
        return lost(t, 0, edge)  # type: ignore[no-any-return]

    t = set_up(get_game("connect_four"), HashEvaluator(), config_for("puct"), random_lines("connect_four", 1, 3, 4), 9, 1).trees
    t.child[0, :3] = 1, 1, 2
    t.proven[0, 1:3] = PROVEN_WIN, UNPROVEN
    t.visits[0, :3] = visits
    t.value_sum[0, :3] = -visits, -0.999 * visits, -visits
    assert [is_lost(t, edge) for edge in range(3)] == [True, False, False]


def test_the_solver_changes_nothing_where_nothing_is_proven() -> None:
    game = get_game("chess")
    lines = random_lines("chess", 6, seed=12, most_plies=16)
    for algorithm in ALGORITHMS:
        with_it, t = searched(game, HashEvaluator(), SearchConfig(algorithm=algorithm, solver=True), lines, 80, 1)
        without, _ = searched(game, HashEvaluator(), SearchConfig(algorithm=algorithm, solver=False), lines, 80, 1)
        quiet = ~t.proven.any(1)
        assert quiet.any()
        assert np.array_equal(with_it.visits[quiet], without.visits[quiet])


# Moves that are proven to lose.


class Favours:
    """Wants to play the first of some actions that is legal, and thinks everything else equal."""

    def __init__(self, actions: Sequence[int]) -> None:
        self.actions = actions

    def enter_thread(self, workers: int) -> None:
        pass

    def evaluate(self, question: Question) -> None:
        question.logits[:] = 0.0
        for rank, action in enumerate(reversed(self.actions), 1):
            question.logits[question.legal == action] = 12.0 * rank
        question.wdl[:] = (0.0, 1.0, 0.0)


@pytest.mark.parametrize("simulations", [2, 3, 4, 40])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_move_proven_to_lose_is_neither_played_nor_taught(algorithm: str, simulations: int) -> None:
    """After 1. f3 e5 the net wants to play 2. g4, and sees the mate. Gumbel considers nothing else, to begin with."""
    game = get_game("chess")
    line = Line(game)
    for move in ("f2f3", "e7e5"):
        line.push(game.parse_action(line.state, move))
    blunder = game.parse_action(line.state, "g2g4")
    mate = game.parse_action(game.after(line.state, blunder), "d8h4")
    config = SearchConfig(algorithm=algorithm, solver=True, look_ahead=False, gumbel_considered=1)
    search = set_up(game, Favours([mate, blunder]), config, [line], simulations, 1)
    while search.working().any():
        search.wave()
    result = read_roots(search, [0])
    at = result.legal[0, : int(result.count[0])].tolist().index(blunder)
    assert result.prior[0, at] > 0.99
    assert int(result.visits[0, at]) == 2
    assert result.q[0, at] == -1.0
    assert result.visits[0].sum() == simulations
    assert result.policy[0, at] == 0.0
    assert result.policy[0].sum() == pytest.approx(1.0)
    assert result.action[0] != blunder
    drawn = {int(search.choose(np.zeros(1, np.int64), np.ones(1, np.float32))[0]) for _ in range(100)}
    assert blunder not in drawn
