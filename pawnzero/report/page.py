"""The page: one self-contained HTML file, made from what the other modules found."""

from __future__ import annotations

import json
import re
from datetime import datetime, timezone
from html import escape
from pathlib import Path
from typing import Any, Dict, Iterator, Mapping, Sequence, Tuple

from pawnzero import __version__
from pawnzero.games import get_game
from pawnzero.games.drawing import drawing
from pawnzero.report.boards import board_svg, look_of, shapes_svg
from pawnzero.report.charts import PICTURES, Picture
from pawnzero.report.games import ShownGame
from pawnzero.report.headline import Headline
from pawnzero.report.sources import Run, number
from pawnzero.settings import SETTINGS, by_dotted_key
from pawnzero.words import counted

_DATA = Path(__file__).parent.parent / "data"
_BUTTONS = (
    ("start", "«", "to the start"),
    ("back", "‹", "one move back"),
    ("next", "›", "one move forward"),
    ("end", "»", "to the end"),
)
ALARMS = 5
"""How many of the newest alarms are shown; older ones are folded away."""

Tile = Tuple[str, str, str]


def page(run: Run, told: Headline, pictures: Mapping[str, str], games: Sequence[ShownGame]) -> str:
    """The whole page. `pictures` are the charts that could be drawn, as SVG by name."""
    body = [
        *_opening(run, told),
        *(_section(title, shown, pictures) for title, shown in PICTURES.items()),
        *_games(run, games),
        *_settings(run),
        f"<footer>Written by pawnzero {__version__} from {escape(str(run.agent.directory))}, {_now()}.</footer>",
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8"/>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>\n'
        f"<title>{escape(run.agent.name)}: how it is going</title>\n"
        f"<style>\n{_data('report.css')}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(part for part in body if part)
        + f"\n</main>\n<script>\n{_data('report.js')}</script>\n</body>\n</html>\n"
    )


def _tiles(run: Run) -> Iterator[Tile]:
    """The key figures, as (name, value, remark)."""
    finished, outside = run.agent.metadata["next_iteration"], run.agent.metadata.get("games_outside_iterations", 0)
    hours = f"in {run.hours:.1f} hours" if run.hours >= 1 else f"in {counted(round(60 * run.hours), 'minutes')}"
    recorded = sum(found["iteration"] < finished for found in run.iterations)
    partly = f", as far as {recorded:,} of {finished:,} iterations say" if recorded < finished else ""
    yield "iterations", f"{finished:,}", f"{hours}{partly}" if finished else "none finished yet"
    apart = f"{outside:,} of them outside iterations" if outside else f"with {run.positions:,} positions"
    yield "games of self-play", f"{run.games + outside:,}", f"{apart}{partly}"
    yield "training steps", f"{run.steps:,}", ""
    if run.matches:
        match = run.matches[-1]
        bounds = [number(match.get(name)) for name in ("score_low", "score_high")]
        span = f"{bounds[0]:.2f} to {bounds[1]:.2f}, " if None not in bounds else ""
        yield "score of the last match", f"{match['score']:.2f}", f"{span}{counted(int(match['games']), 'games')}"
        yield "promotions", f"{sum(row.get('promoted') is True for row in run.matches):,}", f"of {len(run.matches):,} matches"
    losses = [number(run.training[-1].get(name)) for name in ("policy_loss", "value_loss")] if run.training else [None]
    if None not in losses:
        yield (
            "policy and value loss",
            " + ".join(f"{loss:.2f}" for loss in losses),
            f"nats, at step {run.training[-1]['step']:,}",
        )
    draws, length = run.series("selfplay", "draw_rate"), run.series("selfplay", "mean_plies")
    if draws and length:
        yield f"drawn in iteration {draws[-1][0]}", f"{100 * draws[-1][1]:.0f} %", f"games of {length[-1][1]:.0f} plies"
    speed = run.series("selfplay", "nodes_per_second")
    if speed:
        yield "simulations per second", f"{speed[-1][1]:,.0f}", f"in iteration {speed[-1][0]}"


def _opening(run: Run, told: Headline) -> Iterator[str]:
    """Name, verdict, current state, alarms, key figures, and what is missing."""
    yield f"<h1>{escape(run.agent.name)} · {escape(run.agent.game.replace('_', ' '))} · is it getting stronger?</h1>"
    first, colon, rest = told.sentence.partition(":")
    yield f'<p class="verdict">{f"<b>{escape(first)}:</b>{escape(rest)}" if colon else escape(told.sentence)}</p>'
    if told.caveat:
        yield f'<p class="quiet">{escape(told.caveat)}</p>'
    yield f'<p class="quiet">{escape(_standing(run))}</p>'
    if run.alarms:
        alarms = [f"<li>Iteration {iteration}: {escape(text)}</li>" for iteration, text in run.alarms]
        older = "".join(alarms[ALARMS:])
        folded = f"<details><summary>{len(alarms) - ALARMS} older alarms</summary><ul>{older}</ul></details>" if older else ""
        yield f'<div class="alarms"><b>Alarms</b><ul>{"".join(alarms[:ALARMS])}</ul>{folded}</div>'
    yield '<dl class="tiles">' + "".join(map(_tile, _tiles(run))) + "</dl>"
    if run.missing:
        items = "".join(f"<li>{_with_code(text)}</li>" for text in run.missing)
        yield f'<div class="missing"><p>Missing from this page:</p><ul>{items}</ul></div>'


def _tile(tile: Tile) -> str:
    name, value, remark = map(escape, tile)
    return f'<div class="tile"><dt>{name}</dt><dd>{value}{f"<small>{remark}</small>" if remark else ""}</dd></div>'


def _with_code(text: str) -> str:
    """Escaped text in which backticks become <code>."""
    return re.sub("`([^`]*)`", r"<code>\1</code>", escape(text))


def _standing(run: Run) -> str:
    """Which iteration is unfinished, and how far it is. (The files do not say whether a process is working on it.)"""
    if run.under_way is None:
        return f"There is no unfinished iteration; the next is {run.agent.metadata['next_iteration']}."
    told = f"Iteration {run.under_way.get('iteration')} is unfinished, in stage {run.under_way.get('name')}"
    if run.so_far:
        games, positions = (counted(run.so_far.get(name, 0), name) for name in ("games", "positions"))
        told += f": {games} with {positions} so far"
    return told + "."


def _section(title: str, shown: Sequence[Picture], pictures: Mapping[str, str]) -> str:
    """A section's charts; "" if none could be drawn."""
    figures = "".join(
        f'<figure class="{"wide" if picture.wide else "half"}" id="{picture.name}"><figcaption><h3>{escape(picture.title)}</h3>'
        f'<p>{escape(picture.healthy)}</p></figcaption><div class="chart">{pictures[picture.name]}</div></figure>\n'
        for picture in shown
        if picture.name in pictures
    )
    return f'<h2>{escape(title)}</h2>\n<div class="charts">\n{figures}</div>' if figures else ""


def _games(run: Run, games: Sequence[ShownGame]) -> Iterator[str]:
    if not games:
        return
    yield "<h2>Games</h2>"
    yield (
        '<p class="quiet">Step through a game with the buttons, the arrow keys or a click on a move. The player named first '
        "moves first; grey moves were given, not chosen by a player.</p>"
    )
    yield shapes_svg(look_of(get_game(run.agent.game)))
    yield '<div class="games">' + "\n".join(map(_game, games)) + "</div>"


def _game(shown: ShownGame) -> str:
    game = shown.line.game
    drawn = drawing(game, shown.line.state)
    buttons = "".join(
        f'<button type="button" data-to="{to}" aria-label="{told}">{sign}</button>' for to, sign, told in _BUTTONS
    )
    outlook = '<div class="outlook"><i></i><i></i><i></i></div><p class="expects"></p>' if any(shown.outlook) else ""
    data = json.dumps(shown.to_json(), separators=(",", ":")).replace("<", "\\u003c").replace("&", "\\u0026")
    return (
        f'<article class="game" data-columns="{drawn.columns}" tabindex="0"><header><h3>{escape(shown.title)}</h3>'
        f"<p>{escape(shown.story)}</p></header><div>{board_svg(drawn, look_of(game))}"
        f'<div class="controls">{buttons}<output></output></div>{outlook}</div>'
        f'<ol class="moves">{"".join(_moves(shown))}</ol><script type="application/json">{data}</script></article>'
    )


def _moves(shown: ShownGame) -> Iterator[str]:
    """The moves as buttons, two per numbered line."""
    kinds = ("given", "chosen")
    buttons = [
        f'<button type="button" class="{kinds[ply >= shown.given]}">{escape(move)}</button>'
        for ply, move in enumerate(shown.moves)
    ]
    for first in range(0, len(buttons), 2):
        yield f'<li><span class="count">{first // 2 + 1}.</span>{"".join(buttons[first : first + 2])}</li> '


def _settings(run: Run) -> Iterator[str]:
    """The settings last used: first those that differ from the defaults, the rest folded away."""
    used = by_dotted_key(run.agent.metadata.get("config") or {})
    changed = {key: value for key, value in used.items() if key not in SETTINGS or value != SETTINGS[key].default}
    yield "<h2>Settings last used</h2>"
    yield _table(changed) if changed else "<p>All settings are at their defaults.</p>"
    rest = {key: value for key, value in used.items() if key not in changed}
    if rest:
        yield f"<details><summary>{len(rest)} settings at their defaults</summary>{_table(rest)}</details>"


def _table(values: Dict[str, Any]) -> str:
    rows = "".join(
        f'<tr><td><code>{escape(key)}</code></td><td class="value">{escape(_written(value))}</td>'
        f'<td class="value">{escape(_default(key))}</td><td>{escape(SETTINGS[key].help if key in SETTINGS else "")}</td></tr>'
        for key, value in values.items()
    )
    return (
        '<div class="table"><table><thead><tr><th>setting</th><th>value</th><th>default</th><th>meaning</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _default(key: str) -> str:
    return _written(SETTINGS[key].default) if key in SETTINGS else "–"


def _data(name: str) -> str:
    return (_DATA / name).read_text(encoding="utf-8")


def _now() -> str:
    return datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
