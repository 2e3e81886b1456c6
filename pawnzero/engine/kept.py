"""What the engine keeps from move to move: the net's answers."""

from __future__ import annotations

from typing import Optional, Tuple

from pawnzero.games.base import Game
from pawnzero.search.cache import Answers


class Kept:
    """One net's answers about the positions of a game.

    A move's search looks where the search of the move before looked. With the answers from then it is faster, and otherwise
    the same search.
    """

    def __init__(self) -> None:
        self._answers: Optional[Answers] = None
        self._made_for: Tuple[int, int] = (0, 0)

    def answers(self, game: Game, rows: int, memory: int) -> Answers:
        """The answers so far, of at most `rows` positions at once, in at most `memory` bytes; none if these are new numbers."""
        if self._answers is None or self._made_for != (rows, memory):
            self._answers = None  # the memory of the old ones may be needed for the new ones
            self._answers, self._made_for = Answers(game, rows, memory), (rows, memory)
        return self._answers
