"""Statistics against known values, an exact oracle, and simulated small samples; large ones are in test_stats_simulated.py."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pawnzero.arena import stats

PAIRS = {
    "even": (0.05, 0.2, 0.5, 0.2, 0.05),
    "no draws": (0.25, 0.0, 0.5, 0.0, 0.25),
    "drawish": (0.0, 0.04, 0.9, 0.06, 0.0),
    "stronger": (0.01, 0.04, 0.15, 0.3, 0.5),
    "much stronger": (0.0, 0.005, 0.02, 0.075, 0.9),
}
SCORES = np.arange(5) / 4


def test_elo_of_known_scores():
    assert stats.elo_from_score(0.5) == 0.0
    assert math.copysign(1.0, stats.elo_from_score(0.5)) == 1.0
    assert stats.elo_from_score(0.75) == pytest.approx(190.848501)
    assert stats.elo_from_score(0.25) == pytest.approx(-190.848501)
    assert stats.elo_from_score(0.0) is None
    assert stats.elo_from_score(1.0) is None
    for elo in (-700.0, -10.0, 0.0, 35.0, 400.0):
        assert stats.elo_from_score(stats.score_from_elo(elo)) == pytest.approx(elo)


def test_pairs_are_counted_by_their_points():
    points = [0, 0, 0.5, 0, 0, 1, 0.5, 0.5, 1, 0.5, 1, 1]
    assert stats.pair_counts(points) == (1, 1, 2, 1, 1)
    assert stats.pair_counts([*points, 1]) == (1, 1, 2, 1, 1)


def test_large_sample_has_the_textbook_interval():
    counts = (500, 2000, 5000, 2200, 600)
    mean = np.dot(counts, SCORES) / sum(counts)
    error = math.sqrt(np.dot(counts, (SCORES - mean) ** 2) / sum(counts) / sum(counts))
    got = stats.estimate(counts)
    assert got.score == pytest.approx(mean)
    assert got.score_low == pytest.approx(mean - 1.959964 * error, abs=2e-5)
    assert got.score_high == pytest.approx(mean + 1.959964 * error, abs=2e-5)
    assert got.elo_low < got.elo < got.elo_high


@pytest.mark.parametrize("pairs", [2, 10, 40, 200])
@pytest.mark.parametrize("kind", PAIRS)
def test_intervals_hold_the_truth_95_times_of_100(kind, pairs):
    probabilities = PAIRS[kind]
    truth = np.dot(probabilities, SCORES)
    samples = np.random.default_rng(pairs).multinomial(pairs, probabilities, size=1500).tolist()
    estimates = [stats.estimate(counts) for counts in samples]
    covered = np.mean([one.score_low - 1e-12 <= truth <= one.score_high + 1e-12 for one in estimates])
    assert covered >= 0.92
    if pairs == 200:
        assert covered <= 0.985


def test_an_interval_with_an_odd_game_holds_the_truth():
    random = np.random.default_rng(5)
    probabilities = np.array(PAIRS["even"])
    covered = []
    for counts in random.multinomial(12, probabilities, size=1500).tolist():
        one = stats.estimate(counts, 1, random.choice([0.0, 0.5, 1.0], p=[0.225, 0.55, 0.225]))
        covered.append(one.score_low <= 0.5 <= one.score_high)
    assert 0.92 <= np.mean(covered) <= 0.995


@pytest.mark.parametrize("counts", [(0, 0, 2, 0, 0), (0, 0, 0, 0, 2), (2, 0, 0, 0, 0), (0, 0, 0, 0, 10), (0, 0, 30, 0, 0)])
def test_equal_pairs_claim_no_certainty(counts):
    one = stats.estimate(counts)
    assert one.score_high - one.score_low > 0.3 / sum(counts)
    assert 0.0 < one.los < 1.0
    assert one.score_low <= one.score <= one.score_high


def test_two_level_pairs_leave_nearly_everything_open():
    one = stats.estimate((0, 0, 2, 0, 0))
    assert (one.score, one.elo) == (0.5, 0.0)
    assert one.los == pytest.approx(0.5)
    assert one.score_low < 0.3
    assert one.score_high > 0.7


def test_winning_all_leaves_elo_undefined_upwards_only():
    one = stats.estimate((0, 0, 0, 0, 10))
    assert one.elo is None
    assert one.elo_high is None
    assert 100 < one.elo_low < 400
    assert one.los > 0.999


def test_odd_games_of_several_matches_count_each_in_the_score_and_as_half_a_pair():
    counts = (5, 20, 50, 20, 5)
    together = stats.estimate(counts, 3, 2.5)
    assert together.score == pytest.approx((100 + 2.5) / 203)
    assert (together.score_low + together.score_high) / 2 == pytest.approx((102 * 0.5 + 0.5 * 2.5) / 103.5)
    assert together.pair_variance == stats.estimate(counts).pair_variance


def test_odd_last_game_counts_in_the_score_and_as_half_a_pair():
    assert stats.estimate((0, 0, 1, 0, 0), 1, 1.0).score == pytest.approx(2 / 3)
    single = stats.estimate((0, 0, 0, 0, 0), 1, 0.0)
    assert single.score == 0.0
    assert single.score_high > 0.5
    counts = (5, 20, 50, 20, 5)
    with_draw, without = stats.estimate(counts, 1, 0.5), stats.estimate(counts)
    assert with_draw.score == 0.5
    ratio = (with_draw.score_high - with_draw.score_low) / (without.score_high - without.score_low)
    assert ratio == pytest.approx(math.sqrt(102 / 102.5))
    with_win = stats.estimate(counts, 1, 1.0)
    assert (with_win.score_low + with_win.score_high) / 2 == pytest.approx((102 * 0.5 + 0.5 * 1.0) / 102.5)


def test_superiority_mirrors_and_agrees_with_the_interval():
    for counts in [(3, 5, 9, 8, 4), (0, 1, 5, 9, 6), (1, 2, 30, 12, 5)]:
        one, mirrored = stats.estimate(counts), stats.estimate(counts[::-1])
        assert one.los + mirrored.los == pytest.approx(1.0)
        assert one.score_low == pytest.approx(1 - mirrored.score_high)
        assert (one.los > 0.975) == (one.score_low > 0.5)


def exact_log_likelihood(counts, score):
    """Largest log-likelihood of the counts among outcome probabilities of the given mean (Lagrange multiplier by bisection)."""
    shares = np.array(counts) / sum(counts)
    gaps = SCORES - score
    low, high = -1 / gaps.max() + 1e-9, -1 / gaps.min() - 1e-9
    for _ in range(200):
        middle = (low + high) / 2
        if np.sum(shares * gaps / (1 + middle * gaps)) > 0:
            low = middle
        else:
            high = middle
    return np.dot(counts, np.log(shares / (1 + low * gaps)))


@pytest.mark.parametrize("counts", [(60, 390, 1000, 420, 70), (100, 300, 1000, 400, 200), (900, 10, 1400, 10, 980)])
def test_ratio_agrees_with_the_exact_one_in_large_samples(counts):
    exact = exact_log_likelihood(counts, stats.score_from_elo(12.0)) - exact_log_likelihood(counts, stats.score_from_elo(2.0))
    assert stats.log_likelihood_ratio(counts, 2.0, 12.0) == pytest.approx(exact, rel=0.03, abs=0.02)


def test_bounds_are_walds():
    lower, upper = stats.sprt_bounds(0.05, 0.05)
    assert (lower, upper) == (pytest.approx(-2.944, abs=1e-3), pytest.approx(2.944, abs=1e-3))
    lower, upper = stats.sprt_bounds(0.01, 0.1)
    assert (lower, upper) == (pytest.approx(math.log(0.1 / 0.99)), pytest.approx(math.log(90.0)))


def test_no_pairs_decide_nothing():
    assert stats.sprt((0, 0, 0, 0, 0), 0.0, 10.0).decision == stats.CONTINUE
    assert stats.sprt((0, 0, 1, 0, 0), 0.0, 10.0).decision == stats.CONTINUE
    assert stats.sprt((0, 0, 0, 0, 2), 0.0, 10.0).decision == stats.CONTINUE
