"""Making a report: read the files, draw the charts, choose the games, and write everything into `experiments`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Dict, Tuple

from pawnzero.agent import Agent
from pawnzero.errors import PawnzeroError
from pawnzero.files import in_shell, replacing, text_bytes
from pawnzero.report.charts import PICTURES
from pawnzero.report.games import shown_games
from pawnzero.report.headline import headline
from pawnzero.report.page import page
from pawnzero.report.sources import Run, read_run
from pawnzero.report.style import as_svg, style, write_png


def write_report(agent: Agent) -> Dict[str, Any]:
    """Write `experiments/report.html` and `experiments/report/*.png`; returns the figures that the page shows.

    Takes no lock and changes none of the agent's own files, so the agent may be in training meanwhile. Without matplotlib the
    page has no charts and says so. Raises PawnzeroError if the page cannot be written.
    """
    run = read_run(agent)
    told = headline(run)
    svgs, files = _draw(run, agent.experiments / "report")
    games = shown_games(agent, run.missing)
    html = agent.experiments / "report.html"
    with replacing(html) as stream:
        stream.write(text_bytes(page(run, told, svgs, games)))
    return {
        "agent": agent.name,
        "game": agent.game,
        "html": html,
        "pictures": list(files.values()),
        "answer": told.answer,
        "headline": told.sentence,
        "iterations": agent.metadata["next_iteration"],
        "games": run.games,
        "positions": run.positions,
        "steps": run.steps,
        "hours": run.hours,
        "matches": len(run.matches),
        "ladder_players": len((run.ladder or {}).get("players", [])),
        "replayed_games": len(games),
        "alarms": [{"iteration": iteration, "text": text} for iteration, text in run.alarms],
        "missing": run.missing,
    }


def _draw(run: Run, folder: Path) -> Tuple[Dict[str, str], Dict[str, Path]]:
    """Draw every chart that has data, as SVG and as files, both by name.

    Removes an earlier report's file of a chart without data.
    """
    svgs: Dict[str, str] = {}
    files: Dict[str, Path] = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PawnzeroError(f"{folder}: cannot be written ({error.strerror})") from None
    for picture in (picture for section in PICTURES.values() for picture in section):
        path = folder / f"{picture.name}.png"
        try:
            with style(picture.name):
                figure = picture.draw(run)
                if figure is not None:
                    write_png(figure, path)
                    svgs[picture.name], files[picture.name] = as_svg(figure), path
                elif path.exists():
                    path.unlink()
        except ModuleNotFoundError as error:
            if error.name != "matplotlib":
                raise
            install = f"`{in_shell(sys.executable)} -m pip install matplotlib`"
            run.missing.append(f"charts: the package matplotlib is not installed; install it: {install}")
            break
    return svgs, files
