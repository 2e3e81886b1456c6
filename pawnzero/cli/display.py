"""Progress display: bars on a terminal, a line every few seconds in a log."""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, Mapping, Optional, Tuple

from pawnzero.cli.output import duration, figure
from pawnzero.progress import Figure, Progress
from pawnzero.words import counted

_LOG_SECONDS = 5.0
"""Shortest time between two lines of a running stage in a log."""


class Stage:
    """The state of the running stage."""

    def __init__(self, name: str, total: int, unit: str) -> None:
        self.name, self.total, self.unit = name, total, unit
        self.done = 0
        self.figures: Dict[str, Figure] = {}
        self.began = time.monotonic()
        self._first: Optional[Tuple[float, float]] = None

    @property
    def seconds(self) -> float:
        return max(time.monotonic() - self.began, 1e-9)

    def rate(self) -> str:
        rate = self.done / self.seconds
        return f"{figure(rate)} {self.unit}/s" if rate >= 0.5 else f"{figure(60 * rate)} {self.unit}/min"

    def remaining(self) -> str:
        """The estimated time left. "" until half of the games have ended: the first to end are the short ones and mislead."""
        if not self.done or self.total <= self.done or (self.unit == "games" and 2 * self.done < self.total):
            return ""
        return f"{duration((self.total - self.done) * self.seconds / self.done)} left"

    def take(self, figures: Mapping[str, Figure]) -> None:
        """Show these figures beside the count from now on. `positions`, which self-play reports, is shown with its rate."""
        self.figures.update(figures)
        if "positions" in figures and self._first is None:
            self._first = (time.monotonic(), float(figures["positions"]))

    def figure_text(self) -> str:
        told = [f"{name.replace('_', ' ')} {figure(value)}" for name, value in self.figures.items() if name != "positions"]
        if self._first is not None:
            began, before = self._first
            positions = self.figures["positions"]
            rate = (float(positions) - before) / max(time.monotonic() - began, 1e-9)
            told.insert(0, f"{figure(positions)} positions" + (f" ({figure(rate)}/s)" if rate else ""))
        return ", ".join(told)

    def summary(self) -> str:
        """The line that remains when the stage has ended."""
        parts = [f"{self.name}: {counted(self.done, self.unit)} in {duration(self.seconds)}", self.figure_text()]
        return ", ".join(part for part in parts if part)


class ShownProgress(Progress):
    """Keeps the running stage's state; subclasses draw it."""

    def __init__(self) -> None:
        self._stage: Any = None

    def start(self, stage: str, total: int, unit: str) -> None:
        self.finish()
        self._stage = Stage(stage, total, unit)

    def advance(self, count: int = 1, **figures: Figure) -> None:
        if self._stage:
            self._stage.done += count
            self._stage.take(figures)

    def finish(self) -> None:
        if self._stage:
            self.note(self._stage.summary())
            self._stage = None

    def close(self) -> None:
        """Leave the screen tidy. Called when the command ends, in success or failure."""


class PlainProgress(ShownProgress):
    """Lines for a log or a pipe: one when a stage begins, one when it ends, one every few seconds in between."""

    def __init__(self) -> None:
        super().__init__()
        self._next = 0.0

    def start(self, stage: str, total: int, unit: str) -> None:
        super().start(stage, total, unit)
        self.note(f"{stage}: {counted(total, unit)} …" if total > 0 else f"{stage} …")
        self._next = time.monotonic() + _LOG_SECONDS

    def advance(self, count: int = 1, **figures: Figure) -> None:
        super().advance(count, **figures)
        if self._stage and time.monotonic() >= self._next:
            self._next = time.monotonic() + _LOG_SECONDS
            stage = self._stage
            parts = [
                f"{stage.name}: {stage.done:,}/{stage.total:,} {stage.unit}",
                stage.rate(),
                stage.remaining(),
                stage.figure_text(),
            ]
            self.note(", ".join(part for part in parts if part))

    def note(self, text: str) -> None:
        print(text, flush=True)


class TerminalProgress(ShownProgress):
    """A bar for the running stage with rate, time left and figures; finished stages and notes scroll above it."""

    def __init__(self) -> None:
        super().__init__()
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as Bars

        self._console = Console(file=sys.stdout, highlight=False)
        self._bars = Bars(
            TextColumn("[bold]{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[told]}"),
            console=self._console,
            transient=True,
            refresh_per_second=8,
        )
        self._task: Any = None

    def start(self, stage: str, total: int, unit: str) -> None:
        super().start(stage, total, unit)
        self._bars.start()
        self._task = self._bars.add_task(stage, total=total if total > 0 else None, told=unit)

    def advance(self, count: int = 1, **figures: Figure) -> None:
        super().advance(count, **figures)
        if self._stage:
            told = " · ".join(p for p in (self._stage.rate(), self._stage.remaining(), self._stage.figure_text()) if p)
            self._bars.update(self._task, advance=count, told=told)

    def finish(self) -> None:
        self._clear()
        super().finish()

    def note(self, text: str) -> None:
        self._console.print(text, markup=False, soft_wrap=True)

    def close(self) -> None:
        self._clear()

    def _clear(self) -> None:
        if self._task is not None:
            self._bars.remove_task(self._task)
            self._bars.stop()
            self._task = None


@contextmanager
def shown_progress(screen: Callable[[], ShownProgress] = TerminalProgress) -> Iterator[ShownProgress]:
    """The progress display that fits standard output (standard error with --json).

    On a terminal it is what `screen` makes, elsewhere lines.
    """
    fancy = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    progress = screen() if fancy else PlainProgress()
    try:
        yield progress
    finally:
        progress.close()
