"""Every game keeps the contract, and `check_game` notices each way of breaking it."""

from __future__ import annotations

import numpy as np
import pytest
from shuttle import GAME, MATCHES, Shuttle

from pawnzero import games
from pawnzero.games import GAME_NAMES, get_game
from pawnzero.games.base import REPETITION
from pawnzero.games.conformance import check_game, random_lines
from pawnzero.games.tic_tac_toe import TicTacToe

SHUTTLE = Shuttle()


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


class OverlooksAWin(Shuttle):
    """wins_at_once gives -1 in .*, where .* wins"""

    def wins_at_once(self, positions):
        return np.full(len(positions), -1, np.int16)


class ClaimsAWin(Shuttle):
    """wins_at_once gives 0 in .*, where no action wins"""

    def wins_at_once(self, positions):
        return np.maximum(super().wins_at_once(positions), 0).astype(np.int16)


class WinsInPlace(Shuttle):
    """wins_at_once changed its input"""

    def wins_at_once(self, positions):
        found = super().wins_at_once(positions)
        positions.legal[:, 0] = found
        return found


class WinsByUnlistedActions(Shuttle):
    """wins_at_once gives 2, which is not listed"""

    def wins_at_once(self, positions):
        whole = self.allocate(len(positions))
        whole.state[:] = positions.state
        self.inspect(whole)
        return super().wins_at_once(whole)


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


class MoreLegalThanDeclared(Shuttle):
    """count 3 in .*, max_legal is 2"""

    max_legal = 2

    def inspect(self, positions):
        roomy = Shuttle.allocate(SHUTTLE, len(positions))
        roomy.state[:] = positions.state
        super().inspect(roomy)
        for name in ("count", "ending", "key", "reversible"):
            getattr(positions, name)[:] = getattr(roomy, name)
        positions.legal[:] = roomy.legal[:, :2]


class InvisiblePlane(Shuttle):
    """plane_scale of plane 2 is 0"""

    plane_scale = np.where(np.arange(len(Shuttle.plane_scale)) == 2, 0.0, Shuttle.plane_scale).astype(np.float32)


class OneSide(Shuttle):
    """sides \\('left',\\): expected two names"""

    sides = ("left",)


class NoUsualStart(Shuttle):
    """parse\\('startpos'\\) is refused"""

    def parse(self, text):
        return super().parse(text + "," * (text == "startpos"))


class OtherErrors(Shuttle):
    """parse\\('no such position'\\) raises ValueError"""

    def parse(self, text):
        return super().parse(text) if text == "startpos" else np.array([int(word) for word in text.split(",")], np.uint64)


class TwoWords(Shuttle):
    """an action is written 'to [a-z]+', expected one word that is neither a number with a dot nor a result"""

    def format_action(self, state, action):
        return "to " + super().format_action(state, action)

    def parse_action(self, state, text):
        return super().parse_action(state, text.rpartition(" ")[2])


class WrittenAsResult(Shuttle):
    """an action is written '1-0', expected one word that is neither a number with a dot nor a result"""

    def format_action(self, state, action):
        return "1-0" if action == 0 else super().format_action(state, action)

    def parse_action(self, state, text):
        return 0 if text == "1-0" else super().parse_action(state, text)


FAULTS = [fault for fault in Shuttle.__subclasses__() if fault.__module__ == __name__]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_broken_game_is_noticed(fault):
    """The docstring of each broken game is what the complaint must say."""
    with pytest.raises(AssertionError, match=fault.__doc__):
        check_game(fault(), plies=400)


def test_a_game_is_called_as_it_is_listed(monkeypatch):
    monkeypatch.setitem(games._MODULES, "noughts", "pawnzero.games.tic_tac_toe")
    with pytest.raises(AssertionError, match="its name is 'tic_tac_toe', expected 'noughts'"):
        get_game("noughts")


def test_too_many_actions_do_not_reach_the_memory_of_others():
    """Kernels check no bounds: what they write behind the last position must be of the same array."""
    legal = TicTacToe().allocate(3).legal
    assert legal.base.size >= legal.size + 9
