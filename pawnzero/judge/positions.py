"""The positions that a player is judged on: those of a file, or a sample from games of varying quality.

A sample is the same for the same game, count and seed. It has equally many positions from each third of the longest possible
game (opening, middle, end), all different. Its games are played entirely at random, or with frequent or rare random moves, and
half of them start with random moves, so that unlikely positions occur as well as those of good games. A game contributes at
most one position to each phase that it reaches.
"""

from __future__ import annotations

from pathlib import Path
from typing import List, Optional, Set

import numpy as np

from pawnzero.errors import UsageError
from pawnzero.files import reading
from pawnzero.games.base import Game
from pawnzero.games.line import Line
from pawnzero.judge.solvers import Solver
from pawnzero.progress import Progress

PHASES = ("opening", "middle", "end")

_SLIPS = (1.0, 0.3, 0.1)
"""Probabilities of a random move instead of a best one; each game uses one of them."""
_CARELESS_SHARE = 0.4
"""Share of the longest game that half of the games play at random: solving positions just after the end of a solver's opening
book takes a hundred times as long as solving those a few plies later."""
_STREAM = 0x10D6
"""Separates these random numbers from other uses of the same seed."""


def phase_of(solver: Solver, ply: int) -> int:
    """Index into PHASES of a position `ply` plies from the start; connect four's phases are plies 0–13, 14–27 and 28–41."""
    return min(len(PHASES) * ply // solver.longest, len(PHASES) - 1)


def read_positions(game: Game, path: Path) -> List[Line]:
    """Read a file with one position per line: the moves from the start as a word, one character per move (``44455``).

    ``startpos`` is the position without moves. What follows a space is ignored, as are empty lines and lines that begin with
    ``#``. Raises UsageError that names file and line for an illegal move or a finished game, and UsageError for a file that has
    no position or cannot be read.
    """
    with reading(path, UsageError):
        content = path.read_bytes()
    try:
        texts = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise UsageError(f"{path}: is not text, expected one position per line") from None
    words = [(number, text.split()[0]) for number, text in enumerate(texts, 1) if text.strip()]
    lines = [_read_line(game, word, f"{path}: line {number}") for number, word in words if not word.startswith("#")]
    if not lines:
        raise UsageError(f"{path}: holds no position")
    return lines


def _read_line(game: Game, word: str, place: str) -> Line:
    line = Line(game)
    try:
        for char in "" if word == "startpos" else word:
            line.push(game.parse_action(line.state, char))
    except UsageError as error:
        raise UsageError(f"{place}: {word!r}, {error}") from None
    if line.over:
        raise UsageError(f"{place}: {word!r} is over ({game.endings[line.ending]}), expected a position with a move to judge")
    return line


def sample_positions(solver: Solver, count: int, seed: int, progress: Optional[Progress] = None) -> List[Line]:
    """Sample `count` different positions, equally many of each phase (the first phases get the remainder), phase by phase."""
    progress = progress or Progress()
    random = np.random.default_rng([_STREAM, seed])
    room = [count // len(PHASES) + (phase < count % len(PHASES)) for phase in range(len(PHASES))]
    found: List[List[Line]] = [[] for _ in PHASES]
    seen: Set[int] = set()
    progress.start("sampling", count, "positions")
    while any(room):
        line = _play(solver, random)
        for phase in range(len(PHASES)):
            first, stop = (-(-solver.longest * bound // len(PHASES)) for bound in (phase, phase + 1))
            plies = range(first, min(stop, len(line.actions)))  # the last position is over
            if room[phase] and plies:
                ply = int(random.choice(plies))
                if line.keys[ply] not in seen:
                    seen.add(line.keys[ply])
                    found[phase].append(Line.from_actions(solver.game, line.actions[:ply]))
                    room[phase] -= 1
                    progress.advance()
    progress.finish()
    return [line for lines in found for line in lines]


def _play(solver: Solver, random: np.random.Generator) -> Line:
    """Play a whole game with one of the probabilities _SLIPS, after a random start in half of the games."""
    slip = _SLIPS[random.integers(len(_SLIPS))]
    careless = random.integers(2) * _CARELESS_SHARE * solver.longest
    line = Line(solver.game)
    while not line.over:
        choices = line.legal
        if random.random() >= slip and len(line.actions) >= careless:
            scores = solver.scores(line.state[np.newaxis])[0, : len(choices)]
            choices = choices[scores == scores.max()]
        line.push(int(random.choice(choices)))
    return line
