"""The games' random streams: right distributions, and streams that do not meet."""

from __future__ import annotations

import numpy as np

from pawnzero.search.random import gamma, normal, stream, uniform


def test_uniform_fills_the_unit_interval() -> None:
    rng = np.array([stream(3, 5)], np.uint64)
    drawn = np.array([uniform(rng, 0) for _ in range(20_000)])
    assert drawn.min() >= 0.0
    assert drawn.max() < 1.0
    counts, _ = np.histogram(drawn, 20, (0, 1))
    assert counts.min() > 850
    assert counts.max() < 1150


def test_moments_of_normal_and_gamma() -> None:
    rng = np.array([stream(1, 2)], np.uint64)
    normals = np.array([normal(rng, 0) for _ in range(20_000)])
    assert abs(normals.mean()) < 0.03
    assert abs(normals.std() - 1) < 0.03
    for shape in (0.3, 1.0, 4.5):
        drawn = np.array([gamma(rng, 0, shape) for _ in range(20_000)])
        assert abs(drawn.mean() - shape) < 5 * np.sqrt(shape / 20_000)
        assert abs(drawn.var() - shape) < 0.15 * shape + 0.02


def test_streams_are_distinct_and_repeatable() -> None:
    streams = {int(stream(seed, number)) for seed in range(40) for number in range(250)}
    assert len(streams) == 40 * 250
    assert stream(7, 2**62 + 1) == stream(7, 2**62 + 1)
    rng = np.array([stream(0, 0), stream(0, 1)], np.uint64)
    first = [uniform(rng, 0) for _ in range(1000)]
    second = [uniform(rng, 1) for _ in range(1000)]
    assert abs(float(np.corrcoef(first, second)[0, 1])) < 0.15
