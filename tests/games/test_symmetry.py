"""Symmetries: the tables, the kernel, and that a search of a turned position is the turned search."""

from __future__ import annotations

import dataclasses

import chess
import numpy as np
import pytest

from pawnzero.config import SearchConfig
from pawnzero.games import GAME_NAMES, get_game
from pawnzero.games.line import Line, encode_lines
from pawnzero.games.symmetry import mirrored, square, turn
from pawnzero.games.symmetry_checks import check_symmetry_tables, check_turned, turned_pairs
from pawnzero.games.tic_tac_toe import TicTacToe
from pawnzero.search import Searcher
from tests.search.naive import HashEvaluator

CHESS = get_game("chess")
NO_CASTLING = (
    "r1bq1k1r/pp1n1ppp/2p1pn2/3p4/1bPP4/2NBPN2/PP3PPP/R1BQ1K1R w - - 4 9",
    "4k3/P6p/8/3pP3/8/8/p6P/4K3 w - d6 0 1",
    "8/1P4k1/8/2q5/8/8/1K4p1/5N2 b - - 7 60",
    "8/8/3k4/8/2K5/8/4R3/8 w - - 97 80",
)


def mirrored_fen(fen: str) -> str:
    return chess.Board(fen).transform(chess.flip_horizontal).fen(en_passant="fen")


def test_mirrored_columns():
    assert mirrored(3)[1, [0, 1, 2, 3, 8, 9, 10, 58]].tolist() == [2, 1, 0, 3, 10, 9, 8, 56]
    assert (mirrored(8)[1] == np.arange(64) ^ 7).all()


def test_a_square_is_turned_in_eight_ways():
    corner_edge_and_next = square(3)[:, [0, 1, 2]].tolist()
    assert sorted(corner_edge_and_next) == sorted(
        [[0, 1, 2], [2, 1, 0], [16, 17, 18], [18, 17, 16], [0, 8, 16], [16, 8, 0], [2, 10, 18], [18, 10, 2]]
    )


@pytest.mark.parametrize(("name", "count"), [("chess", 2), ("connect_four", 2), ("tic_tac_toe", 8)])
def test_games_declare_their_symmetries(name, count):
    assert get_game(name).symmetries == count
    check_symmetry_tables(get_game(name))


def test_chess_actions_are_mirrored_as_python_chess_mirrors_moves():
    for fen in NO_CASTLING:
        state, other = CHESS.parse(fen), CHESS.parse(mirrored_fen(fen))
        at = CHESS.look(state)
        for action in at.legal[0, : at.count[0]]:
            name = CHESS.format_action(state, action)
            flipped = name.translate(str.maketrans("abcdefgh", "hgfedcba"))[:4] + name[4:]
            assert CHESS.parse_action(other, flipped) == CHESS.action_map[1, action]


@pytest.mark.parametrize("fen", NO_CASTLING)
def test_chess_without_castling_is_symmetric(fen):
    check_turned(CHESS, 1, CHESS.parse(fen), CHESS.parse(mirrored_fen(fen)), plies=300)


def test_castling_rights_forbid_turning():
    for rights, expected in (("K", False), ("Q", False), ("k", False), ("q", False), ("KQkq", False), ("-", True)):
        for side in "wb":
            line = Line(CHESS, CHESS.parse(f"r3k2r/8/8/8/8/8/8/R3K2R {side} {rights} - 0 1"))
            _, scalars, _, _ = encoded(line)
            assert CHESS.symmetric(scalars).tolist() == [expected]
    after = Line(CHESS, CHESS.parse("r3k2r/8/8/8/8/8/8/R3K2R w KQ - 0 1"))
    after.push(CHESS.parse_action(after.state, "e1g1"))
    assert CHESS.symmetric(encoded(after)[1]).tolist() == [True]


def encoded(line: Line):
    """bits, scalars, legal and count of a line's position, as a batch of one."""
    game = line.game
    at = game.look(line.state)
    return (*encode_lines(game, [line]), at.legal.copy(), at.count)


@pytest.mark.parametrize("name", GAME_NAMES)
def test_turning_is_a_permutation_of_cells_and_actions(name):
    """Against the tables, cell by cell; rows of a batch do not feel each other, and nothing past `count` is touched."""
    game = get_game(name)
    random = np.random.default_rng(0)
    bits = random.integers(0, 2**64, (30, game.bit_planes), np.uint64)
    legal = random.integers(0, game.num_actions, (30, game.max_legal)).astype(np.int16)
    count, which = random.integers(0, game.max_legal + 1, 30).astype(np.int16), np.arange(30, dtype=np.uint8) % game.symmetries
    before = bits.copy(), legal.copy()
    turn(bits, legal, count, which, game.cell_map, game.action_map)
    for b, k in enumerate(which):
        for plane in range(0, game.bit_planes, 7):
            old, new = int(before[0][b, plane]), int(bits[b, plane])
            assert all((old >> cell & 1) == (new >> int(game.cell_map[k, cell]) & 1) for cell in range(64))
        assert (legal[b, : count[b]] == game.action_map[k][before[1][b, : count[b]]]).all()
        assert (legal[b, count[b] :] == before[1][b, count[b] :]).all()


class Equivariant:
    """Answers for a position as for each of its turned forms: the mean of a hash over all of them, exact in any order."""

    def __init__(self, game):
        self.game = game

    def enter_thread(self, workers):
        pass

    def evaluate(self, question):
        logits, wdl = np.zeros(question.logits.shape), np.zeros(question.wdl.shape)
        for k in range(self.game.symmetries):
            turned = dataclasses.replace(question, bits=question.bits.copy(), legal=question.legal.copy())
            which = np.full(len(question), k, np.uint8)
            turn(turned.bits, turned.legal, turned.count, which, self.game.cell_map, self.game.action_map)
            HashEvaluator().evaluate(turned)
            logits += question.logits
            wdl += question.wdl
        question.logits[:], question.wdl[:] = logits / self.game.symmetries, wdl / self.game.symmetries


def pairs(game):
    """(symmetry, a line of a few random plies, the same line turned)."""
    random = np.random.default_rng(3)
    for symmetry in range(1, game.symmetries):
        for start, turned in turned_pairs(game, symmetry):
            for _ in range(3):
                line = Line(game, start)
                while len(line.actions) < 5 and not line.over:
                    line.push(int(random.choice(line.legal)))
                if not line.over:
                    actions = game.action_map[symmetry][line.actions]
                    yield symmetry, line, Line.from_actions(game, actions.tolist(), turned)


@pytest.mark.parametrize("name", GAME_NAMES)
def test_a_search_of_the_turned_position_is_the_turned_search(name):
    game = get_game(name)
    config = dataclasses.replace(SearchConfig(), algorithm="puct", solver=False, leaves_per_tree=1)
    searcher = Searcher(game, Equivariant(game), config, 200)
    tried = 0
    for symmetry, line, turned in pairs(game):
        found = searcher.run([line, turned])
        visits = [dict(zip(found.legal[row, : found.count[row]].tolist(), found.visits[row].tolist())) for row in (0, 1)]
        assert visits[1] == {int(game.action_map[symmetry, action]): n for action, n in visits[0].items()}
        assert found.root_wdl[0].tolist() == pytest.approx(found.root_wdl[1].tolist(), abs=1e-5)
        assert sum(visits[0].values()) == 200
        tried += len(set(visits[0].values())) > 1
    assert tried >= 3


class NotTheFirst(TicTacToe):
    """symmetry 0 must change nothing"""

    cell_map, action_map = TicTacToe.cell_map[::-1].copy(), TicTacToe.action_map[::-1].copy()


class OneForgotten(TicTacToe):
    """together are none of the symmetries"""

    symmetries = 7
    cell_map, action_map = TicTacToe.cell_map[:7].copy(), TicTacToe.action_map[:7].copy()


class ActionsOfAnother(TicTacToe):
    """together are none of the symmetries"""

    action_map = TicTacToe.action_map[[0, 2, 1, 3, 4, 5, 6, 7]].copy()


class TheSameTwice(TicTacToe):
    """two symmetries are the same"""

    cell_map, action_map = (
        TicTacToe.cell_map[[0, 0, 2, 2, 4, 4, 6, 6]].copy(),
        TicTacToe.action_map[[0, 0, 2, 2, 4, 4, 6, 6]].copy(),
    )


class NoPermutation(TicTacToe):
    """action_map\\[3\\] is no permutation"""

    action_map = TicTacToe.action_map.copy()
    action_map[3, 0] = action_map[3, 1]


class OffTheBoard(TicTacToe):
    """cell_map\\[1\\] takes a cell off the board"""

    symmetries = 2
    cell_map = mirrored(8)
    action_map = TicTacToe.action_map[[0, 4]].copy()


class AnotherUpsideDown(TicTacToe):
    """symmetry 1 is another one for the other player"""

    flips_board = True


FAULTS = [NotTheFirst, OneForgotten, ActionsOfAnother, TheSameTwice, NoPermutation, OffTheBoard, AnotherUpsideDown]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_broken_tables_are_noticed(fault):
    """The docstring of each broken game is what the complaint must say."""
    with pytest.raises(AssertionError, match=fault.__doc__):
        check_symmetry_tables(fault())


class MirroredActionsAlone(TicTacToe):
    """planes, turned, are not those of the turned position"""

    symmetries = 2
    cell_map = np.tile(np.arange(64, dtype=np.uint8), (2, 1))
    action_map = TicTacToe.action_map[[0, 2]].copy()


class ActionsStay(TicTacToe):
    """planes, turned, are not those of the turned position"""

    symmetries = 2
    cell_map = TicTacToe.cell_map[[0, 2]].copy()
    action_map = TicTacToe.action_map[[0, 0]].copy()


class ListsByHand(TicTacToe):
    """turning changes the legal actions"""

    def inspect(self, positions):
        super().inspect(positions)
        for b in range(len(positions)):
            positions.count[b] -= positions.count[b] > 1


@pytest.mark.parametrize("fault", [MirroredActionsAlone, ActionsStay, ListsByHand], ids=lambda fault: fault.__name__)
def test_symmetries_that_are_none_are_noticed(fault):
    game = fault()
    with pytest.raises(AssertionError, match=fault.__doc__):
        check_turned(game, 1, game.initial(), game.initial())
