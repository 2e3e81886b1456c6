"""Ratings of many players on one scale, with 95 % intervals, from games that not all of them played against each other.

Model: a player who is d Elo stronger scores 1 / (1 + 10^(−d / 400)) (Bradley and Terry, "Rank Analysis of Incomplete Block
Designs", Biometrika 39, 1952), a draw being half a win, so that a difference of ratings means what `pawnzero.arena.stats` calls
Elo. The ratings maximize the log-likelihood, which is concave; Newton's method finds them.

Draws and pairs: drawn games make scores vary less than wins and losses alone would, and the two games of a pair are correlated.
So each pairing's games are weighted by the variance of independent games without draws divided by the variance that its pairs
show (`stats.moments`): the quasi-likelihood of Wedderburn (Biometrika 61, 1974), with one dispersion per pairing.

Prior: that of Jeffreys, which removes the small-sample bias of the ratings (Firth, "Bias Reduction of Maximum Likelihood
Estimates", Biometrika 80, 1993) and keeps them finite if somebody won all games (Heinze and Schemper, "A Solution to the
Problem of Separation in Logistic Regression", Statistics in Medicine 21, 2002). It acts like additional drawn games of each
pairing, as many as the pairing's leverage, its share of the information about the ratings: one for two players who met nobody
else, next to none for a pairing of very unequal players who are rated by their games against others. A player who won all 20
games against its only opponent is rated 582 Elo above it (95 %: 233 to 1425).

Intervals: an interval contains the ratings at which the log-likelihood, maximized over all other players, is at most 1.92 (half
the 95 % quantile of χ² with one degree of freedom) below its maximum, with the prior's drawn games held fixed. It extends far
on a side where the player met nobody.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Collection, Dict, List, Optional, Sequence, Set, Tuple

import numpy as np

from pawnzero.arena import stats

ELO = 400.0 / math.log(10.0)
"""Elo per logit."""
_DROP = 1.920729
_PRECISION = 1e-4
_STEPS = 200
_LEVERAGE_PRECISION = 1e-4
_FARTHEST = 10.0
"""Maximum step towards a bound, in logits."""


@dataclass(frozen=True)
class Result:
    """Results of two players' games: pentanomial counts of their pairs, by the first player's points (`stats.pair_counts`)."""

    first: str
    second: str
    pairs: Tuple[int, ...]


@dataclass(frozen=True)
class Rating:
    """An Elo rating on the scale fixed by the anchor, and its 95 % interval."""

    elo: float
    low: float
    high: float


def rate(
    results: Sequence[Result], anchor: str, anchor_elo: float = 0.0, of: Optional[Collection[str]] = None
) -> Dict[str, Rating]:
    """The rating of each player connected to `anchor` by a chain of games; the anchor's is fixed at `anchor_elo`.

    of: the players to return besides the anchor (all games are used in any case); None: all. The cost of each interval grows
    with the cube of the number of players.
    """
    results = [one for one in results if sum(one.pairs)]
    names = _connected(results, anchor)
    index = {name: place for place, name in enumerate(names)}
    likelihood = _Likelihood([one for one in results if one.first in index], index)
    free = np.arange(len(names)) != index[anchor]
    best = likelihood.settle(free)
    found = {anchor: Rating(anchor_elo, anchor_elo, anchor_elo)}
    for name in names[1:] if of is None else [name for name in names[1:] if name in of]:
        low, high = (likelihood.bound(best, free, index[name], side) for side in (-1.0, 1.0))
        elo, below, above = (anchor_elo + ELO * float(value) for value in (best[index[name]], low, high))
        found[name] = Rating(elo, below, above)
    return found


def _connected(results: Sequence[Result], anchor: str) -> List[str]:
    """The anchor, then all players connected to it."""
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
    """The quasi-log-likelihood of ratings r [players], in logits, with the prior's drawn games as of the last `settle`."""

    def __init__(self, results: Sequence[Result], index: Dict[str, int]) -> None:
        self.players = len(index)
        self.first = np.array([index[one.first] for one in results], np.int64)
        self.second = np.array([index[one.second] for one in results], np.int64)
        games, points = np.zeros((2, len(results)))
        for row, one in enumerate(results):
            mean, variance = stats.moments(one.pairs)
            weight = mean * (1.0 - mean) / 2.0 / variance
            score = sum(count * place for place, count in enumerate(one.pairs)) / (stats.OUTCOMES - 1) / sum(one.pairs)
            games[row] = 2 * sum(one.pairs) * weight
            points[row] = games[row] * score
        self.played, self.won = games, points
        self.expect(np.ones(len(results)))

    def expect(self, drawn: np.ndarray) -> None:
        """Set the number of the prior's drawn games of each pairing [pairings]."""
        self.games, self.points = self.played + drawn, self.won + drawn / 2

    def settle(self, free: np.ndarray) -> np.ndarray:
        """Maximize the likelihood together with the prior's drawn games; ratings that are not `free` [players] bool stay 0."""
        r, drawn = np.zeros(len(free)), np.ones(len(self.first))
        for _ in range(_STEPS):
            self.expect(drawn)
            r = self.maximize(r, free)
            before, drawn = drawn, self.leverages(r, free)
            if not len(drawn) or np.abs(drawn - before).max() < _LEVERAGE_PRECISION:
                break
        return r

    def leverages(self, r: np.ndarray, free: np.ndarray) -> np.ndarray:
        """Leverage of each pairing for the `free` ratings: [pairings], which sum to the number of free ratings."""
        information = self._information(self._weights(self.played, r))
        known = np.zeros_like(information)
        known[np.ix_(free, free)] = np.linalg.inv(information[np.ix_(free, free)]) if free.any() else 0.0
        of_gap = known[self.first, self.first] + known[self.second, self.second] - 2.0 * known[self.first, self.second]
        return np.asarray(self._weights(self.played, r) * of_gap)

    def value(self, r: np.ndarray) -> float:
        gap = r[self.first] - r[self.second]
        lost = self.games - self.points
        return -float(np.sum(self.points * np.logaddexp(0.0, -gap) + lost * np.logaddexp(0.0, gap)))

    def slope(self, r: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """Gradient [players] and information (the negative Hessian) [players, players]."""
        gradient, surplus = np.zeros(len(r)), self.points - self.games * self._expected(r)
        np.add.at(gradient, self.first, surplus)
        np.add.at(gradient, self.second, -surplus)
        return gradient, self._information(self._weights(self.games, r))

    def _expected(self, r: np.ndarray) -> np.ndarray:
        """Expected score of the first player of each pairing [pairings]."""
        return np.asarray(1.0 / (1.0 + np.exp(r[self.second] - r[self.first])))

    def _weights(self, games: np.ndarray, r: np.ndarray) -> np.ndarray:
        """Information that `games` [pairings] of each pairing carry about the difference of its two ratings [pairings]."""
        expected = self._expected(r)
        return np.asarray(games * expected * (1.0 - expected))

    def _information(self, weights: np.ndarray) -> np.ndarray:
        """Information matrix of the ratings [players, players], from the information of each pairing."""
        information = np.zeros((self.players, self.players))
        for one, other in ((self.first, self.second), (self.second, self.first)):
            np.add.at(information, (one, one), weights)
            np.add.at(information, (one, other), -weights)
        return information

    def maximize(self, start: np.ndarray, free: np.ndarray) -> np.ndarray:
        """The ratings that maximize the likelihood, with those that are not `free` [players] bool held at `start`."""
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
        """The rating of `player` below (side −1) or above (+1) its best one at which the log-likelihood is lower by `_DROP`.

        By Newton's method, with the other ratings maximized at each step. The log-likelihood is concave, so once a step
        overshoots, all later ones approach the bound from outside. The slope is the partial derivative for the player alone,
        since those of the others are 0 at their maximum.
        """
        others = free.copy()
        others[player] = False
        least, r = self.value(best) - _DROP, best.copy()
        move = side * math.sqrt(2.0 * _DROP * self._variance(best, free, player))
        for _ in range(_STEPS):
            r[player] += min(max(move, -_FARTHEST), _FARTHEST)
            r = self.maximize(r, others)
            gradient, _ = self.slope(r)
            move = (least - self.value(r)) / float(gradient[player])
            if abs(move) < _PRECISION:
                break
        return float(r[player])

    def _variance(self, r: np.ndarray, free: np.ndarray, player: int) -> float:
        """Variance of the rating of `player` by the curvature of the likelihood at `r`, in logits²."""
        _, information = self.slope(r)
        unit = (np.flatnonzero(free) == player).astype(float)
        return float(unit @ np.linalg.solve(information[np.ix_(free, free)], unit))
