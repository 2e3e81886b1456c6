"""What is said of a match that a test has stopped, held against simulated matches whose truth is known."""

from __future__ import annotations

import functools
import math

import numpy as np
import pytest

from pawnzero.arena import stats
from pawnzero.arena.sprt_estimate import estimate_stopped, leaves, stays_above
from tests.arena.test_stats_simulated import stopped_pairs, stronger_by

MATCHES = 500


@functools.lru_cache(maxsize=None)
def told(pairs, elo0, elo1):
    return estimate_stopped(pairs, elo0, elo1)


def bound(elo, other):
    return other if elo is None else elo


@pytest.mark.parametrize("most", [40, 400])
@pytest.mark.parametrize("elo", [-100.0, 0.0, 35.0, 80.0, 200.0])
def test_estimates_of_stopped_matches_hold_the_truth_95_times_of_100(elo, most):
    """Where `most` pairs come first the test is undecided; with 40 most are, with 400 few."""
    chances = stronger_by(elo, "openings suit a player")
    found = [told(pairs, 0.0, 80.0) for pairs in stopped_pairs(chances, (0.0, 80.0), MATCHES, most, seed=5)]
    covered = np.mean([bound(one.elo_low, -1e9) <= elo <= bound(one.elo_high, 1e9) for one in found])
    # Where the truth is far from both differences the variance about their middle makes it wide.
    assert 0.95 - 3 * math.sqrt(0.95 * 0.05 / MATCHES) <= covered <= (1.0 if elo > 80 else 0.99)
    middles = np.array([bound(one.elo, math.copysign(1e9, one.los - 0.5)) for one in found])
    assert abs(np.mean(middles < elo) - 0.5) <= 3 * math.sqrt(0.25 / MATCHES)
    assert abs(np.median(middles) - elo) <= 8 + 0.05 * abs(elo)


def test_between_equals_superiority_is_as_likely_as_it_says():
    """Of a fixed sample's `los`, one in twelve such matches would be above 97.5 %, and its score far from ½ after H1."""
    pairs = stopped_pairs(stronger_by(0.0, "plain"), (0.0, 35.0), MATCHES, 400, seed=6)
    los = np.array([told(one, 0.0, 35.0).los for one in pairs])
    for q in (0.025, 0.1, 0.5, 0.9, 0.975):
        assert abs(np.mean(los <= q) - q) <= 3 * math.sqrt(q * (1 - q) / MATCHES) + 0.01, q
    naive = np.array([stats.estimate(one).los for one in pairs])
    assert np.mean((naive < 0.025) | (naive > 0.975)) > 0.075
    accepted = [one for one in pairs if stats.sprt(one, 0.0, 35.0).decision == stats.ACCEPT_H1]
    middles = [told(one, 0.0, 35.0).elo for one in accepted]
    assert np.mean(middles) < np.mean([stats.estimate(one).elo for one in accepted]) - 5


def walks(drift, upper, lower, time, place):
    """Shares of 20,000 random walks of 2,000 steps that pass the upper barrier first, and that are above `place` at the end."""
    random = np.random.default_rng(1)
    length = math.sqrt(time / 2000)
    upper, lower = upper - 0.5826 * length, lower + 0.5826 * length
    walk, inside, passed = np.zeros(20000), np.ones(20000, bool), 0
    for _ in range(2000):
        walk += drift * time / 2000 + length * random.standard_normal(20000)
        passed += np.sum(inside & (walk >= upper))
        inside &= (walk < upper) & (walk > lower)
    return passed / 20000, np.mean(inside & (walk > place))


@pytest.mark.parametrize("where", [(0.3, 1.5, -1.0, 3.0, 0.2), (-0.5, 1.0, -2.0, 1.0, -0.5), (2.0, 1.0, -1.0, 0.3, 0.0)])
def test_a_brownian_motion_leaves_as_random_walks_do(where):
    passed, above = walks(*where)
    assert leaves(*where[:4]) == pytest.approx(passed, abs=0.012)
    assert stays_above(*where) == pytest.approx(above, abs=0.012)


def test_all_paths_leave_or_stay():
    for drift in (-300.0, -3.0, -0.1, 0.0, 0.2, 5.0, 300.0):
        for upper, lower, time in (
            (3.0, -3.0, 1e-6),
            (0.5, -4.0, 1.0),
            (3.0, -1.0, 7.0),
            (1.0, -1.0, 1e4),
            (300.0, -9.0, 50.0),
        ):
            parts = [leaves(drift, upper, lower, time), leaves(-drift, -lower, -upper, time)]
            parts.append(stays_above(drift, upper, lower, time, lower))
            assert sum(parts) == pytest.approx(1.0, abs=1e-9)
            assert min(parts) > -1e-9
    assert leaves(0.0, 2.0, -1.0, 1e5) == pytest.approx(1 / 3)
    assert leaves(1.0, 2.0, -1.0, 1e5) == pytest.approx((1 - math.exp(-2.0)) / (1 - math.exp(-6.0)))


def test_an_undecided_test_that_could_not_have_ended_says_what_its_pairs_do():
    pairs = (5, 20, 50, 30, 9)
    found, plain = estimate_stopped(pairs, -2.0, 2.0, 0.001, 0.001), stats.estimate(pairs)
    assert found.elo == pytest.approx(plain.elo, abs=1.0)
    assert (found.elo_low, found.elo_high) == (pytest.approx(plain.elo_low, abs=3.0), pytest.approx(plain.elo_high, abs=3.0))
    assert found.los == pytest.approx(plain.los, abs=0.005)


def test_estimates_mirror_and_agree_with_themselves():
    for pairs in ((0, 0, 3, 5, 7), (0, 2, 10, 9, 6), (1, 8, 20, 9, 3)):
        one, mirrored = estimate_stopped(pairs, 0.0, 60.0), estimate_stopped(pairs[::-1], -60.0, 0.0)
        assert mirrored.elo == pytest.approx(-one.elo)
        assert (mirrored.elo_low, mirrored.los) == (pytest.approx(-one.elo_high), pytest.approx(1.0 - one.los))
        assert one.elo_low < one.elo < one.elo_high
        assert (one.los > 0.975) == (one.elo_low > 0)


def test_what_cannot_be_said_is_none():
    nothing = estimate_stopped((0, 0, 0, 0, 0), 0.0, 10.0)
    assert (nothing.elo, nothing.elo_low, nothing.elo_high, nothing.los) == (None, None, None, 0.5)
    swept = estimate_stopped((0, 0, 0, 0, 5), 0.0, 10.0)
    assert swept.elo is None
    assert swept.elo_high is None
    assert swept.elo_low > 0
