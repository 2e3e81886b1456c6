"""Judging: the truth is the truth, mistakes are counted as documented, and what is stored survives tears."""

from __future__ import annotations

import sys
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from pawnzero.arena.players import Forfeit, NetPlayer, Player, RandomPlayer
from pawnzero.config import SearchConfig
from pawnzero.errors import UsageError
from pawnzero.games import get_game
from pawnzero.games.base import ONGOING
from pawnzero.games.line import Line
from pawnzero.judge import judge, read_positions, sample_positions, solver_for
from pawnzero.judge.solvers import NO_MOVE, BitBullySolver, EnumeratedSolver, Solver
from pawnzero.judge.store import Store
from pawnzero.wilson import wilson
from tests.games.shuttle import LEFT, MATCHES, Shuttle

TTT = get_game("tic_tac_toe")
FOUR = get_game("connect_four")
SOLVER = EnumeratedSolver(TTT)
ALL = SOLVER.all_lines()
THREES = ("012", "345", "678", "036", "147", "258", "048", "246")


@lru_cache(maxsize=None)
def worth(board: str):
    """Tic-tac-toe solved on strings: (outcome for the player to move, plies to the end) with best play."""
    if any({board[int(cell)] for cell in three} in ({"x"}, {"o"}) for three in THREES):
        return -1, 0
    if "." not in board:
        return 0, 0
    return max((better(move) for move in moves(board)), key=lambda told: (told[0], -told[0] * told[1]))


def moves(board: str):
    """(outcome, plies to the end) of each free cell, for the player to move."""
    mover = "x" if board.count("x") == board.count("o") else "o"
    for cell in range(9):
        if board[cell] == ".":
            yield worth(board[:cell] + mover + board[cell + 1 :])


def better(told):
    outcome, plies = told
    return -outcome, plies + 1


def written(line: Line) -> str:
    return TTT.format(line.state)[:-2].replace("/", "")


def test_tic_tac_toe_is_solved():
    assert len(ALL) == 4520
    scores = SOLVER.scores(np.stack([line.state for line in ALL]))
    for line, row in zip(ALL, scores):
        truth = [better(told) for told in moves(written(line))]
        assert row[: len(truth)].tolist() == [outcome * (30_000 - plies) for outcome, plies in truth]
        assert (row[len(truth) :] == NO_MOVE).all()
    assert SOLVER.longest == 9


class Walk(Shuttle):
    """A game of one path, whose 151st ply wins."""

    max_reversible = 0

    def inspect(self, positions):
        clock = positions.state[:, 3]
        positions.legal[:, 0] = LEFT
        positions.key[:] = clock
        positions.ending[:] = np.where(clock == 151, MATCHES, ONGOING)
        positions.count[:] = clock < 151


def test_a_win_is_one_however_far_away():
    game = Walk()
    states = np.array([[0, 0, 0, clock, clock % 2] for clock in (0, 1, 149, 150)], np.uint64)
    assert EnumeratedSolver(game).scores(states)[:, 0].tolist() == [29_849, -29_850, -29_998, 29_999]


class Chooser(Player):
    """Plays what `choice` picks from the scores of the legal moves, and says a value where it has one."""

    def __init__(self, choice, value=None):
        self.name, self.details = "chooser", {}
        self._choice, self._value = choice, value

    def choose(self, lines, numbers=()):
        scores = SOLVER.scores(np.stack([line.state for line in lines]))
        picks = [self._choice(row[: len(line.legal)]) for line, row in zip(lines, scores)]
        return [pick if isinstance(pick, Forfeit) else int(line.legal[pick]) for line, pick in zip(lines, picks)]

    def assess(self, lines):
        if self._value is None:
            return super().assess(lines)
        best = np.sign(SOLVER.scores(np.stack([line.state for line in lines])).max(axis=1))
        value = np.array([self._value(int(outcome)) for outcome in best], np.float32)
        return self.choose(lines), np.stack([(1 + value) / 2, np.zeros_like(value), (1 - value) / 2], axis=1)


def outcomes(board):
    return {better(told)[0] for told in moves(board)}


INFORMATIVE = [line for line in ALL if len(outcomes(written(line))) > 1]


def test_perfect_play_has_no_mistakes():
    found = judge(Chooser(np.argmax), ALL, SOLVER).to_json()
    assert (found["positions"], found["mistakes"], found["mistake_rate"]) == (4520, 0, 0.0)
    assert found["fastest_win_rate"] == 1.0
    assert found["informative"] == len(INFORMATIVE)
    assert found["won"] == sum(worth(written(line))[0] > 0 for line in ALL)
    assert found["value_sign_accuracy"] is None
    pieces = [9 - written(line).count(".") for line in ALL]
    expected = {
        "opening": sum(n < 3 for n in pieces),
        "middle": sum(3 <= n < 6 for n in pieces),
        "end": sum(n > 5 for n in pieces),
    }
    assert {name: figures["positions"] for name, figures in found["phases"].items()} == expected


@pytest.mark.parametrize("choice", [np.argmin, lambda scores: Forfeit("no idea")], ids=["worst", "forfeit"])
def test_the_worst_play_errs_wherever_it_can(choice):
    found = judge(Chooser(choice), ALL, SOLVER).to_json()
    assert found["mistakes"] == found["informative"] == len(INFORMATIVE)
    assert found["informative_mistake_rate"] == 1.0
    assert found["mistake_rate"] == len(INFORMATIVE) / 4520
    kinds = dict.fromkeys(("won_to_drawn", "won_to_lost", "drawn_to_lost"), 0)
    names = {(1, 0): "won_to_drawn", (1, -1): "won_to_lost", (0, -1): "drawn_to_lost"}
    for line in INFORMATIVE:
        told = outcomes(written(line))
        kinds[names[max(told), min(told)]] += 1
    assert {name: found[name] for name in kinds} == kinds
    for name in ("positions", "mistakes", "informative", "won", *kinds):
        assert sum(figures[name] for figures in found["phases"].values()) == found[name]


def test_a_slow_win_is_no_mistake():
    line = Line.from_actions(TTT, [4, 1, 0, 8, 6])  # the opponent has lost in any case: two ways to three in a row
    line = Line.from_actions(TTT, [*line.actions, 7])  # x to move: cells 2 and 3 win at once
    scores = SOLVER.scores(line.state[np.newaxis])[0, : len(line.legal)]
    slow = [int(action) for action, score in zip(line.legal, scores) if 0 < score < scores.max()]

    class Slow(RandomPlayer):
        def choose(self, lines, numbers=()):
            return slow[:1] * len(lines)

    found = judge(Slow(), [line], SOLVER).to_json()
    assert (found["mistakes"], found["won"], found["fastest_win_rate"]) == (0, 1, 0.0)


@pytest.mark.parametrize(
    ("value", "right"),
    [
        (lambda outcome: outcome, {1, 0, -1}),
        (lambda outcome: -outcome, {0}),
        (lambda outcome: 0.1 * outcome + 0.32 * (outcome == 0), {1, 0, -1}),
        (lambda outcome: 0.34, {1}),
        (lambda outcome: -0.34, {-1}),
        (lambda outcome: 0.0, {0}),
    ],
)
def test_value_sign_accuracy_is_as_documented(value, right):
    found = judge(Chooser(np.argmax, value), ALL, SOLVER).to_json()
    assert found["value_sign_accuracy"] == pytest.approx(sum(worth(written(line))[0] in right for line in ALL) / 4520)


def test_rates_have_intervals_where_they_are_of_a_sample():
    judged = judge(RandomPlayer(1), ALL[::40], SOLVER)
    found, whole = judged.to_json(), judged.to_json(sampled=False)
    low, high = wilson(found["mistakes"], found["positions"])
    assert (found["mistake_rate_low"], found["mistake_rate_high"]) == (low, high)
    low, high = wilson(found["mistakes"], found["informative"])
    assert (found["informative_mistake_rate_low"], found["informative_mistake_rate_high"]) == (low, high)
    assert found["fastest_win_rate_low"] < found["fastest_win_rate"] < found["fastest_win_rate_high"]
    assert found["value_sign_accuracy_low"] is found["value_sign_accuracy_high"] is None
    assert found["phases"]["end"]["mistake_rate_high"] > found["mistake_rate_high"] - found["mistake_rate_low"] > 0
    assert whole["mistake_rate"] == found["mistake_rate"]
    assert whole["mistake_rate_low"] is whole["phases"]["end"]["mistake_rate_high"] is None
    none = judge(Chooser(np.argmax), ALL[::40], SOLVER).to_json()
    assert none["mistake_rate"] == none["mistake_rate_low"] == 0.0
    assert 0.01 < none["mistake_rate_high"] < 0.05


class Truth:
    """A net that knows: the best move has the highest logit, and the outcome is certain."""

    def enter_thread(self, workers):
        pass

    def evaluate(self, question):
        scores = SOLVER.scores(question.bits)  # tic-tac-toe's planes are its state
        question.logits[:] = scores[:, : question.legal.shape[1]] / 100
        question.wdl[:] = np.eye(3, dtype=np.float32)[1 - np.sign(scores.max(axis=1))]


@pytest.mark.parametrize("simulations", [0, 16])
def test_a_net_that_knows_is_never_wrong(simulations):
    player = NetPlayer(TTT, Truth(), name="truth", simulations=simulations, search=SearchConfig())
    found = judge(player, ALL[::7], SOLVER).to_json()
    assert found["mistakes"] == 0
    assert found["value_sign_accuracy"] == 1.0


def test_a_random_mover_errs_as_often_as_chance_would():
    rates = [np.mean([told[0] < worth(written(line))[0] for told in map(better, moves(written(line)))]) for line in ALL]
    found = judge(RandomPlayer(1), ALL, SOLVER).to_json()
    assert found["mistake_rate"] == pytest.approx(np.mean(rates), abs=0.03)


def test_a_game_without_a_solver():
    with pytest.raises(UsageError, match="chess: no perfect play to judge by; expected one of connect_four, tic_tac_toe"):
        solver_for(get_game("chess"))


class Reckless(Solver):
    """Takes connect four's first legal column for the best: cheap, and nothing random about it."""

    game, longest = FOUR, 42

    def scores(self, states):
        out = np.full((len(states), 7), NO_MOVE, np.int16)
        for b, state in enumerate(states):
            count = int(FOUR.look(state).count[0])
            out[b, :count] = -np.arange(count)
        return out


def test_a_sample_is_distinct_evenly_spread_and_fixed_by_its_seed():
    lines = sample_positions(Reckless(), 301, seed=3)
    plies = [len(line.actions) for line in lines]
    assert [sum(low <= ply < low + 14 for ply in plies) for low in (0, 14, 28)] == [101, 100, 100]
    assert plies[:101] == [ply for ply in plies if ply < 14]
    assert len(set(plies)) > 15
    assert len({line.keys[-1] for line in lines}) == 301
    assert not any(line.over for line in lines)
    assert all(len(line.states) == len(line.actions) + 1 for line in lines)
    again, other = (sample_positions(Reckless(), 301, seed) for seed in (3, 4))
    assert [line.actions for line in again] == [line.actions for line in lines]
    assert len({line.keys[-1] for line in lines + other}) > 500


def test_games_of_a_sample_go_wrong_after_their_beginning_too():
    mistakes = 0
    for line in sample_positions(SOLVER, 60, seed=2):
        for state, action in list(zip(line.states, line.actions))[4:]:
            scores = SOLVER.scores(state[np.newaxis])[0]
            legal = TTT.look(state).legal[0].tolist()
            mistakes += np.sign(scores[legal.index(action)]) < np.sign(scores.max())
    assert mistakes > 5


def test_a_file_of_positions(tmp_path):
    path = tmp_path / "positions.txt"
    path.write_text("\ufeff44455 3\n\n# a comment\n  startpos\n1 1 1\n", encoding="utf-8")
    assert [line.actions for line in read_positions(FOUR, path)] == [[3, 3, 3, 4, 4], [], [0]]
    path.write_text("5\n519\n", encoding="utf-8")
    assert [line.actions for line in read_positions(TTT, path)] == [[4], [4, 0, 8]]


def test_the_openings_that_nets_are_compared_on_can_be_read():
    lines = read_positions(FOUR, Path(__file__).parents[2] / "docs" / "experiments" / "connect_four_openings.txt")
    assert len({line.keys[-1] for line in lines}) == 3000
    assert {len(line.actions) for line in lines} == set(range(12))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("44455\n448\n", "line 2: '448', move '8' in .*: expected one of the columns 1, 2, 3, 4, 5, 6, 7"),
        ("# x\n\n1111111", "line 3: '1111111', move '1' in .*: expected one of the columns 2, 3, 4, 5, 6, 7"),
        ("1212121", r"line 1: '1212121' is over \(four in a row\)"),
        ("12121213", "line 1: '12121213', move '3' in"),
        ("4445x5", "line 1: '4445x5', move 'x' in"),
        ("# nothing\n", "holds no position"),
        (b"\xff\xfe\x00", "is not text"),
    ],
)
def test_bad_lines_are_named(tmp_path, text, told):
    path = tmp_path / "positions.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UsageError, match=f"positions.txt: {told}") as caught:
        read_positions(FOUR, path)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match=r"none\.txt: cannot be read"):
        read_positions(FOUR, tmp_path / "none.txt")


def filled(path: Path, keys) -> Store:
    store = Store(path)
    for key in keys:
        store.put(key, [key, -key, 0])
    store.save()
    return store


def known(path: Path, keys):
    store = Store(path)
    assert all(store.get(key) == [key, -key, 0] for key in keys if key in store)
    return {key for key in keys if key in store}


def test_what_is_stored_is_found_again_by_others(tmp_path):
    path = tmp_path / "solved" / "game.txt"
    filled(path, [1, 2**63])
    filled(path, [3])
    assert known(path, [1, 2**63, 3, 4]) == {1, 2**63, 3}
    size = path.stat().st_size
    filled(path, [])
    assert path.stat().st_size == size


def test_a_torn_store_loses_torn_lines_alone(tmp_path):
    path = tmp_path / "game.txt"
    filled(path, [1, 2, 3])
    whole = path.read_bytes()
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        filled(path, [4, 5])
        found = known(path, range(10))
        assert found >= {4, 5}
        assert found - {4, 5} == {key for key in (1, 2, 3) if cut >= whole.index(b"%016x" % key) + len(whole) // 3 - 1}, cut
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 2]) + whole[at + 1 :])
        assert len(known(path, range(10))) >= 1


def test_a_store_that_cannot_be_written_does_without(tmp_path):
    (tmp_path / "file").write_text("")
    store = filled(tmp_path / "file" / "game.txt", [7])
    assert store.get(7) == [7, -7, 0]


@pytest.fixture(scope="module")
def bully(tmp_path_factory):
    pytest.importorskip("bitbully", reason="bitbully has no wheel for this Python or machine (pip install bitbully)")
    return BitBullySolver(FOUR, Store(tmp_path_factory.mktemp("solved") / "connect_four.txt"))


def four(columns: str) -> Line:
    return Line.from_actions(FOUR, [int(column) - 1 for column in columns])


def test_the_empty_board_is_won_from_the_middle(bully):
    assert bully.scores(four("").state[np.newaxis]).tolist() == [[-2, -1, 0, 1, 0, -1, -2]]


def test_moves_that_are_not_legal_have_no_score(bully):
    scores = bully.scores(np.stack([four("444444").state, four("121212").state]))
    assert scores[0, 6] == NO_MOVE
    assert (scores[0, :6] > NO_MOVE).all()
    assert scores[1].argmax() == 0  # the fourth in the first column
    assert scores[1, 0] == 18  # with the first player's fourth piece


def naive(line: Line, below: int = -99, above: int = 99) -> int:
    """What a late position is worth, by trying everything: bitbully's scale."""
    if line.over:
        return -(22 - (len(line.actions) + 1) // 2) if line.ending == 4 else 0
    best = -99
    for action in line.legal:
        best = max(best, -naive(Line.from_actions(FOUR, [*line.actions, int(action)]), -above, -max(below, best)))
        if best >= above:
            break
    return best


def test_late_positions_are_solved_as_by_trying_everything(bully):
    lines = [line for line in sample_positions(Reckless(), 300, seed=1) if len(line.actions) >= 32][:12]
    assert len(lines) >= 8
    scores = bully.scores(np.stack([line.state for line in lines]))
    for line, row in zip(lines, scores):
        truth = [-naive(Line.from_actions(FOUR, [*line.actions, int(action)])) for action in line.legal]
        assert row[: len(truth)].tolist() == truth, FOUR.format(line.state)
        assert (row[len(truth) :] == NO_MOVE).all()


def test_solved_positions_need_no_solver_again(tmp_path, monkeypatch):
    pytest.importorskip("bitbully", reason="bitbully has no wheel for this Python or machine (pip install bitbully)")
    path = tmp_path / "connect_four.txt"
    states = np.stack([four("44455").state, four("1234567").state])
    scores = BitBullySolver(FOUR, Store(path)).scores(states)
    for name in ("bitbully", "bitbully.bitbully_core"):
        monkeypatch.setitem(sys.modules, name, None)
    again = BitBullySolver(FOUR, Store(path))
    assert (again.scores(states) == scores).all()
    with pytest.raises(ModuleNotFoundError):
        again.scores(four("444555").state[np.newaxis])


def test_connect_four_is_judged_by_phase(bully):
    lines = [four(columns) for columns in ("", "444444", "4455", "1122335566", "11223355661122")]
    found = judge(RandomPlayer(0), lines, bully).to_json()
    assert found["positions"] == 5
    assert {name: figures["positions"] for name, figures in found["phases"].items()} == {"opening": 4, "middle": 1}
