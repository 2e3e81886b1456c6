"""One rating for all: known values, the arena's own figures, perfect scores, and simulated ladders whose truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pawnzero.arena import stats
from pawnzero.ladder.climb import pairings
from pawnzero.ladder.contestants import Contestant
from pawnzero.ladder.ratings import Rating, Result, rate


def test_two_players_have_the_elo_of_their_score():
    counts = (50, 200, 400, 300, 250)
    found = rate([Result("a", "b", counts)], "b")
    one = stats.estimate(counts)
    assert found["b"] == Rating(0.0, 0.0, 0.0)
    assert found["a"].elo == pytest.approx(one.elo, abs=0.2)
    assert found["a"].low == pytest.approx(one.elo_low, abs=0.5)
    assert found["a"].high == pytest.approx(one.elo_high, abs=0.5)


def test_between_two_the_prior_is_one_drawn_game():
    """Pairs that vary as independent games without draws do, so that each counts as two games."""
    counts = (5, 0, 10, 0, 5)
    (found,) = (one for name, one in rate([Result("a", "b", counts)], "b", 100.0).items() if name == "a")
    assert found.elo == pytest.approx(100.0, abs=1e-3)
    won = rate([Result("a", "b", (0, 0, 0, 0, 10))], "b")["a"]
    assert [round(value) for value in (won.elo, won.low, won.high)] == [582, 233, 1425]  # as docs/arena.md says
    mean, variance = stats.moments((0, 0, 0, 0, 10))
    games = 20 * mean * (1 - mean) / 2 / variance
    assert won.elo == pytest.approx(stats.elo_from_score((games + 0.5) / (games + 1)), abs=0.1)


def test_perfect_scores_end_somewhere():
    chain = [Result(f"p{n + 1}", f"p{n}", (0, 0, 0, 0, 10)) for n in range(4)]
    found = rate(chain, "p0")
    elos = [found[f"p{n}"].elo for n in range(5)]
    assert np.diff(elos) == pytest.approx([elos[1]] * 4, abs=0.1)
    for name in ("p1", "p2", "p3", "p4"):
        one = found[name]
        assert 0 < one.low < one.elo < one.high < math.inf
        assert one.high - one.elo > one.elo - one.low  # nobody held it from above
    lost = rate([Result("p0", "p1", (10, 0, 0, 0, 0))], "p0")["p1"]
    assert (lost.elo, lost.low, lost.high) == pytest.approx((found["p1"].elo, found["p1"].low, found["p1"].high), abs=0.1)


def test_games_among_others_tell_of_both():
    direct = [Result("a", "r", (2, 4, 8, 4, 2)), Result("b", "r", (0, 2, 6, 6, 6))]
    alone, helped = rate(direct, "r"), rate([*direct, Result("b", "a", (5, 20, 50, 60, 40))], "r")
    for name in ("a", "b"):
        assert helped[name].high - helped[name].low < alone[name].high - alone[name].low


def test_the_anchor_moves_everybody_alike():
    results = [Result("a", "b", (1, 2, 3, 4, 5)), Result("b", "c", (1, 2, 3, 4, 5))]
    low, high = rate(results, "c", 1000.0), rate(results, "a", 0.0)
    assert low["a"].elo - low["c"].elo == pytest.approx(high["a"].elo - high["c"].elo, abs=1e-2)
    assert low["c"] == Rating(1000.0, 1000.0, 1000.0)
    assert (low["a"].high - low["a"].low) == pytest.approx(high["c"].high - high["c"].low, abs=0.1)


def test_an_interval_ends_where_the_likelihood_of_the_others_best_ratings_has_dropped():
    """Small ladders, some of them with nothing but wins, by a search that only follows the likelihood up."""
    random = np.random.default_rng(3)
    for spread in (0.05, 0.3, 1.0, 1.0):
        meetings = [("a", "r"), ("b", "a"), ("b", "r")]
        results = [
            Result(first, second, tuple(int(count) for count in random.multinomial(10, random.dirichlet([spread] * 5))))
            for first, second in meetings
        ]
        found = rate(results, "r")
        elos = {name: found[name].elo for name in "abr"}
        drawn = _leverages(results, elos)
        assert sum(drawn) == pytest.approx(2)  # two ratings are free
        top = _log_likelihood(results, elos, drawn)
        for name in "ab":  # these are the ratings of the largest likelihood that has these drawn games
            assert top > max(_log_likelihood(results, {**elos, name: elos[name] + step}, drawn) for step in (-1.0, 1.0))
        for name, other in ("ab", "ba"):
            for bound in (found[name].low, found[name].high):
                fixed = max(
                    _log_likelihood(results, {"r": 0.0, name: bound, other: elo}, drawn)
                    for elo in np.arange(found[other].elo - 3000.0, found[other].elo + 3000.0, 2.0)
                )
                assert top - fixed == pytest.approx(1.92, abs=0.02)


def test_one_rating_alone_is_the_one_among_all():
    results = [Result("a", "b", (1, 2, 3, 4, 5)), Result("b", "c", (3, 2, 3, 2, 1)), Result("c", "a", (4, 4, 4, 2, 0))]
    assert rate(results, "a", of=["c"]) == {name: one for name, one in rate(results, "a").items() if name in "ac"}


def _games(result):
    """A pairing's games, weighed by their variance as the module's docstring has it."""
    mean, variance = stats.moments(result.pairs)
    return 2 * sum(result.pairs) * mean * (1 - mean) / 2 / variance


def _leverages(results, elos):
    """Those of a weighted regression on who meets whom, the last player at a fixed rating: the hat matrix's diagonal."""
    names = sorted(elos)[:-1]
    design = np.array([[(name == one.first) - (name == one.second) for name in names] for one in results], float)
    scores = [stats.score_from_elo(elos[one.first] - elos[one.second]) for one in results]
    weights = np.array([_games(one) * score * (1 - score) for one, score in zip(results, scores)])
    basis, _ = np.linalg.qr(np.sqrt(weights)[:, None] * design)
    return (basis**2).sum(1)


def _log_likelihood(results, elos, drawn):
    """As the module's docstring has it: games weighed by their variance, and so many more of each pairing drawn."""
    total = 0.0
    for one, more in zip(results, drawn):
        games = _games(one)
        points = games * float(np.dot(one.pairs, range(5))) / 4 / sum(one.pairs)
        gap = (elos[one.first] - elos[one.second]) * math.log(10) / 400
        won, lost = points + more / 2, games - points + more / 2
        total -= won * math.log1p(math.exp(-gap)) + lost * math.log1p(math.exp(gap))
    return total


def test_whom_nobody_connects_has_no_rating():
    results = [Result("a", "b", (0, 0, 1, 0, 0)), Result("c", "d", (0, 0, 1, 0, 0)), Result("a", "e", (0, 0, 0, 0, 0))]
    assert set(rate(results, "b")) == {"a", "b"}
    assert rate([], "r") == {"r": Rating(0.0, 0.0, 0.0)}


def test_order_of_players_and_pairings_does_not_matter():
    results = [Result("a", "b", (1, 2, 3, 4, 5)), Result("b", "c", (3, 2, 3, 2, 1)), Result("c", "a", (4, 4, 4, 2, 0))]
    turned = [Result(one.second, one.first, one.pairs[::-1]) for one in reversed(results)]
    one, other = rate(results, "a"), rate(turned, "a")
    for name in "bc":
        assert one[name].elo == pytest.approx(other[name].elo, abs=1e-2)
        assert one[name].low == pytest.approx(other[name].low, abs=0.1)


@pytest.mark.parametrize("draws", [0.0, 0.5])
def test_intervals_cover_the_truth_95_times_of_100(draws):
    """Five players 100 Elo apart, neighbours and the anchor met in 30 pairs each, with and without draws."""
    random, ladders = np.random.default_rng(17), 80
    truth = np.arange(5) * 100.0
    meetings = [(1, 0), (2, 1), (3, 2), (4, 3), (2, 0), (3, 0)]
    covered, errors = [], []
    for _ in range(ladders):
        results = []
        for first, second in meetings:
            score = stats.score_from_elo(truth[first] - truth[second])
            tie = 2 * draws * min(score, 1 - score)
            points = random.choice([1.0, 0.5, 0.0], 60, p=[score - tie / 2, tie, 1 - score - tie / 2])
            results.append(Result(str(first), str(second), stats.pair_counts(points)))
        found = rate(results, "0")
        covered += [found[str(n)].low <= truth[n] <= found[str(n)].high for n in range(1, 5)]
        errors += [found[str(n)].elo - truth[n] for n in range(1, 5)]
    tolerance = 4 * math.sqrt(
        0.95 * 0.05 / ladders
    )  # the four ratings of a ladder lean on each other: as if one of them counted
    assert abs(np.mean(covered) - 0.95) < tolerance / 2
    assert abs(np.mean(errors)) < 12.0


class _Scores:
    """Stands in for a ladder's book: who scored how much against whom."""

    def __init__(self):
        self.scores = {}

    def score(self, first, second):
        return self.scores[first, second]


@pytest.mark.parametrize(("between", "engines"), [(100, ()), (200, ()), (100, (300, 500, 800, 1000, 1400))])
def test_a_ladder_that_met_as_ladders_do_covers_the_truth(between, engines):
    """Twelve nets, each stronger than the one before, all of which meet the random mover, and engines as far as they can, in
    ten pairs: gaps of up to 2,400 Elo, most of what is known coming by way of others."""
    random, ladders = np.random.default_rng(29), 60
    steady = [Contestant("random", "random", "random"), *(Contestant(f"engine {elo}", "", "engine") for elo in engines)]
    nets = [Contestant(f"step {n}", "", "checkpoint", n) for n in range(1, 13)]
    truth = {
        "random": 0.0,
        **{f"engine {elo}": float(elo) for elo in engines},
        **{f"step {n}": n * between for n in range(1, 13)},
    }
    newest, oldest = "step 12", "step 1"
    covered, errors = [], []
    for _ in range(ladders):
        results, book = [], _Scores()
        for first, second in pairings(steady, nets, book):
            score = stats.score_from_elo(truth[first.name] - truth[second.name])
            tie = 0.6 * min(score, 1 - score)
            points = random.choice([1.0, 0.5, 0.0], 20, p=[score - tie / 2, tie, 1 - score - tie / 2])
            book.scores[first.name, second.name] = points.mean()
            results.append(Result(first.name, second.name, stats.pair_counts(points)))
        for anchor in ("random", oldest):  # as the ladder has it, and as the report's first sentence does
            found, gap = rate(results, anchor, of=[newest])[newest], truth[newest] - truth[anchor]
            covered.append(found.low <= gap <= found.high)
            errors.append((found.elo - gap) / gap)
    assert np.mean(covered) > 0.95 - 4 * math.sqrt(0.95 * 0.05 / ladders)
    assert abs(np.mean(errors)) < 0.05
