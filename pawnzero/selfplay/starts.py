"""How a self-play game begins: at the usual start, after some random moves, or from an archived position.

The game's own random numbers decide, so a game's beginning depends only on its seed and number.
"""

from __future__ import annotations

import random
from itertools import count
from typing import Callable, Optional, Tuple

from pawnzero.config import SelfplayConfig
from pawnzero.games.base import Game
from pawnzero.games.line import Line
from pawnzero.selfplay.records import FROM_ARCHIVE, RANDOM_OPENING, USUAL_START

_TRIES = 50
"""Random openings of one length that may end the game before a shorter one is tried."""

DrawStart = Callable[[int], Optional[Line]]
"""Returns the line to an earlier game's position, chosen by a number below 2**63; None if there is none."""


def starting_line(
    game: Game, settings: SelfplayConfig, seed: int, number: int, archive: Optional[DrawStart] = None
) -> Tuple[Line, str]:
    """Return the moves that game `number` begins with, none of them searched, and how it begins (see `GameRecord.begun`).

    The game is never over at that point.
    """
    rng = random.Random(f"start of game {number} under seed {seed}")
    kind = rng.random()
    if kind < settings.restart_share:
        line = archive(rng.getrandbits(63)) if archive is not None else None
        if line is not None and not line.over and len(line.actions) < settings.max_plies:
            return line, FROM_ARCHIVE
    elif kind < settings.restart_share + settings.random_opening_share:
        plies = min(rng.randint(1, settings.random_opening_plies), settings.max_plies - 1)
        return _random_line(game, rng, plies), RANDOM_OPENING
    return Line(game), USUAL_START


def _random_line(game: Game, rng: random.Random, plies: int) -> Line:
    """A line of `plies` random moves that is not over; shorter if that many moves nearly always end the game."""
    for failed in count():
        line = Line(game)
        for _ in range(plies - max(0, failed - _TRIES)):
            line.push(rng.choice(line.legal.tolist()))
            if line.over:
                break
        if not line.over:
            break
    return line
