"""Match statistics: score, Elo, 95 % interval, likelihood of superiority, and the sequential test (SPRT).

The unit is the pair: two games from the same opening with colours swapped. Its five outcomes (0, ½, 1, 1½ or 2 points for the
first player) are counted; such counts are called pentanomial. The games of a pair are correlated through their opening, pairs
are not, so the variance is computed over pairs.

Small samples: two pairs of 1–1 have zero variance, and are little evidence all the same. So intervals are computed after adding
PRIOR_PAIRS pairs, spread evenly over the five outcomes, to the counts, as Agresti and Coull ("Approximate is better than
exact", The American Statistician 52, 1998) add two successes and two failures to a binomial sample. The score itself stays as
played.

Odd games: a match's last game may have no partner. It counts in wins, draws, losses and score. It has no variance of its own
and is treated as half a pair with the variance of the others, so that the score's variance is that of a pair divided by
games / 2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Optional, Sequence, Tuple

from pawnzero.wilson import Z_95

OUTCOMES = 5
"""Number of outcomes of a pair; outcome i is i / 2 points for the first player, a score of i / 4."""
PRIOR_PAIRS = 2.0
_FAR = 2.0
"""See `tested_variance`."""

CONTINUE = "continue"
ACCEPT_H0 = "H0"
ACCEPT_H1 = "H1"


@dataclass(frozen=True)
class Estimate:
    """Estimates of the first player's strength: scores in [0, 1], and Elo differences.

    score:                  points / games, as played
    score_low, score_high:  95 % interval; it always contains the score
    pair_variance:          variance of a pair's score (at most ¼), prior included
    elo, elo_low, elo_high: the three scores as Elo differences; None at scores of 0 and 1, where they are undefined
    los:                    likelihood of superiority: the probability that the first player is the stronger one
    """

    score: float
    score_low: float
    score_high: float
    pair_variance: float
    elo: Optional[float]
    elo_low: Optional[float]
    elo_high: Optional[float]
    los: float


@dataclass(frozen=True)
class Sprt:
    """State of a sequential test: the log-likelihood ratio, the bounds that end the test, and the decision so far."""

    llr: float
    lower: float
    upper: float
    decision: str


def elo_from_score(score: float) -> Optional[float]:
    """The Elo difference with expected score `score`, −400 · log10(1 / score − 1); None at 0 and 1, where it is undefined."""
    if not 0.0 < score < 1.0:
        return None
    return -400.0 * math.log10(1.0 / score - 1.0) + 0.0  # + 0.0: a score of ½ is 0, not −0


def score_from_elo(elo: float) -> float:
    """The expected score of a player who is `elo` stronger (Elo, "The Rating of Chessplayers", 1978, in its logistic form)."""
    return 1.0 / (1.0 + 10.0 ** (-elo / 400.0))


def pair_counts(points: Sequence[float]) -> Tuple[int, int, int, int, int]:
    """Pentanomial counts of games in the order played, each 1, ½ or 0 for the first player; an odd last game is left out."""
    counts = [0] * OUTCOMES
    for first, second in zip(points[0::2], points[1::2]):
        counts[round(2 * (first + second))] += 1
    return (counts[0], counts[1], counts[2], counts[3], counts[4])


def pair_points(pairs: Sequence[int]) -> float:
    """The first player's points in `pairs` (pentanomial counts)."""
    return sum(count * index / 2 for index, count in enumerate(pairs))


def estimate(pairs: Sequence[int], singles: int = 0, points: float = 0.0, *, score: Optional[float] = None) -> Estimate:
    """Estimate strength from pentanomial counts; see the module's docstring.

    singles, points: games without a partner, and the first player's points in them
    score:           of all games played, if only some of them are evidence

    The interval is mean ± 1.96 · √(variance / pairs), all with the prior, widened if necessary to contain the score. The
    likelihood of superiority is the normal distribution function at (mean − ½) / √(variance / pairs).
    """
    games = 2 * sum(pairs) + singles
    assert games > 0, "no games"
    assert 0.0 <= points <= singles, "more points than games"
    if score is None:
        score = (pair_points(pairs) + points) / games
    mean, variance = moments(pairs, singles, points)
    error = math.sqrt(variance / (games / 2 + PRIOR_PAIRS))
    low = max(0.0, min(score, mean - Z_95 * error))
    high = min(1.0, max(score, mean + Z_95 * error))
    return Estimate(
        score=score,
        score_low=low,
        score_high=high,
        pair_variance=variance,
        elo=elo_from_score(score),
        elo_low=elo_from_score(low),
        elo_high=elo_from_score(high),
        los=0.5 * (1.0 + math.erf((mean - 0.5) / (error * math.sqrt(2.0)))),
    )


def sprt_bounds(alpha: float = 0.05, beta: float = 0.05) -> Tuple[float, float]:
    """Log-likelihood ratios at which H0 (lower) and H1 (upper) are accepted: log(β / (1 − α)) and log((1 − β) / α).

    alpha is the probability of accepting H1 when H0 holds, beta that of accepting H0 when H1 holds (Wald, "Sequential Tests of
    Statistical Hypotheses", Annals of Mathematical Statistics 16, 1945).
    """
    assert 0.0 < min(alpha, beta) <= max(alpha, beta) < 0.5, "error rates of a test lie between 0 and one half"
    return math.log(beta / (1.0 - alpha)), math.log((1.0 - beta) / alpha)


def log_likelihood_ratio(pairs: Sequence[int], elo0: float, elo1: float) -> float:
    """Log-likelihood ratio of H1, the first player is `elo1` stronger, to H0, it is `elo0` stronger.

    The generalised SPRT in its normal approximation: pairs · (s1 − s0) · (score − middle) / V, where s0 and s1 are the expected
    scores at the two Elo differences, middle is their mean, and V is `tested_variance` (Van den Bergh, "A Practical
    Introduction to the GSPRT", 2020, after Li, Liu and Ying, "Generalized sequential probability ratio test for separate
    families of hypotheses", Sequential Analysis 33, 2014).
    """
    count = sum(pairs)
    if count == 0:
        return 0.0
    score0, score1 = score_from_elo(elo0), score_from_elo(elo1)
    score = pair_points(pairs) / (2 * count)
    return count * (score1 - score0) * (score - (score0 + score1) / 2) / tested_variance(pairs, score0, score1)


def tested_variance(pairs: Sequence[int], score0: float, score1: float) -> float:
    """The pairs' mean squared deviation from the midpoint of the two tested scores, prior included.

    As in a score test, the variance is taken about the tested value. About the pairs' own mean it would be small when a few
    pairs happen to be alike, which is also when that mean is far off, and tests of few pairs would err more often than stated.
    A mean far from both scores supports neither: its distance from the midpoint is capped at _FAR · (score1 − score0).
    """
    score = pair_points(pairs) / (2 * sum(pairs))
    _, variance = moments(pairs)
    return variance + min(abs(score - (score0 + score1) / 2), _FAR * (score1 - score0)) ** 2


def sprt(pairs: Sequence[int], elo0: float, elo1: float, alpha: float = 0.05, beta: float = 0.05) -> Sprt:
    """State of the test of H0 (`elo0`) against H1 (`elo1` > `elo0`) after these pairs (pentanomial counts)."""
    lower, upper = sprt_bounds(alpha, beta)
    llr = log_likelihood_ratio(pairs, elo0, elo1)
    decision = ACCEPT_H1 if llr >= upper else ACCEPT_H0 if llr <= lower else CONTINUE
    return Sprt(llr, lower, upper, decision)


def moments(pairs: Sequence[int], singles: int = 0, points: float = 0.0) -> Tuple[float, float]:
    """Mean and variance of a pair's score, prior included; each of `singles` enters the mean as half a pair."""
    weights = [count + PRIOR_PAIRS / OUTCOMES for count in pairs]
    scores = [index / (OUTCOMES - 1) for index in range(OUTCOMES)]
    total = sum(weights)
    mean = sum(weight * score for weight, score in zip(weights, scores)) / total
    variance = sum(weight * (score - mean) ** 2 for weight, score in zip(weights, scores)) / total
    return (mean * total + points / 2) / (total + singles / 2), variance
