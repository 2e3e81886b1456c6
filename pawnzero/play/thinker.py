"""What a net thinks of a position, for people: a search, and its outlook in words and rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Sequence, Tuple

import numpy as np

from pawnzero.config import SearchConfig
from pawnzero.games.base import Game
from pawnzero.games.line import Line
from pawnzero.search import Evaluator
from pawnzero.search.outlook import WDL, MoveOutlook, Outlook
from pawnzero.search.position import PositionSearch
from pawnzero.search.tree import PROVEN_DRAW, PROVEN_LOSS, PROVEN_WIN
from pawnzero.words import counted

HEADS = ("move", "visits", "prior", "win", "draw", "loss", "proof", "goes on")


@dataclass(frozen=True)
class Thinker:
    """A net that looks at positions with so many simulations."""

    evaluator: Evaluator
    search: SearchConfig
    simulations: int

    def look(self, line: Line) -> Outlook:
        """The outlook of a line that is not over."""
        search = PositionSearch(line, self.evaluator, self.search, room=self.simulations, simulations=self.simulations)
        search.run()
        return search.read()


def summary(line: Line, outlook: Outlook) -> str:
    """The position's worth in one line."""
    win, draw, loss = (f"{100 * share:.0f} %" for share in outlook.wdl)
    how = f"{outlook.simulations} simulations, {outlook.depth:.1f} plies deep on average, {outlook.deepest} at most"
    return f"{line.game.sides[line.player]} to move: win {win}, draw {draw}, loss {loss} ({how})"


def rows(line: Line, outlook: Outlook, most: int) -> List[Tuple[str, ...]]:
    """The `most` best moves, a row each under HEADS."""
    return [_row(line, move) for move in outlook.moves[:most]]


def _row(line: Line, move: MoveOutlook) -> Tuple[str, ...]:
    first, *others = described(line.game, line.state, move.line)
    return (first, str(move.visits), f"{100 * move.prior:.1f} %", *_shares(move.wdl), _proof(move), " ".join(others))


def described(game: Game, state: np.ndarray, actions: Sequence[int]) -> List[str]:
    """Actions from state [S] on, as people write them."""
    texts = []
    for action in actions:
        texts.append(game.describe_action(state, action))
        state = game.after(state, action)
    return texts


def _shares(wdl: WDL) -> Tuple[str, ...]:
    return tuple(f"{100 * share:.0f} %" for share in wdl)


def _proof(move: MoveOutlook) -> str:
    plies = counted(move.plies, "plies")
    return {PROVEN_WIN: f"wins in {plies}", PROVEN_LOSS: f"loses in {plies}", PROVEN_DRAW: "draws"}.get(move.proof, "")
