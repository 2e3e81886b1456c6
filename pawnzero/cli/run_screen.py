"""The screen of `pawnzero run`: the running stage on top, the state of the run below; notes scroll above."""

from __future__ import annotations

import sys
from typing import Any

from pawnzero.cli.display import ShownProgress
from pawnzero.cli.loop_story import LoopStory

_FRAMES_PER_SECOND = 4
_BAR_WIDTH = 30


class RunScreen(ShownProgress):
    """Draws a `LoopStory` and the running stage in place. Notes stay above; a finished stage leaves no line."""

    def __init__(self, title: str, story: LoopStory) -> None:
        super().__init__()
        from rich.console import Console
        from rich.live import Live

        self._title, self._story = title, story
        self._console = Console(file=sys.stdout, highlight=False)
        self._live = Live(
            get_renderable=self._drawn, console=self._console, refresh_per_second=_FRAMES_PER_SECOND, transient=True
        )
        self._live.start()

    def finish(self) -> None:
        self._stage = None

    def note(self, text: str) -> None:
        self._console.print(text, markup=False, soft_wrap=True)

    def close(self) -> None:
        self._live.stop()

    def _drawn(self) -> Any:
        from rich import box
        from rich.console import Group
        from rich.panel import Panel
        from rich.table import Table
        from rich.text import Text

        grid = Table.grid(padding=(0, 2))
        grid.add_column(style="bold", no_wrap=True)
        grid.add_column(overflow="fold")
        for name, told in self._stage_rows():
            grid.add_row(name, told)
        grid.add_row("budget", _with_bar(self._story.share(), self._story.budget()))
        for name, text in self._story.rows():
            grid.add_row(name, Text(text, style="bold red" if name == "alarm" else ""))
        frame = Panel(
            grid,
            title=Text(self._title),
            title_align="left",
            box=box.ROUNDED,
            subtitle="Ctrl-C stops; run the same command again to go on",
        )
        # The terminal prints ^C at the cursor. After a frame of full width that would start a line that `Live` does not know
        # of.
        return Group(frame, "")

    def _stage_rows(self) -> Any:
        from rich.text import Text

        stage = self._stage
        if stage is None:
            return [("now", Text("preparing …"))]
        count = f"{stage.done}/{stage.total} {stage.unit}" if stage.total > 0 else f"{stage.done} {stage.unit}"
        words = [f"{stage.name}: {count}", stage.rate() if stage.done else "", stage.remaining()]
        share = stage.done / stage.total if stage.total > 0 else 0.0
        rows = [("now", _with_bar(share, ", ".join(word for word in words if word)))]
        return [*rows, ("", Text(stage.figure_text()))] if stage.figures else rows


def _with_bar(share: float, text: str) -> Any:
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    row = Table.grid(padding=(0, 2))
    row.add_row(ProgressBar(total=1.0, completed=share, width=_BAR_WIDTH), Text(text))
    return row
