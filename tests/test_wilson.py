"""Wilson's interval: what it is, and that it holds the truth at small rates too."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pawnzero.wilson import Z_95, Z_95_ONE_SIDED, wilson


@pytest.mark.parametrize(("count", "of"), [(0, 20), (1, 20), (10, 20), (20, 20), (6, 600)])
def test_its_ends_are_the_shares_that_the_count_is_just_compatible_with(count: int, of: int) -> None:
    low, high = wilson(count, of)
    for end in (low, high):
        if 0.0 < end < 1.0:
            assert abs(count / of - end) == pytest.approx(Z_95 * math.sqrt(end * (1.0 - end) / of))
    assert 0.0 <= low <= count / of <= high <= 1.0
    assert low < high


def test_the_share_itself_is_within_whatever_is_rounded() -> None:
    of = np.arange(1, 2000)
    for z in (Z_95, Z_95_ONE_SIDED):
        assert not wilson(np.zeros_like(of), of, z)[0].any()
        assert (wilson(of, of, z)[1] == 1.0).all()


@pytest.mark.parametrize("share", [0.003, 0.01, 0.05, 0.5])
def test_it_holds_the_truth(share: float) -> None:
    counts = np.random.default_rng(1).binomial(600, share, size=4000)
    low, high = wilson(counts, np.full(4000, 600))
    assert 0.93 <= np.mean((low <= share) & (share <= high)) <= 0.98


def test_nothing_seen_says_nothing() -> None:
    low, high = wilson(np.array([0, 0, 3]), np.array([0, 87, 3]), Z_95_ONE_SIDED)
    assert (low[0], high[0]) == (0.0, 1.0)
    assert high[1] > 0.03 > wilson(0, 88, Z_95_ONE_SIDED)[1]
    assert high[2] == 1.0
