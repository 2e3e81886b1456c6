"""Every game keeps the contract, and `check_game` notices each way of breaking it."""

from __future__ import annotations

import numpy as np
import pytest
from shuttle import GAME, MATCHES, Shuttle

from pawnzero.games import GAME_NAMES, get_game
from pawnzero.games.base import REPETITION
from pawnzero.games.conformance import check_game, random_lines


@pytest.mark.parametrize("name", GAME_NAMES)
def test_every_game_conforms(name):
    check_game(get_game(name))


def test_a_game_in_plain_python_conforms():
    check_game(GAME)


def test_same_seed_same_games():
    one, same, other = (random_lines(GAME, 200, seed) for seed in (1, 1, 2))
    assert [line.actions for line in one] == [line.actions for line in same]
    assert [line.actions for line in one] != [line.actions for line in other]
    assert sum(len(line.actions) for line in one) == 200


class OutsideAction(Shuttle):
    """expected 0 to A - 1"""

    def inspect(self, positions):
        super().inspect(positions)
        positions.legal[positions.count > 2, 0] = 3


class ActionTwice(Shuttle):
    """stands twice"""

    def inspect(self, positions):
        super().inspect(positions)
        positions.legal[positions.count > 2, 1] = positions.legal[positions.count > 2, 0]


class PlaysOn(Shuttle):
    """1 legal actions .* ending is 'matches'"""

    def inspect(self, positions):
        super().inspect(positions)
        positions.legal[positions.count == 0, 0] = 2
        positions.count[positions.count == 0] = 1


class Stuck(Shuttle):
    """no legal action in .*, but the game goes on"""

    def inspect(self, positions):
        super().inspect(positions)
        positions.count[positions.state[:, 2] == 2] = 0


class EndsByRepetition(Shuttle):
    """own endings only"""

    def inspect(self, positions):
        super().inspect(positions)
        positions.ending[positions.ending == MATCHES] = REPETITION


class ReversibleTooLarge(Shuttle):
    """reversible 3 .* declared 0 to 2"""

    max_reversible = 2


class ReversibleTooSmall(Shuttle):
    """the key of .* stood 4 plies before, but reversible is 3"""

    def inspect(self, positions):
        super().inspect(positions)
        positions.reversible[:] = np.minimum(positions.reversible, 3)


class ReversibleLeaps(Shuttle):
    """reversible rose from"""

    def inspect(self, positions):
        super().inspect(positions)
        positions.reversible[positions.reversible > 2] = 12


class KeyWithClock(Shuttle):
    """no key ever came again"""

    def inspect(self, positions):
        super().inspect(positions)
        positions.key[:] |= positions.state[:, 3] << np.uint64(8)


class KeyWithoutMatches(Shuttle):
    """the key of .* plies before, but reversible is"""

    def inspect(self, positions):
        super().inspect(positions)
        positions.key[:] &= np.uint64(0x4F)


class KeyWithoutShuttle(Shuttle):
    """equal keys for positions that differ"""

    def inspect(self, positions):
        super().inspect(positions)
        positions.key[:] &= np.uint64(0x7C)


class StepForgetsKeys(Shuttle):
    """step and inspect disagree on key"""

    def step(self, states, actions, out):
        kept = out.key.copy()
        super().step(states, actions, out)
        if len(out) > 1:
            out.key[:] = kept


class OnlyFirstOfABatch(Shuttle):
    """step of a batch reaches other positions"""

    def step(self, states, actions, out):
        super().step(states, actions, out)
        out.state[1:, 3] = 0


class MovesInPlace(Shuttle):
    """step changed its inputs"""

    def step(self, states, actions, out):
        super().step(states, actions, out)
        if len(states) > 1:
            states[:, 3] += np.uint64(1)


class WholeBatchNeeded(Shuttle):
    """inspect of a batch and of its positions one by one disagree on key"""

    def inspect(self, positions):
        super().inspect(positions)
        positions.key[:] |= np.uint64(len(positions) > 1) << np.uint64(8)


class SamePlayer(Shuttle):
    """player\\(\\) is 0 after 1 plies"""

    def player(self, state):
        return 0


class SecondPlayerFirst(Shuttle):
    """player 0 must move first"""

    def player(self, state):
        return 1 - int(state[4])


class TextLosesTheClock(Shuttle):
    """parse"""

    def parse(self, text):
        state = super().parse(text)
        state[3] = 0
        return state


class TextOfTheOtherSide(Shuttle):
    """parse and format turn"""

    def parse(self, text):
        state = super().parse(text)
        state[:2] = state[1::-1].copy()
        return state


class SameNames(Shuttle):
    """are written .* and read as"""

    def format_action(self, state, action):
        return "burn"


class AcceptsAnyText(Shuttle):
    """expected a UsageError that quotes the text"""

    def parse(self, text):
        return super().parse(text if "," in text else "0,0,0,0,0")


class PlanesOffTheBoard(Shuttle):
    """bit plane 2 has bits outside the 2 × 4 board"""

    def encode(self, history, repeated, length, bits, scalars):
        super().encode(history, repeated, length, bits, scalars)
        bits[:, 2] |= np.uint64(1 << 4)


class PlanesNotFilled(Shuttle):
    """scalar plane 3 is not finite or was not filled"""

    def encode(self, history, repeated, length, bits, scalars):
        filled = scalars.copy()
        super().encode(history, repeated, length, bits, filled)
        scalars[:, :3] = filled[:, :3]


class SeesBeforeTheStart(Shuttle):
    """reads history past `length`"""

    def encode(self, history, repeated, length, bits, scalars):
        super().encode(history, repeated, np.full_like(length, 2), bits, scalars)


class BlindToMatches(Shuttle):
    """a net cannot tell"""

    def encode(self, history, repeated, length, bits, scalars):
        super().encode(history, repeated, length, bits, scalars)
        scalars[:, 0] = 0


class SharedOutput(Shuttle):
    """policy_index gives two actions the same output"""

    policy_index = np.array([0, 1, 1], np.int32)


class OutputOutside(Shuttle):
    """policy_index of action 2 is outside the head's 8 outputs"""

    policy_index = np.array([0, 1, 8], np.int32)


class EndingWithoutValue(Shuttle):
    """ending_values is int8 \\(5,\\), expected int8 \\(6,\\)"""

    ending_values = Shuttle.ending_values[:5]


FAULTS = [fault for fault in Shuttle.__subclasses__() if fault.__module__ == __name__]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_broken_game_is_noticed(fault):
    """The docstring of each broken game is what the complaint must say."""
    with pytest.raises(AssertionError, match=fault.__doc__):
        check_game(fault(), plies=400)
