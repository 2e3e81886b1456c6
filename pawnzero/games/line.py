"""One game as it is being played or replayed: its positions so far, and whether and how it has ended.

The rules of a game see one position. A line keeps the past as well, and so knows repetition, the cap on a game's length
and resignation. It is for one game at a time (a terminal, an arena, a UCI engine); self-play in bulk keeps arrays of its own.
"""

from __future__ import annotations

from typing import Iterable, List, Optional, Sequence, Tuple

import numpy as np

from pawnzero.errors import UsageError
from pawnzero.games.base import MAX_PLIES, ONGOING, REPETITION, RESIGNATION, Game


class Line:
    """A game from `start` (the usual starting position unless given) to the current position.

    game:     its rules
    states:   positions so far, each [S] uint64, the current one last
    actions:  actions played; one fewer than `states`
    keys:     the positions' repetition keys
    repeated: 1 where that position had stood in this game before, else 0
    ending:   ONGOING or why the game is over (index into `Game.endings`): by the rules, at the third time of a position, or
              when `max_plies` actions have been played (0: no cap), in this order; or by `resign`
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
        """The line in which `actions` were played one after the other. Raises UsageError as `push` does."""
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
        """Whose move it is (or would be, had the game not ended): 0 or 1."""
        return self.game.player(self.state)

    @property
    def over(self) -> bool:
        """Whether the game has ended."""
        return self.ending != ONGOING

    @property
    def legal(self) -> np.ndarray:
        """Legal actions in the game's order, [n] int16; none when the game is over."""
        legal: np.ndarray = self._positions.legal[0, : 0 if self.over else int(self._positions.count[0])]
        return legal

    @property
    def result(self) -> int:
        """1, 0 or -1 for player 0. Only when the game is over."""
        assert self.over, "a game that goes on has no result"
        value = int(self.game.ending_values[self.ending])
        return value if self.player == 0 else -value

    def push(self, action: int) -> None:
        """Play `action`. Raises UsageError when it is not legal here or the game is over; the line is then as it was."""
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
        """The player to move gives up. Raises UsageError when the game is over."""
        if self.over:
            raise UsageError(f"nothing to resign: the game has ended ({self.game.endings[self.ending]})")
        self.ending = RESIGNATION

    def go_on(self) -> None:
        """Play goes on after a draw by repetition that nobody claimed; the past stays."""
        assert self.ending == REPETITION, "no other ending has to be claimed"
        self.ending = ONGOING

    def history(self, length: int) -> Tuple[np.ndarray, np.ndarray, int]:
        """The newest positions as `Game.encode` takes them: states [length, S] uint64 and repeated [length] uint8, both
        newest first and zero past the start of the game, and how many there are (1 to `length`)."""
        known = min(length, len(self.states))
        states = np.zeros((length, self.game.state_words), np.uint64)
        repeated = np.zeros(length, np.uint8)
        states[:known] = self.states[: -known - 1 : -1]
        repeated[:known] = self.repeated[: -known - 1 : -1]
        return states, repeated, known

    def past_keys(self) -> np.ndarray:
        """Keys of the earlier positions that could still come again, [n] uint64, oldest first, without the current one."""
        return np.array(self._past(), np.uint64)

    def _past(self) -> List[int]:
        last = len(self.keys) - 1
        return self.keys[max(0, last - int(self._positions.reversible[0])) : last]

    def _arrive(self) -> None:
        """Enter the position that `_positions` describes."""
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
    """What a net sees of the current positions of lines of `game`: bits [B, P] uint64 and scalars [B, Q] float32."""
    size = len(lines)
    history = np.zeros((size, game.history, game.state_words), np.uint64)
    repeated, length = np.zeros((size, game.history), np.uint8), np.zeros(size, np.int16)
    bits, scalars = np.zeros((size, game.bit_planes), np.uint64), np.zeros((size, game.scalar_planes), np.float32)
    for row, line in enumerate(lines):
        history[row], repeated[row], length[row] = line.history(game.history)
    game.encode(history, repeated, length, bits, scalars)
    return bits, scalars
