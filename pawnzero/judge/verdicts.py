"""How many of a player's moves are mistakes, and how well its value predicts the outcome.

A mistake is a move after which perfect play leads to a worse outcome than before it: a won position becomes drawn or lost, or a
drawn one lost. A move that wins later than necessary, or loses sooner, is not a mistake. The figures:

positions            positions judged
mistakes             moves that are mistakes; `won_to_drawn`, `won_to_lost` and `drawn_to_lost` count them by kind
mistake_rate         mistakes / positions, uninformative positions included
informative          positions in which a mistake is possible (in the others every legal move has the same outcome)
informative_mistake_rate   mistakes / informative
won                  positions won for the player to move
fastest_win_rate     share of them in which the move wins as fast as possible
value_sign_accuracy  share of positions whose outcome the net's value (win - loss, without search) predicts: above 0 if the
                     position is won, below 0 if it is lost, between -1/3 and 1/3 if it is drawn; null for players without a net

The value is the net's own, whatever the number of simulations.

A rate is null if its denominator is 0. Each rate has the ends of its 95 % interval (Wilson's) under its name with `_low` and
`_high`; they are null if the positions are all that exist, so that the rate is exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Sequence

import numpy as np

from pawnzero.arena.players import Forfeit, Player
from pawnzero.games.line import Line
from pawnzero.judge.positions import PHASES, phase_of
from pawnzero.judge.solvers import NO_MOVE, Solver
from pawnzero.progress import Progress
from pawnzero.wilson import wilson

DRAW_VALUE = 1 / 3
"""A value nearer to 0 than this predicts a draw."""

_AT_ONCE = 512
"""Positions that the player assesses in one batch."""


@dataclass(frozen=True)
class Judgement:
    """A player's moves in B positions, compared with perfect play.

    phase:       [B] int64, index into PHASES
    best:        [B] int64, the outcome under perfect play, for the player to move: 1 won, 0 drawn, -1 lost
    played:      [B] int64, the outcome after the player's move
    informative: [B] bool, whether the legal moves have different outcomes
    fastest:     [B] bool, whether no move scores higher than the one played
    value:       [B] float32 in [-1, 1], the player's value of the position, for the player to move; None if it gives none
    """

    phase: np.ndarray
    best: np.ndarray
    played: np.ndarray
    informative: np.ndarray
    fastest: np.ndarray
    value: Optional[np.ndarray]

    def to_json(self, sampled: bool = True) -> Dict[str, Any]:
        """The figures of all positions, and under `phases` those of each phase that has positions.

        sampled: whether the positions are a sample of others, so that rates have intervals
        """
        everything = self._figures(np.ones(len(self.best), bool), sampled)
        phases = {name: self._figures(self.phase == phase, sampled) for phase, name in enumerate(PHASES)}
        return {**everything, "phases": {name: figures for name, figures in phases.items() if figures["positions"]}}

    def _figures(self, chosen: np.ndarray, sampled: bool) -> Dict[str, Any]:
        best, played = self.best[chosen], self.played[chosen]
        mistakes, informative, won = played < best, self.informative[chosen], best > 0
        value_right = None if self.value is None else _value_right(self.value[chosen], best)
        return {
            "positions": len(best),
            "mistakes": int(mistakes.sum()),
            **_rate("mistake_rate", mistakes, sampled),
            "won_to_drawn": int((won & (played == 0)).sum()),
            "won_to_lost": int((won & (played < 0)).sum()),
            "drawn_to_lost": int(((best == 0) & (played < 0)).sum()),
            "informative": int(informative.sum()),
            **_rate("informative_mistake_rate", mistakes[informative], sampled),
            "won": int(won.sum()),
            **_rate("fastest_win_rate", self.fastest[chosen][won], sampled),
            **_rate("value_sign_accuracy", best[:0] if value_right is None else value_right, sampled),
        }


def judge(player: Player, lines: Sequence[Line], solver: Solver, progress: Optional[Progress] = None) -> Judgement:
    """Compare `player`'s moves in the current position of each line (none is over) with the scores of `solver`.

    A player that forfeits a position is judged as if it had played the worst move. Raises ModuleNotFoundError as
    `Solver.scores` does.
    """
    assert lines, "nothing to judge"
    progress = progress or Progress()
    parts = np.array_split(np.arange(len(lines)), -(-len(lines) // _AT_ONCE))
    progress.start("solving", len(lines), "positions")
    scores = []
    for part in parts:
        scores.append(solver.scores(np.stack([lines[index].state for index in part])))
        progress.advance(len(part))
    progress.finish()

    progress.start("playing", len(lines), "positions")
    chosen: List[np.ndarray] = []
    values: List[Optional[np.ndarray]] = []
    for part, truth in zip(parts, scores):
        asked = [lines[index] for index in part]
        moves, wdl = player.assess(asked)
        chosen.append(np.array([_score(line, move, row) for line, move, row in zip(asked, moves, truth)]))
        values.append(None if wdl is None else wdl[:, 0] - wdl[:, 2])
        progress.advance(len(part))
    progress.finish()
    return _compare(
        np.array([phase_of(solver, len(line.actions)) for line in lines]),
        np.concatenate(scores),
        np.concatenate(chosen),
        None if any(value is None for value in values) else np.concatenate(values),  # type: ignore[arg-type]
    )


def _score(line: Line, move: object, scores: np.ndarray) -> int:
    """The score of the chosen move, given the scores [M] of the legal ones."""
    if isinstance(move, Forfeit):
        return int(scores[: len(line.legal)].min())
    return int(scores[: len(line.legal)][line.legal == move].item())


def _compare(phase: np.ndarray, scores: np.ndarray, chosen: np.ndarray, value: Optional[np.ndarray]) -> Judgement:
    """phase [B], scores [B, M] int16, the chosen moves' scores [B], value [B] → the judgement."""
    top = scores.max(axis=1).astype(np.int64)
    lowest = np.where(scores == NO_MOVE, top[:, np.newaxis], scores).min(axis=1)
    return Judgement(phase, np.sign(top), np.sign(chosen), np.sign(lowest) < np.sign(top), chosen == top, value)


def _value_right(value: np.ndarray, best: np.ndarray) -> np.ndarray:
    return np.where(best == 0, np.abs(value) < DRAW_VALUE, np.sign(value) == best)


def _rate(name: str, hits: np.ndarray, sampled: bool) -> Dict[str, Optional[float]]:
    """The share of `hits` under `name`, and its interval."""
    if len(hits) == 0:
        return {name: None, f"{name}_low": None, f"{name}_high": None}
    low, high = map(float, wilson(int(hits.sum()), len(hits))) if sampled else (None, None)
    return {name: float(hits.mean()), f"{name}_low": low, f"{name}_high": high}
