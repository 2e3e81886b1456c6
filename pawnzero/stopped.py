"""What do a match's games say where a test may have stopped them? An Elo difference without that bias, and its interval.

A match that ends as soon as its pairs say enough ends at a moment that flatters: read like a fixed number of games, they lie
too far from the hypotheses' middle, and their interval holds the truth too seldom. Here counts when the test ended, and how.

Outcomes of a test are ordered: H1 accepted early is more than H1 accepted late, that is more than a test that goes on, with the
larger ratio the more, and then comes H0 accepted late and H0 accepted early (Siegmund, "Estimation following sequential tests",
Biometrika 65, 1978; fishtest estimates so too). The lower bound is the difference at which an outcome like this one or more has
a chance of 2.5 %, the estimate that of 50 % (it lies above the truth as often as below), the upper bound that of 97.5 %.

Those chances are a Brownian motion's between two barriers, which the log-likelihood ratio follows nearly: its variance is that
of the pairs, and a step passes a barrier by 0.583 standard deviations on average, by which the barriers are moved outwards
(Siegmund, "Sequential Analysis", 1985, chapter X). `tests/test_stopped.py` holds it against simulated matches.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Callable, Optional, Sequence

from pawnzero import stats

_OVERSHOOT = 0.5826
"""−ζ(½) / √(2π): by how many standard deviations of a step a walk passes a barrier, on average."""
_HALVINGS = 40


@dataclass(frozen=True)
class Stopped:
    """What a sequential match says of its first player's strength.

    elo, elo_low, elo_high: median-unbiased Elo difference and 95 % interval; None where they are undefined
    los:                    likelihood of superiority: above 0.975 where `elo_low` is above 0
    """

    elo: Optional[float]
    elo_low: Optional[float]
    elo_high: Optional[float]
    los: float


def estimate_stopped(pairs: Sequence[int], elo0: float, elo1: float, alpha: float = 0.05, beta: float = 0.05) -> Stopped:
    """What `pairs` (pentanomial counts) say with which `stats.sprt` of the same hypotheses has ended, or not yet.

    Who has won all or nothing has no estimate, and no bound to that side.
    """
    if sum(pairs) == 0:
        return Stopped(None, None, None, 0.5)
    chance = _chance_of_more(pairs, stats.sprt(pairs, elo0, elo1, alpha, beta), elo0, elo1)
    low, middle, high = (stats.elo_from_score(_score_at(chance, share)) for share in (0.025, 0.5, 0.975))
    all_won, nothing_won = (sum(pairs) == count for count in (pairs[-1], pairs[0]))
    return Stopped(
        elo=None if all_won or nothing_won else middle,
        elo_low=None if nothing_won else low,
        elo_high=None if all_won else high,
        los=1.0 - chance(0.5),
    )


def _chance_of_more(pairs: Sequence[int], test: stats.Sprt, elo0: float, elo1: float) -> Callable[[float], float]:
    """How probable an outcome like the test's or more is, for a player who scores so much; it rises with the score.

    Time is counted in pairs, and the ratio in its standard deviations a pair. Who has passed a barrier between two pairs did so
    half a pair before the later one, on average.
    """
    count, score0, score1 = sum(pairs), stats.score_from_elo(elo0), stats.score_from_elo(elo1)
    middle, gap = (score0 + score1) / 2, score1 - score0
    spread = math.sqrt(stats.tested_variance(pairs, score0, score1))
    step = gap / spread  # a standard deviation of what a pair adds to the ratio
    upper, lower = test.upper / step + _OVERSHOOT, test.lower / step - _OVERSHOOT
    place = min(max(test.llr / step, lower), upper)

    def chance(true_score: float) -> float:
        drift = (true_score - middle) / spread
        if test.decision == stats.ACCEPT_H1:
            return leaves(drift, upper, lower, count - 0.5)
        if test.decision == stats.ACCEPT_H0:
            return 1.0 - leaves(-drift, -lower, -upper, count - 0.5)
        return leaves(drift, upper, lower, count) + stays_above(drift, upper, lower, count, place)

    return chance


def _score_at(chance: Callable[[float], float], share: float) -> float:
    """The score at which the chance is `share`; 0 or 1 where it is not within."""
    low, high = 0.0, 1.0
    if chance(low) >= share:
        return low
    if chance(high) <= share:
        return high
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if chance(middle) < share else (low, middle)
    return (low + high) / 2


def leaves(drift: float, upper: float, lower: float, time: float) -> float:
    """How probable it is that a Brownian motion from 0 passes `upper` > 0 before `lower` < 0, and until `time`.

    It has a variance of 1 a unit of time. By images: a sum of inverse Gaussian distributions (Darling and Siegert, "The first
    passage problem for a continuous Markov process", Annals of Mathematical Statistics 24, 1953).
    """
    spread, pull, total = math.sqrt(2.0 * time), abs(drift), 0.0
    for image in _images(upper - lower, time):
        place = upper + 2 * image * (upper - lower)
        far = abs(place)
        here = _tail(drift * upper - pull * far, (far - pull * time) / spread)
        here += _tail(drift * upper + pull * far, (far + pull * time) / spread)
        total += math.copysign(here, place)
    return total


def stays_above(drift: float, upper: float, lower: float, time: float, place: float) -> float:
    """How probable it is that the motion of `leaves` is between its barriers until `time`, and above `place` then."""
    spread, total = math.sqrt(2.0 * time), 0.0
    for image in _images(upper - lower, time):
        for sign, source in ((1, 2 * image * (upper - lower)), (-1, 2 * image * (upper - lower) + 2 * upper)):
            near, far = ((end - source - drift * time) / spread for end in (place, upper))
            if near <= 0.0:
                near, far = -far, -near  # the tail that is the smaller one, whose difference is exact
            total += sign * (_tail(drift * source, near) - _tail(drift * source, far))
    return total


def _images(width: float, time: float) -> range:
    """The images whose terms are not below 10^-17."""
    most = 2 + int(math.sqrt(20.0 * time) / width)
    return range(-most, most + 1)


def _tail(exponent: float, z: float) -> float:
    """exp(exponent) · erfc(z) / 2, also where the one is beyond a float's range and the other below it."""
    if z < 20.0:
        return math.exp(exponent + math.log(math.erfc(z) / 2.0))
    return math.exp(exponent - z * z) / (2.0 * z * math.sqrt(math.pi))
