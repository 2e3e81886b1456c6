"""Progress that a test can ask what it was told."""

from __future__ import annotations

from typing import List

from pawnzero.progress import Figure, Progress


class Heard(Progress):
    """Keeps what it is told, and runs an action after a number of steps."""

    def __init__(self, after: int = -1, action=lambda: None) -> None:  # type: ignore[no-untyped-def]
        self.notes: List[str] = []
        self.steps = 0
        self._after, self._action = after, action

    def advance(self, count: int = 1, **figures: Figure) -> None:
        self.steps += count
        if self.steps == self._after:
            self._action()

    def note(self, text: str) -> None:
        self.notes.append(text)
