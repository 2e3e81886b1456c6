"""Drawing a position as SVG, square by square as the game draws it, with pictures for those men that have one."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Callable, Dict

from pawnzero.games.base import Game
from pawnzero.games.drawing import EMPTY, Drawing

SQUARE = 45
"""Width of a square in SVG units, the same as in python-chess's pieces."""

_MARGIN = 22


@dataclass(frozen=True)
class Look:
    """How a game's board looks: whether its squares have two shades, and SVG (SQUARE wide) for symbols that have a picture."""

    checkered: bool
    shapes: Dict[str, str]


def look_of(game: Game) -> Look:
    """The game's look. By default: plain squares, and discs for x and o."""
    return _LOOKS.get(game.name, _plain_look)()


def shapes_svg(look: Look) -> str:
    """An invisible element with the shapes, which boards refer to as `#man-SYMBOL`."""
    shapes = "".join(f'<g id="man-{escape(symbol)}">{shape}</g>' for symbol, shape in look.shapes.items())
    return f'<svg class="shapes" width="0" height="0" aria-hidden="true"><defs>{shapes}</defs></svg>'


def board_svg(drawn: Drawing, look: Look) -> str:
    """The board with its men, which are in a group of class `men` that the page's script refills."""
    left, below = (_MARGIN if any(labels) else 0 for labels in (drawn.left, drawn.below))
    width, height = left + SQUARE * drawn.columns, SQUARE * drawn.rows + below
    squares = "".join(
        f'<rect class="{"dark" if look.checkered and (row + column) % 2 else "light"}" x="{left + SQUARE * column}" '
        f'y="{SQUARE * row}" width="{SQUARE}" height="{SQUARE}"/>'
        for row in range(drawn.rows)
        for column in range(drawn.columns)
    )
    labels = "".join(_text(label, left / 2, SQUARE * (row + 0.5)) for row, label in enumerate(drawn.left))
    labels += "".join(_text(label, left + SQUARE * (n + 0.5), height - below / 2) for n, label in enumerate(drawn.below))
    men = "".join(
        _man(man, SQUARE * (index % drawn.columns), SQUARE * (index // drawn.columns), look)
        for index, man in enumerate(drawn.men)
        if man != EMPTY
    )
    return (
        f'<svg class="board" viewBox="0 0 {width} {height}" role="img" aria-label="the board">'
        f'{squares}<g class="labels">{labels}</g><g class="men" transform="translate({left} 0)">{men}</g></svg>'
    )


def _man(symbol: str, x: int, y: int, look: Look) -> str:
    if symbol in look.shapes:
        return f'<use href="#man-{escape(symbol)}" x="{x}" y="{y}"/>'
    return _text(symbol, x + SQUARE / 2, y + SQUARE / 2)


def _text(text: str, x: float, y: float) -> str:
    return f'<text x="{x:g}" y="{y:g}">{escape(text)}</text>' if text else ""


def _plain_look() -> Look:
    disc = '<circle cx="22.5" cy="22.5" r="{}" class="{}"/>'
    return Look(False, {"x": disc.format(17, "first-man"), "o": disc.format(17, "second-man") + disc.format(8, "hole")})


def _chess_look() -> Look:
    import chess.svg  # imported here because other games do not need it

    shapes = {symbol: shape.replace(f'id="{_name(shape)}" ', "") for symbol, shape in chess.svg.PIECES.items()}
    return Look(True, shapes)


def _name(shape: str) -> str:
    return shape.split('id="', 1)[1].split('"', 1)[0]


_LOOKS: Dict[str, Callable[[], Look]] = {"chess": _chess_look}
"""Games that do not use the default look."""
