"""Elo difference and interval of a match that a sequential test may have stopped, without the bias of stopping.

A match that ends as soon as its pairs decide tends to end at an extreme: estimated as if its length had been fixed, the score
lies too far from the hypotheses' midpoint, and the interval contains the truth too seldom. The estimate here uses when the test
ended, and how.

The outcomes of a test are ordered, from the highest down: H1 accepted early, H1 accepted late, undecided (by the ratio), H0
accepted late, H0 accepted early (Siegmund, "Estimation following sequential tests", Biometrika 65, 1978; fishtest does the
same). The lower bound is the difference at which an outcome at least as high as this one has a probability of 2.5 %; for the
estimate it is 50 % (so that it is above the truth as often as below), for the upper bound 97.5 %.

The probabilities are those of a Brownian motion between two barriers, which approximates the log-likelihood ratio: its variance
is that of the pairs, and a step overshoots a barrier by 0.583 standard deviations on average, by which the barriers are moved
outwards (Siegmund, "Sequential Analysis", 1985, chapter X). `tests/arena/test_sprt_estimate.py` compares it with simulated
matches.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Callable, Optional, Sequence

from pawnzero.arena import stats

_OVERSHOOT = 0.5826
"""−ζ(½) / √(2π): mean overshoot of a random walk over a barrier, in standard deviations of a step."""
_HALVINGS = 40


@dataclass(frozen=True)
class Stopped:
    """Estimates of the first player's strength from a sequential match.

    elo, elo_low, elo_high: median-unbiased Elo difference and 95 % interval; None where undefined
    los:                    likelihood of superiority: above 0.975 when `elo_low` is above 0
    """

    elo: Optional[float]
    elo_low: Optional[float]
    elo_high: Optional[float]
    los: float


def estimate_stopped(pairs: Sequence[int], elo0: float, elo1: float, alpha: float = 0.05, beta: float = 0.05) -> Stopped:
    """Estimate strength from the pairs (pentanomial counts) with which `stats.sprt` of these hypotheses has ended, or not yet.

    A player who has won all pairs 2–0, or lost all 0–2, has no estimate, and no bound on that side.
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
    """The probability of an outcome at least as high as the test's, as a function of the true score, which it increases with.

    Time is measured in pairs, and the ratio in standard deviations of its change per pair. The barrier is crossed between two
    pairs, half a pair before the later one on average.
    """
    count, score0, score1 = sum(pairs), stats.score_from_elo(elo0), stats.score_from_elo(elo1)
    middle, gap = (score0 + score1) / 2, score1 - score0
    spread = math.sqrt(stats.tested_variance(pairs, score0, score1))
    step = gap / spread  # standard deviation of a pair's contribution to the ratio
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
    """The score at which `chance` is `share`; 0 or 1 if there is none between."""
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
    """The probability that a Brownian motion from 0 reaches `upper` > 0 before `lower` < 0, and by `time`.

    It has variance 1 per unit of time. By the method of images: a sum of inverse Gaussian distributions (Darling and Siegert,
    "The first passage problem for a continuous Markov process", Annals of Mathematical Statistics 24, 1953).
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
    """The probability that the motion of `leaves` stays between its barriers until `time`, and is above `place` then."""
    spread, total = math.sqrt(2.0 * time), 0.0
    for image in _images(upper - lower, time):
        for sign, source in ((1, 2 * image * (upper - lower)), (-1, 2 * image * (upper - lower) + 2 * upper)):
            near, far = ((end - source - drift * time) / spread for end in (place, upper))
            if near <= 0.0:
                near, far = -far, -near  # the difference of the smaller tails loses no precision
            total += sign * (_tail(drift * source, near) - _tail(drift * source, far))
    return total


def _images(width: float, time: float) -> range:
    """Indices of the images whose terms may exceed 10^-17."""
    most = 2 + int(math.sqrt(20.0 * time) / width)
    return range(-most, most + 1)


def _tail(exponent: float, z: float) -> float:
    """exp(exponent) · erfc(z) / 2, even if the first factor would overflow and the second underflow."""
    if z < 20.0:
        return math.exp(exponent + math.log(math.erfc(z) / 2.0))
    return math.exp(exponent - z * z) / (2.0 * z * math.sqrt(math.pi))
