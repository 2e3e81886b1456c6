"""Input and output of a game: plain lines through a pipe, colours and a prompt on a terminal."""

from __future__ import annotations

import abc
import os
import sys
from contextlib import contextmanager, suppress
from typing import Any, Iterator, List, Optional, Sequence, TextIO

import numpy as np

from pawnzero.games.base import Game
from pawnzero.games.drawing import EMPTY, Drawing, drawing

_SQUARES = ("on grey35", "on grey27")
_CHANGED = "on #5f875f"
_SQUARES_OF_16_COLOURS = ("on bright_black", "on black")
_CHANGED_OF_16_COLOURS = "on green"
"""All three above become the same one of sixteen colours."""
_MEN = ("bold white", "bold orange1")


class Screen(abc.ABC):
    """Where a game is shown and the person's input comes from."""

    @abc.abstractmethod
    def say(self, text: str) -> None:
        """Show one or more lines of text."""

    @abc.abstractmethod
    def board(self, game: Game, state: np.ndarray, before: Optional[np.ndarray], turned: bool) -> None:
        """Show a position, state [S]. `before` is the previous one, if any; `turned`: seen from player 1's side."""

    @abc.abstractmethod
    def table(self, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Show rows under `heads`. The first column is a name, the last is text, those between are figures."""

    @abc.abstractmethod
    def ask(self, prompt: str) -> Optional[str]:
        """What the person types; None at the end of input."""

    @contextmanager
    def busy(self, what: str) -> Iterator[None]:
        """Show that something slow is running."""
        yield


class PlainScreen(Screen):
    """Lines of text on standard output; `lines` is the person's input."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines

    def say(self, text: str) -> None:
        print(text, flush=True)

    def board(self, game: Game, state: np.ndarray, before: Optional[np.ndarray], turned: bool) -> None:
        drawn = _seen(drawing(game, state), turned)
        margin = max(map(len, drawn.left))
        rows = _rows(drawn)
        lines = [" ".join([left.rjust(margin)] * bool(margin) + row) for left, row in zip(drawn.left, rows)]
        if any(drawn.below):
            lines.append(" ".join([" " * margin] * bool(margin) + drawn.below))
        self.say("\n" + "\n".join(lines) + "\n")

    def table(self, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        widths = [max(map(len, column)) for column in zip(heads, *rows)]
        for row in (heads, *rows):
            figures = map(str.rjust, row[1:-1], widths[1:-1])
            self.say("  ".join([row[0].ljust(widths[0]), *figures, row[-1]]).rstrip())

    def ask(self, prompt: str) -> Optional[str]:
        line = next(self._lines, None)
        return None if line is None else line.strip()


class TerminalScreen(Screen):
    """A coloured board with the last move highlighted, chess figures if the terminal can show them, and line editing."""

    def __init__(self, output: TextIO) -> None:
        from rich.console import Console

        self._console = Console(file=output, highlight=False)
        self._figures = self._console.encoding.startswith("utf")
        with suppress(ImportError):
            import readline  # noqa: F401 - importing it gives `input` a history

    def say(self, text: str) -> None:
        self._console.print(text, markup=False, soft_wrap=True)

    def board(self, game: Game, state: np.ndarray, before: Optional[np.ndarray], turned: bool) -> None:
        from rich.text import Text

        drawn = _seen(drawing(game, state), turned)
        earlier = drawn if before is None else _seen(drawing(game, before), turned)
        text = Text("\n")
        old = _rows(earlier)
        few = self._console.color_system == "standard"
        squares, changed = (_SQUARES_OF_16_COLOURS, _CHANGED_OF_16_COLOURS) if few else (_SQUARES, _CHANGED)
        for number, (left, row) in enumerate(zip(drawn.left, _rows(drawn))):
            text.append(f"  {left} ", "dim")
            for column, man in enumerate(row):
                shade = changed if old[number][column] != man else squares[(number + column) % 2]
                text.append(f" {self._shown(game, man)} ", f"{_style(game, man)} {shade}")
            text.append("\n")
        if any(drawn.below):
            text.append("  " + " " * max(map(len, drawn.left)) + " ")
            text.append("".join(f" {label} " for label in drawn.below), "dim")
        self._console.print(text)

    def table(self, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        from rich.table import Table

        table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
        for number, head in enumerate(heads):
            table.add_column(head, justify="left" if number in (0, len(heads) - 1) else "right")
        for row in rows:
            table.add_row(*row)
        self._console.print(table)

    def ask(self, prompt: str) -> Optional[str]:
        try:
            return input(prompt).strip()
        except EOFError:
            self.say("")
            return None

    @contextmanager
    def busy(self, what: str) -> Iterator[None]:
        from rich.text import Text

        with self._console.status(Text(what)):
            yield

    def _shown(self, game: Game, man: str) -> str:
        if man == EMPTY:
            return " "
        return game.figures.get(man, man) if self._figures else man


def screen_for() -> Screen:
    """A terminal screen if standard input and output are both terminals, else plain text with standard input."""
    if sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM") != "dumb":
        return TerminalScreen(sys.stdout)
    return PlainScreen(iter(sys.stdin))


def _style(game: Game, man: str) -> str:
    owner: Any = next((side for side, letters in enumerate(game.men) if man in letters), None)
    return "" if owner is None else _MEN[owner]


def _rows(drawn: Drawing) -> List[List[str]]:
    return [drawn.men[start : start + drawn.columns] for start in range(0, len(drawn.men), drawn.columns)]


def _seen(drawn: Drawing, turned: bool) -> Drawing:
    """The board, turned round if `turned`."""
    if not turned:
        return drawn
    return Drawing(drawn.rows, drawn.columns, drawn.men[::-1], drawn.left[::-1], drawn.below[::-1])
