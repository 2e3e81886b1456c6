"""`check_game` notices each way in which a game shows its positions wrongly: to a net, turned over, or as a diagram."""

from __future__ import annotations

import numpy as np
import pytest
from shuttle import BURN, LEFT, RIGHT, Shuttle

from pawnzero.games import get_game
from pawnzero.games.conformance import check_game
from pawnzero.games.tic_tac_toe import TicTacToe

CHESS = get_game("chess")


class Passing(Shuttle):
    """At the track's end a shuttle may stay where it is, and a net is not shown who is to move: to the mover it is the same."""

    def inspect(self, positions):
        super().inspect(positions)
        ongoing = positions.count > 0
        positions.legal[ongoing] = LEFT, RIGHT, BURN
        positions.count[ongoing] = 3

    def encode(self, history, repeated, length, bits, scalars):
        super().encode(history, repeated, length, bits, scalars)
        scalars[:, 2] = 1


class BlindToWhoMayGoRight(Passing):
    """their planes are the same, their legal actions not"""

    def inspect(self, positions):
        super().inspect(positions)
        bound = (positions.state[:, 4] == 1) & (positions.count == 3)
        positions.legal[bound, 1] = BURN
        positions.count[bound] = 2


def test_the_same_position_with_the_players_exchanged_may_look_the_same():
    check_game(Passing())


class LabelsAbove(TicTacToe):
    """draw shows \\['a', 'b', 'c'\\] on the squares"""

    def draw(self, state):
        return "a b c\n" + super().draw(state)


class SaysItFlips(TicTacToe):
    """flips_board is True, but planes look more like those of the ply before as they stand"""

    flips_board = True


class SaysItDoesNotFlip(type(CHESS)):
    """flips_board is False, but planes look more like those of the ply before turned upside down"""

    flips_board = False


class NobodyMayBeTurned(TicTacToe):
    """symmetry 1 was never tried"""

    def symmetric(self, scalars):
        return np.zeros(len(scalars), bool)


class StartsOfNoUse(type(CHESS)):
    """symmetry 1 was never tried"""

    turned_starts = type(CHESS).turned_starts[:1]


class NotOfThisSymmetry(type(CHESS)):
    """turning changes the legal actions"""

    action_map = np.stack([CHESS.action_map[0], CHESS.action_map[0]])


@pytest.mark.parametrize(
    "fault",
    [BlindToWhoMayGoRight, LabelsAbove, SaysItFlips, SaysItDoesNotFlip, NobodyMayBeTurned, StartsOfNoUse, NotOfThisSymmetry],
    ids=lambda fault: fault.__name__,
)
def test_a_broken_view_is_noticed(fault):
    with pytest.raises(AssertionError, match=fault.__doc__):
        check_game(fault(), plies=400)
