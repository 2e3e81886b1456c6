"""What the statistics promise, held against simulated matches whose truth is known: intervals, superiority, sequential tests.

A pair is drawn from a small model of its two games: the players' difference, how often games are drawn, how much an opening
favours its White (which makes the games of a pair disagree) and how much it suits one of the players (which makes them agree).
"""

from __future__ import annotations

import functools
import itertools
import math

import numpy as np
import pytest

from pawnzero.arena import stats
from pawnzero.arena.sequential import Hypotheses, SequentialTest

MATCHES = 4000
TOLERANCE = 4 * math.sqrt(0.95 * 0.05 / MATCHES)
"""Four standard errors of a share of 95 % among so many matches: 1.4 %."""
MODELS = {
    "plain": (0.3, 0.0, 0.0),
    "no draws": (0.0, 0.0, 0.0),
    "drawish": (0.8, 0.0, 0.0),
    "openings favour White": (0.3, 200.0, 0.0),
    "openings suit a player": (0.3, 0.0, 200.0),
    "both": (0.5, 150.0, 150.0),
}
"""Share of draws between equals, and the spread of both kinds of openings in Elo."""
ELOS = (0.0, 60.0, -200.0)
SCORES = np.arange(5) / 4
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(15)


def game_outcomes(elo, draws):
    """[3, ...] chances of a loss, a draw and a win at a difference of `elo` [...] (Davidson, 1970)."""
    half = 10.0 ** (np.asarray(elo) / 800.0)
    tie = np.full_like(half, 2.0 * draws / (1.0 - draws))
    parts = np.stack([1.0 / half, tie, half])
    return parts / parts.sum(axis=0)


@functools.lru_cache(maxsize=None)
def pair_outcomes(elo, model):
    """[5] chances of 0, ½, 1, 1½ and 2 points from a pair."""
    draws, white, suits = MODELS[model]
    favour, taste = np.meshgrid(white * _NODES, suits * _NODES)
    weights = np.outer(_WEIGHTS, _WEIGHTS) / _WEIGHTS.sum() ** 2
    first, second = game_outcomes(elo + taste + favour, draws), game_outcomes(elo + taste - favour, draws)
    chances = np.zeros(5)
    for one, other in itertools.product(range(3), range(3)):
        chances[one + other] += np.sum(weights * first[one] * second[other])
    return chances


def stronger_by(elo, model):
    """The model's pairs whose expected score is that of `elo`, which openings of different kinds pull towards ½."""
    low, high = -800.0, 800.0
    for _ in range(60):
        middle = (low + high) / 2
        below = np.dot(pair_outcomes(middle, model), SCORES) < stats.score_from_elo(elo)
        low, high = (middle, high) if below else (low, middle)
    return pair_outcomes(low, model)


def simulated(chances, pairs, seed):
    """Estimates of MATCHES matches; equal counts are estimated once."""
    samples = np.random.default_rng(seed).multinomial(pairs, chances, size=MATCHES)
    counts, inverse = np.unique(samples, axis=0, return_inverse=True)
    estimates = [stats.estimate(row) for row in counts.tolist()]
    return [estimates[index] for index in inverse.ravel()]


def test_the_model_makes_the_pairs_it_says():
    variance = {model: np.dot(pair_outcomes(0.0, model), (SCORES - 0.5) ** 2) for model in MODELS}
    assert variance["drawish"] < variance["plain"] < variance["no draws"] == pytest.approx(0.125)
    assert variance["openings favour White"] < variance["plain"] < variance["openings suit a player"]


@pytest.mark.parametrize("pairs", [30, 150])
@pytest.mark.parametrize("model", MODELS)
def test_intervals_cover_the_truth_95_times_of_100(model, pairs):
    for elo in ELOS:
        chances = pair_outcomes(elo, model)
        truth = float(np.dot(chances, SCORES))
        found = simulated(chances, pairs, seed=pairs)
        covered = np.mean([one.score_low <= truth <= one.score_high for one in found])
        # The prior of two pairs makes small samples' intervals a little wide: never narrower than they say.
        assert 0.95 - TOLERANCE <= covered <= 0.95 + TOLERANCE + 0.6 / pairs, (elo, covered)
        elos = np.mean([(one.elo_low or -1e9) <= stats.elo_from_score(truth) <= (one.elo_high or 1e9) for one in found])
        assert elos == covered


@pytest.mark.parametrize("model", MODELS)
def test_superiority_is_as_likely_as_it_says(model):
    """Between equals the likelihood of superiority lies below q in a share q of matches, for every q."""
    los = np.array([one.los for one in simulated(pair_outcomes(0.0, model), 150, seed=7)])
    for q in (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975):
        share = (np.mean(los < q) + np.mean(los <= q)) / 2
        assert abs(share - q) <= 4 * math.sqrt(q * (1 - q) / MATCHES) + 0.003, (q, share)


def stopped_pairs(chances, elos, matches, most, seed, rates=(0.05, 0.05)):
    """Pentanomial counts of simulated matches when a test between `elos` ends them, or after `most` pairs."""
    random, found = np.random.default_rng(seed), []
    for _ in range(matches):
        counts = [0] * 5
        for outcome in random.choice(5, most, p=chances).tolist():
            counts[outcome] += 1
            if stats.sprt(counts, *elos, *rates).decision != stats.CONTINUE:
                break
        found.append(tuple(counts))
    return found


@pytest.mark.parametrize("model", ["plain", "openings suit a player"])
@pytest.mark.parametrize(("elo", "wrong"), [(0.0, stats.ACCEPT_H1), (80.0, stats.ACCEPT_H0)])
@pytest.mark.parametrize("rates", [(0.05, 0.05), (0.1, 0.2)])
def test_a_sequential_test_errs_no_more_often_than_stated(model, elo, wrong, rates):
    """Hypotheses that are far apart, where few pairs decide and their variance is not well known."""
    stated = rates[0] if wrong == stats.ACCEPT_H1 else rates[1]
    ended = stopped_pairs(stronger_by(elo, model), (0.0, 80.0), MATCHES, 600, seed=11, rates=rates)
    errors = np.mean([stats.sprt(pairs, 0.0, 80.0, *rates).decision == wrong for pairs in ended])
    # Wald's bounds hold the rates below what is stated, since a test overshoots them a little: half as often is normal.
    assert 0.3 * stated <= errors <= stated + 2 * math.sqrt(stated * (1 - stated) / MATCHES)


def test_who_ends_first_does_not_bias_a_test():
    """Wins are quick and losses slow: a test of whatever has ended takes equals for unequal, one in their order does not."""
    random = np.random.default_rng(5)
    hypotheses, matches, pairs = Hypotheses(0.0, 80.0), 400, 128
    chances = pair_outcomes(0.0, "plain")
    accepted = {"in order": 0, "as they end": 0}
    for _ in range(matches):
        points = random.choice(5, pairs, p=chances) / 2
        ends = np.argsort(random.random(pairs) * (2.5 - points), kind="stable")
        ordered, hasty = SequentialTest(hypotheses), SequentialTest(hypotheses)
        for place, number in enumerate(ends.tolist()):
            for game in range(2):
                ordered.take(2 * number + game, points[number] / 2)
                hasty.take(2 * place + game, points[number] / 2)
        accepted["in order"] += ordered.state.decision == stats.ACCEPT_H1
        accepted["as they end"] += hasty.state.decision == stats.ACCEPT_H1
    assert accepted["in order"] / matches < 0.08
    assert accepted["as they end"] / matches > 0.3


def test_the_order_in_which_games_end_changes_nothing():
    random = np.random.default_rng(3)
    points = random.choice([0.0, 0.5, 1.0], 400, p=[0.2, 0.3, 0.5])
    tests = []
    for order in (range(400), random.permutation(400).tolist(), range(399, -1, -1)):
        test = SequentialTest(Hypotheses(0.0, 40.0))
        for number in order:
            test.take(number, points[number])
        tests.append(test.to_json())
    assert tests[0]["decision"] == stats.ACCEPT_H1
    assert 10 < tests[0]["pairs"] < 200
    assert tests[0] == tests[1] == tests[2]
    counted = stats.pair_counts(points[: 2 * tests[0]["pairs"]])
    assert tests[0]["llr"] == stats.log_likelihood_ratio(counted, 0.0, 40.0)
    assert stats.sprt(stats.pair_counts(points[: 2 * tests[0]["pairs"] - 2]), 0.0, 40.0).decision == stats.CONTINUE
