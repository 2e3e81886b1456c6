"""What a net thinks of a position, for people: a search or the raw net, and its outlook in words and rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Tuple

import numpy as np

from pawnzero.config import SearchConfig
from pawnzero.games.line import Line
from pawnzero.search import Evaluator, question_about
from pawnzero.search.outlook import WDL, MoveOutlook, Outlook
from pawnzero.search.position import PositionSearch
from pawnzero.search.tree import PROVEN_DRAW, PROVEN_LOSS, PROVEN_WIN, UNPROVEN
from pawnzero.words import counted

HEADS = ("move", "visits", "prior", "win", "draw", "loss", "proof", "goes on")


@dataclass(frozen=True)
class Thinker:
    """A net that evaluates positions with this many simulations; with 0, its raw answer without a search."""

    evaluator: Evaluator
    search: SearchConfig
    simulations: int

    def look(self, line: Line) -> Outlook:
        """The outlook of a line that is not over."""
        if not self.simulations:
            return self._at_first_sight(line)
        search = PositionSearch(line, self.evaluator, self.search, room=self.simulations, simulations=self.simulations)
        search.run()
        return search.read()

    def _at_first_sight(self, line: Line) -> Outlook:
        """All legal moves ordered by the net's own policy, each with the position's WDL.

        The first is the move that `pawnzero.arena.players` plays.
        """
        question = question_about(line.game, [line])
        self.evaluator.enter_thread(1)
        self.evaluator.evaluate(question)
        count = int(question.count[0])
        logits = question.logits[0, :count].astype(np.float64)
        priors = np.exp(logits - logits.max())
        priors /= priors.sum()
        win, draw, loss = (float(share) for share in question.wdl[0])
        moves = [
            MoveOutlook(action, 0, prior, (win, draw, loss), UNPROVEN, 0, (action,))
            for action, prior in zip(question.legal[0, :count].tolist(), priors.tolist())
        ]
        order = np.argsort(-logits, kind="stable").tolist()
        return Outlook(0, 0.0, 0, (win, draw, loss), [moves[place] for place in order])


def summary(line: Line, outlook: Outlook) -> str:
    """The position's evaluation in one line."""
    win, draw, loss = (f"{100 * share:.0f} %" for share in outlook.wdl)
    how = "the net alone, without a search"
    if outlook.simulations:
        searched = counted(outlook.simulations, "simulations")
        how = f"{searched}, {outlook.depth:.1f} plies deep on average, {outlook.deepest} at most"
    return f"{line.game.sides[line.player]} to move: win {win}, draw {draw}, loss {loss} ({how})"


def rows(line: Line, outlook: Outlook, most: int) -> List[Tuple[str, ...]]:
    """The `most` best moves, one row each under HEADS."""
    return [_row(line, move) for move in outlook.moves[:most]]


def _row(line: Line, move: MoveOutlook) -> Tuple[str, ...]:
    first, *others = (line.game.describe_action(*played) for played in line.game.walk(line.state, move.line))
    return (first, str(move.visits), f"{100 * move.prior:.1f} %", *_shares(move.wdl), _proof(move), " ".join(others))


def _shares(wdl: WDL) -> Tuple[str, ...]:
    return tuple(f"{100 * share:.0f} %" for share in wdl)


def _proof(move: MoveOutlook) -> str:
    plies = counted(move.plies, "plies")
    return {PROVEN_WIN: f"wins in {plies}", PROVEN_LOSS: f"loses in {plies}", PROVEN_DRAW: "draws"}.get(move.proof, "")
