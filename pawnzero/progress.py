"""The interface through which stages report progress. The command line shows it; from Python it is silent unless asked."""

from __future__ import annotations

from typing import Union

Figure = Union[int, float, str]


class Progress:
    """Reports nothing. `pawnzero.cli.display` has one that draws on a terminal and one that prints plain lines."""

    def start(self, stage: str, total: int, unit: str) -> None:
        """A stage begins that will count up to `total` of `unit` ("games", "steps")."""

    def advance(self, count: int = 1, **figures: Figure) -> None:
        """`count` more are done; `figures` are shown beside the count (loss=2.1, draws="40 %")."""

    def finish(self) -> None:
        """The stage has ended."""

    def note(self, text: str) -> None:
        """One line that the user should see and keep (a setting adapted, a checkpoint written)."""
