"""One game as it is played: results, repetition, the cap, resignation, history."""

from __future__ import annotations

import numpy as np
import pytest
from shuttle import BURN, GAME, LEFT, MATCHES, RIGHT, TIME

from pawnzero.errors import UsageError
from pawnzero.games import get_game
from pawnzero.games.base import MAX_PLIES, ONGOING, REPETITION, RESIGNATION
from pawnzero.games.conformance import random_lines
from pawnzero.games.line import Line

ROUND = [RIGHT, RIGHT, LEFT, LEFT]
"""Both shuttles go to the right and come back: four plies after which the position is the same."""


def test_a_new_line_stands_at_the_start():
    line = Line(GAME)
    assert (line.state == GAME.initial()).all()
    assert (line.actions, line.repeated, line.player, line.ending, line.over) == ([], [0], 0, ONGOING, False)
    assert line.legal.tolist() == [RIGHT, BURN]
    assert line.legal.dtype == np.int16
    assert len(line.states) == len(line.keys) == 1


@pytest.mark.parametrize(("actions", "result"), [([BURN] * 3, 1), ([RIGHT] + [BURN] * 3, -1)])
def test_result_is_for_player_0(actions, result):
    line = Line.from_actions(GAME, actions)
    assert (line.over, line.ending, line.result) == (True, MATCHES, result)
    assert line.legal.tolist() == []


def test_third_time_of_a_position_is_a_draw():
    line = Line.from_actions(GAME, ROUND)
    assert line.repeated == [0, 0, 0, 0, 1]
    assert not line.over
    for action in ROUND:
        assert not line.over
        line.push(action)
    assert line.repeated == [0, 0, 0, 0, 1, 1, 1, 1, 1]
    assert (line.ending, line.result) == (REPETITION, 0)
    assert line.legal.tolist() == []


def test_repetition_counts_from_a_position_that_was_not_the_first():
    line = Line.from_actions(GAME, [RIGHT, BURN, *ROUND, *ROUND[:3]])
    assert line.ending == ONGOING
    line.push(ROUND[3])
    assert line.ending == REPETITION


def test_what_lies_before_the_last_irreversible_move_is_not_looked_at():
    class Forgetful(type(GAME)):
        """Says that nothing before the last two plies can come again."""

        def inspect(self, positions):
            super().inspect(positions)
            positions.reversible[:] = np.minimum(positions.reversible, 3)

    assert Line.from_actions(Forgetful(), ROUND * 2).repeated == [0] * 9


def test_past_keys_reach_back_to_the_last_irreversible_move():
    line = Line.from_actions(GAME, [RIGHT, BURN, RIGHT, RIGHT, LEFT])
    assert line.past_keys().tolist() == line.keys[2:5]
    assert line.past_keys().dtype == np.uint64
    assert Line.from_actions(GAME, [RIGHT, BURN]).past_keys().tolist() == []
    # The clock says that the plies before the start could be taken back too, but the line knows none of them.
    line = Line(GAME, GAME.parse("0,0,0,3,0"))
    for action in ROUND:
        line.push(action)
        assert line.past_keys().tolist() == line.keys[:-1]


def test_cap_draws_but_the_rules_come_first():
    line = Line.from_actions(GAME, [RIGHT, RIGHT], max_plies=2)
    assert (line.ending, line.result, line.legal.tolist()) == (MAX_PLIES, 0, [])
    assert Line.from_actions(GAME, [BURN] * 3, max_plies=3).ending == MATCHES
    assert Line.from_actions(GAME, ROUND * 2, max_plies=8).ending == REPETITION
    assert Line.from_actions(GAME, ROUND * 2, max_plies=9).ending == REPETITION
    assert Line.from_actions(GAME, ROUND * 2, GAME.parse("0,0,0,4,0"), max_plies=8).ending == TIME


@pytest.mark.parametrize(("actions", "result"), [([], -1), ([RIGHT], 1)])
def test_resigning_loses(actions, result):
    line = Line.from_actions(GAME, actions)
    line.resign()
    assert (line.over, line.ending, line.result) == (True, RESIGNATION, result)
    with pytest.raises(UsageError, match="resignation"):
        line.push(BURN)
    with pytest.raises(UsageError, match="nothing to resign"):
        line.resign()


def test_an_illegal_action_changes_nothing():
    line = Line.from_actions(GAME, [RIGHT, BURN])
    before = list(line.actions), list(line.keys), list(line.repeated), line.legal.tolist()
    for action in (3, -1, 99999):
        with pytest.raises(UsageError, match=f"action {action} is not legal in 1,0,1,0,0: expected one of 0, 1, 2"):
            line.push(action)
    assert (line.actions, line.keys, line.repeated, line.legal.tolist()) == before
    line.push(BURN)
    line.push(BURN)
    with pytest.raises(UsageError, match="has ended"):
        line.push(BURN)


def test_a_line_may_start_anywhere_even_at_the_end():
    line = Line(GAME, GAME.parse("2,1,1,4,1"))
    assert (line.player, line.legal.tolist()) == (1, [LEFT, RIGHT, BURN])
    ended = Line(GAME, GAME.parse("2,1,3,0,1"))
    assert (ended.ending, ended.result) == (MATCHES, 1)


def test_history_is_newest_first_and_zero_before_the_start():
    line = Line.from_actions(GAME, ROUND)
    states, repeated, length = line.history(3)
    assert (length, repeated.tolist()) == (3, [1, 0, 0])
    assert (states == np.stack(line.states[:1:-1])).all()
    states, repeated, length = line.history(8)
    assert (length, repeated.tolist()) == (5, [1, 0, 0, 0, 0, 0, 0, 0])
    assert (states[:5] == np.stack(line.states[::-1])).all()
    assert not states[5:].any()
    assert (states.dtype, repeated.dtype) == (np.uint64, np.uint8)
    assert (line.history(1)[0][0] == line.state).all()


def test_repetition_in_chess_is_python_chess_s():
    import chess

    game = get_game("chess")
    thirds = 0
    for line in random_lines(game, 2500, seed=5):
        board = chess.Board()
        for ply, action in enumerate(line.actions):
            assert not board.is_repetition(3)
            board.push_uci(game.format_action(line.states[ply], action))
            assert line.repeated[ply + 1] == board.is_repetition(2), board.fen()
        assert (line.ending == REPETITION) == board.is_repetition(3)
        thirds += line.ending == REPETITION
    assert thirds > 5
