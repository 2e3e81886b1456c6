"""One game in progress or replayed: its positions so far, and whether and how it has ended.

A game's rules see one position. A line also keeps the earlier ones, so it can detect repetition, the maximum length and
resignation. It handles one game at a time (a terminal, an arena, a UCI engine); bulk self-play keeps arrays of its own.
"""

from __future__ import annotations

from typing import Iterable, List, Optional, Sequence, Tuple

import numpy as np

from pawnzero.errors import UsageError
from pawnzero.games.base import MAX_PLIES, ONGOING, REPETITION, RESIGNATION, Game


class Line:
    """A game from `start` (default: the usual starting position) to the current position.

    game:     its rules
    states:   positions so far, each [S] uint64, the current one last
    actions:  actions played; one fewer than `states`
    keys:     the positions' repetition keys
    repeated: 1 if that position had occurred before in this game, else 0
    ending:   ONGOING or why the game is over (index into `Game.endings`): by the rules, by the third occurrence of a position,
              or after `max_plies` actions (0: no limit), checked in this order; or by `resign`
    """

    def __init__(self, game: Game, start: Optional[np.ndarray] = None, max_plies: int = 0) -> None:
        self.game = game
        self.max_plies = max_plies
        self.states: List[np.ndarray] = []
        self.actions: List[int] = []
        self.keys: List[int] = []
        self.repeated: List[int] = []
        self.ending = ONGOING
        self._positions = game.look(game.initial() if start is None else start)
        self._arrive()

    @classmethod
    def from_actions(cls, game: Game, actions: Iterable[int], start: Optional[np.ndarray] = None, max_plies: int = 0) -> Line:
        """Return the line after playing `actions` from `start`. Raises UsageError like `push`."""
        line = cls(game, start, max_plies)
        for action in actions:
            line.push(action)
        return line

    @property
    def state(self) -> np.ndarray:
        """The current position, [S] uint64."""
        return self.states[-1]

    @property
    def player(self) -> int:
        """The side to move (or that would move, had the game not ended): 0 or 1."""
        return self.game.player(self.state)

    @property
    def over(self) -> bool:
        """Whether the game has ended."""
        return self.ending != ONGOING

    @property
    def legal(self) -> np.ndarray:
        """Legal actions in the game's order, [n] int16; empty if the game is over."""
        legal: np.ndarray = self._positions.legal[0, : 0 if self.over else int(self._positions.count[0])]
        return legal

    @property
    def result(self) -> int:
        """The result for player 0: 1, 0 or -1. The game must be over."""
        assert self.over, "a game that goes on has no result"
        value = int(self.game.ending_values[self.ending])
        return value if self.player == 0 else -value

    def push(self, action: int) -> None:
        """Play `action`. Raises UsageError if it is illegal or the game is over; the line is then unchanged."""
        if self.over:
            raise UsageError(f"no move can follow: {self.game.format(self.state)} has ended ({self.game.endings[self.ending]})")
        if not bool((self.legal == action).any()):
            raise UsageError(
                f"action {action} is not legal in {self.game.format(self.state)}: expected one of {self._choices()}"
            )
        positions = self.game.allocate(1)
        self.game.step(self.state[np.newaxis], np.array([action], np.int16), positions)
        self._positions = positions
        self.actions.append(int(action))
        self._arrive()

    def resign(self) -> None:
        """Resign for the player to move. Raises UsageError if the game is over."""
        if self.over:
            raise UsageError(f"nothing to resign: the game has ended ({self.game.endings[self.ending]})")
        self.ending = RESIGNATION

    def go_on(self) -> None:
        """Continue after a draw by repetition that nobody claimed, keeping the positions so far."""
        assert self.ending == REPETITION, "no other ending has to be claimed"
        self.ending = ONGOING

    def history(self, length: int) -> Tuple[np.ndarray, np.ndarray, int]:
        """Return the newest positions as `Game.encode` takes them.

        states [length, S] uint64 and repeated [length] uint8, both newest first and zero before the start of the game, and the
        number of valid ones (1 to `length`).
        """
        known = min(length, len(self.states))
        states = np.zeros((length, self.game.state_words), np.uint64)
        repeated = np.zeros(length, np.uint8)
        states[:known] = self.states[: -known - 1 : -1]
        repeated[:known] = self.repeated[: -known - 1 : -1]
        return states, repeated, known

    def past_keys(self) -> np.ndarray:
        """Keys of the earlier positions that could still recur, [n] uint64, oldest first, without the current one."""
        return np.array(self._past(), np.uint64)

    def _past(self) -> List[int]:
        last = len(self.keys) - 1
        return self.keys[max(0, last - int(self._positions.reversible[0])) : last]

    def _arrive(self) -> None:
        """Append the position in `_positions` and determine whether the game has ended."""
        self.states.append(self._positions.state[0])
        self.keys.append(int(self._positions.key[0]))
        earlier = self._past().count(self.keys[-1])
        self.repeated.append(int(earlier > 0))
        self.ending = int(self._positions.ending[0])
        if self.ending == ONGOING and earlier >= 2:
            self.ending = REPETITION
        if self.ending == ONGOING and 0 < self.max_plies <= len(self.actions):
            self.ending = MAX_PLIES

    def _choices(self) -> str:
        shown = [str(action) for action in self.legal[:8]]
        return ", ".join(shown) + (", …" if len(self.legal) > 8 else "")


def encode_lines(game: Game, lines: Sequence[Line]) -> Tuple[np.ndarray, np.ndarray]:
    """Encode the current position of each line of `game`: bits [B, P] uint64 and scalars [B, Q] float32."""
    size = len(lines)
    history = np.zeros((size, game.history, game.state_words), np.uint64)
    repeated, length = np.zeros((size, game.history), np.uint8), np.zeros(size, np.int16)
    bits, scalars = np.zeros((size, game.bit_planes), np.uint64), np.zeros((size, game.scalar_planes), np.float32)
    for row, line in enumerate(lines):
        history[row], repeated[row], length[row] = line.history(game.history)
    game.encode(history, repeated, length, bits, scalars)
    return bits, scalars
