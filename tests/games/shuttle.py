"""A small game in which positions can repeat, in plain Python: for tests of what is said about any game.

Each player has a shuttle on a track of four cells. A move takes one's own shuttle a cell to the left (action 0) or to the right
(1), or burns a match (2), which cannot be undone. Who burns the third match wins; when the clock of moves since the last match
reaches twelve the game is drawn.
"""

from __future__ import annotations

import numpy as np

from pawnzero.errors import UsageError
from pawnzero.games.base import COMMON_ENDING_VALUES, COMMON_ENDINGS, FIRST_OWN_ENDING, ONGOING, Game

LEFT, RIGHT, BURN = range(3)
NAMES = ("left", "right", "burn")
MATCHES, TIME = FIRST_OWN_ENDING, FIRST_OWN_ENDING + 1
CLOCK = 12


class Shuttle(Game):
    """Words: the mover's cell, the opponent's cell, matches burnt, clock, player to move."""

    name = "shuttle"
    state_words = 5
    num_actions = 3
    max_legal = 3
    order_version = 1
    max_reversible = CLOCK
    board_shape = (2, 4)
    history = 2
    bit_planes = 4
    scalar_planes = 4
    plane_scale = np.array([1, 1, 1, 1, 1, 1 / CLOCK, 1, 1], np.float32)
    policy_planes = 1
    policy_index = np.arange(3, dtype=np.int32)
    endings = COMMON_ENDINGS + ("matches", "time")
    ending_values = np.array(COMMON_ENDING_VALUES + (-1, 0), np.int8)

    def initial(self):
        return np.array([0, 0, 0, 0, 0], np.uint64)

    def step(self, states, actions, out):
        for b, action in enumerate(actions.tolist()):
            mine, theirs, burnt, clock, player = (int(word) for word in states[b])
            mine = min(max(mine + (action == RIGHT) - (action == LEFT), 0), 3)
            clock = 0 if action == BURN else clock + 1
            out.state[b] = theirs, mine, burnt + (action == BURN), clock, 1 - player
        self.inspect(out)

    def inspect(self, positions):
        for b, state in enumerate(positions.state):
            mine, theirs, burnt, clock, player = (int(word) for word in state)
            ending = MATCHES if burnt == 3 else TIME if clock == CLOCK else ONGOING
            legal = [] if ending else [LEFT] * (mine > 0) + [RIGHT] * (mine < 3) + [BURN]
            positions.legal[b, : len(legal)] = legal
            positions.count[b] = len(legal)
            positions.ending[b] = ending
            positions.key[b] = mine | theirs << 2 | burnt << 4 | player << 6
            positions.reversible[b] = clock

    def encode(self, history, repeated, length, bits, scalars):
        bits[:] = 0
        for b in range(len(history)):
            for age in range(length[b]):
                mine, theirs = (int(word) for word in history[b, age, :2])
                bits[b, 2 * age : 2 * age + 2] = 1 << mine, 1 << 8 + theirs
            scalars[b] = history[b, 0, 2], history[b, 0, 3], history[b, 0, 4], repeated[b, 0]

    def player(self, state):
        return int(state[4])

    def parse(self, text):
        if text == "startpos":
            return self.initial()
        words = text.split(",")
        if len(words) != 5 or not all(word.isdigit() for word in words):
            raise UsageError(f"position {text!r}: expected five numbers")
        return np.array([int(word) for word in words], np.uint64)

    def format(self, state):
        return ",".join(str(int(word)) for word in state)

    def parse_action(self, state, text):
        at = self.look(state)
        for action in at.legal[0, : at.count[0]]:
            if NAMES[action] == text:
                return int(action)
        raise UsageError(f"move {text!r} in {self.format(state)}: expected left, right or burn")

    def format_action(self, state, action):
        return NAMES[action]

    def draw(self, state):
        return self.format(state)


GAME = Shuttle()
