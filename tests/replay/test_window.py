"""How the window of sampled positions grows."""

from __future__ import annotations

import pytest

from pawnzero.config import TrainConfig
from pawnzero.replay.window import window_rows

KATAGO = TrainConfig(window_start=250_000, window_growth=0.4, window_exponent=0.75)


def test_all_rows_unless_it_is_asked_for() -> None:
    assert [window_rows(total, TrainConfig()) for total in (0, 1, 10**9)] == [1, 1, 10**9]
    assert window_rows(250_000, KATAGO) == 250_000


def test_its_slope_begins_as_set_and_falls_with_the_power() -> None:
    """Against the integral of growth · (n / start) ** (exponent - 1), taken numerically."""
    for config in (KATAGO, TrainConfig(window_start=1000, window_growth=0.9, window_exponent=0.5)):
        start, total = config.window_start, config.window_start * 40
        steps = 100_000
        width = (total - start) / steps
        middles = (start + (i + 0.5) * width for i in range(steps))
        area = sum(config.window_growth * (n / start) ** (config.window_exponent - 1.0) * width for n in middles)
        assert window_rows(total, config) == pytest.approx(start + area, rel=1e-4)
    linear = TrainConfig(window_start=1000, window_growth=0.5, window_exponent=1.0)
    assert window_rows(3000, linear) == 2000


def test_it_never_shrinks_and_never_exceeds_what_there_is() -> None:
    sizes = [window_rows(total, KATAGO) for total in range(1, 3_000_000, 9_973)]
    assert sizes == sorted(sizes)
    assert all(size <= total for size, total in zip(sizes, range(1, 3_000_000, 9_973)))
