"""How strong is each of many players of whom only some have met? One rating for all, with 95 % intervals.

Model: a player who is d Elo stronger scores 1 / (1 + 10^(−d / 400)) (Bradley and Terry, "Rank Analysis of Incomplete Block
Designs", Biometrika 39, 1952), a draw being half a win, so that a difference of ratings means what `pawnzero.stats` calls Elo.
The ratings are those of the largest likelihood, found by Newton's method; it is concave.

Draws and pairs. Scores spread less than wins and losses alone would where games are drawn, and the two games of a pair lean on
each other. So each pairing's games are weighed by the variance that independent games without draws would have ÷ the one its
pairs show (`stats.moments`): the quasi-likelihood of Wedderburn (Biometrika 61, 1974), with a dispersion of each pairing.

Prior. Each pairing has one more game, drawn. Who won all its games is then rated as far above as the others make likely, not at
infinity, and any chain of pairings gives finite ratings. It pulls the two ratings towards each other, by 9 Elo where 15 of 20
points were won; who won all 20 is put 582 Elo above the other (95 %: 233 to 1425).

Intervals. An interval holds the ratings at which the log-likelihood, maximised over all other players, is at most 1.92 (half
the 95 % quantile of χ² with one degree of freedom) below the largest one. It is long towards the side where nobody was met.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Collection, Dict, List, Optional, Sequence, Set, Tuple

import numpy as np

from pawnzero import stats

PRIOR_GAMES = 1.0
ELO = 400.0 / math.log(10.0)
"""Elo of one natural unit (logit)."""
_DROP = 1.920729
_PRECISION = 1e-4
_STEPS = 200


@dataclass(frozen=True)
class Result:
    """What two players' games said: pentanomial counts of their pairs, the first player's points (see `stats.pair_counts`)."""

    first: str
    second: str
    pairs: Tuple[int, ...]


@dataclass(frozen=True)
class Rating:
    """Elo above the anchor's rating, and its 95 % interval."""

    elo: float
    low: float
    high: float


def rate(
    results: Sequence[Result], anchor: str, anchor_elo: float = 0.0, of: Optional[Collection[str]] = None
) -> Dict[str, Rating]:
    """The rating of each player whom a chain of games connects with `anchor`, which has `anchor_elo` for certain.

    of: the players whose ratings are wanted, by all games; None: all. An interval costs the cube of the number of players.
    """
    results = [one for one in results if sum(one.pairs)]
    names = _connected(results, anchor)
    index = {name: place for place, name in enumerate(names)}
    likelihood = _Likelihood([one for one in results if one.first in index], index)
    free = np.arange(len(names)) != index[anchor]
    best = likelihood.maximize(np.zeros(len(names)), free)
    found = {anchor: Rating(anchor_elo, anchor_elo, anchor_elo)}
    for name in names[1:] if of is None else [name for name in names[1:] if name in of]:
        low, high = (likelihood.bound(best, free, index[name], side) for side in (-1.0, 1.0))
        elo, below, above = (anchor_elo + ELO * float(value) for value in (best[index[name]], low, high))
        found[name] = Rating(elo, below, above)
    return found


def _connected(results: Sequence[Result], anchor: str) -> List[str]:
    """The anchor, and then whoever is connected with it."""
    met: Dict[str, Set[str]] = {anchor: set()}
    for one in results:
        met.setdefault(one.first, set()).add(one.second)
        met.setdefault(one.second, set()).add(one.first)
    names, known = [anchor], {anchor}
    for name in names:
        fresh = sorted(met[name] - known)
        names += fresh
        known.update(fresh)
    return names


class _Likelihood:
    """The quasi-log-likelihood of ratings r [players], in logits."""

    def __init__(self, results: Sequence[Result], index: Dict[str, int]) -> None:
        self.first = np.array([index[one.first] for one in results], np.int64)
        self.second = np.array([index[one.second] for one in results], np.int64)
        games, points = np.zeros((2, len(results)))
        for row, one in enumerate(results):
            mean, variance = stats.moments(one.pairs)
            weight = mean * (1.0 - mean) / 2.0 / variance
            score = sum(count * place for place, count in enumerate(one.pairs)) / (stats.OUTCOMES - 1) / sum(one.pairs)
            games[row] = 2 * sum(one.pairs) * weight
            points[row] = games[row] * score
        self.games, self.points = games + PRIOR_GAMES, points + PRIOR_GAMES / 2

    def value(self, r: np.ndarray) -> float:
        gap = r[self.first] - r[self.second]
        lost = self.games - self.points
        return -float(np.sum(self.points * np.logaddexp(0.0, -gap) + lost * np.logaddexp(0.0, gap)))

    def slope(self, r: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """Gradient [players] and information (the negative Hessian) [players, players]."""
        expected = 1.0 / (1.0 + np.exp(r[self.second] - r[self.first]))
        gradient, information = np.zeros(len(r)), np.zeros((len(r), len(r)))
        surplus, weight = self.points - self.games * expected, self.games * expected * (1.0 - expected)
        for one, other, sign in ((self.first, self.second, 1.0), (self.second, self.first, -1.0)):
            np.add.at(gradient, one, sign * surplus)
            np.add.at(information, (one, one), weight)
            np.add.at(information, (one, other), -weight)
        return gradient, information

    def maximize(self, start: np.ndarray, free: np.ndarray) -> np.ndarray:
        """The ratings of the largest likelihood, where those that are not `free` [players] bool stay as in `start`."""
        r = start.copy()
        if not free.any():
            return r
        for _ in range(_STEPS):
            gradient, information = self.slope(r)
            step = np.linalg.solve(information[np.ix_(free, free)], gradient[free])
            largest = float(np.abs(step).max())
            step, before = step / max(1.0, largest), self.value(r)
            trial = r.copy()
            trial[free] += step
            while self.value(trial) < before - 1e-9 and np.abs(step).max() > _PRECISION / 10:
                step = step / 2
                trial[free] = r[free] + step
            r = trial
            if largest < _PRECISION / 10:
                break
        return r

    def bound(self, best: np.ndarray, free: np.ndarray, player: int, side: float) -> float:
        """The rating of `player` below (side −1) or above (+1) its best one where the likelihood has dropped by `_DROP`.

        Newton's method for that drop and for the best ratings of the others at once (Venzon and Moolgavkar, "A Method for
        Computing Profile-Likelihood-Based Confidence Intervals", Applied Statistics 37, 1988), by steps of at most one logit.
        """
        others = free.copy()
        others[player] = False
        least, r = self.value(best) - _DROP, best.copy()
        for step in range(_STEPS):
            gradient, information = self.slope(r)
            sides = np.stack([gradient[others], -information[others, player]], axis=1)
            rise, follow = np.linalg.solve(information[np.ix_(others, others)], sides).T  # if the player stays; as it moves
            slope = gradient[player] + follow @ gradient[others]
            if step == 0:
                curvature = information[player, player] + follow @ information[others, player]
                move = side * math.sqrt(2.0 * _DROP / curvature)
            else:
                move = (least - self.value(r) - rise @ gradient[others] / 2.0) / slope
            moves = np.zeros(len(r))
            moves[others], moves[player] = rise + move * follow, move
            largest = float(np.abs(moves).max())
            r += moves / max(1.0, largest)
            if largest < _PRECISION / 10:
                break
        return float(r[player])
