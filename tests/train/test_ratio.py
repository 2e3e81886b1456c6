"""Steps that new positions are worth: nothing is lost to rounding."""

from __future__ import annotations

import random

import pytest

from pawnzero.train.ratio import steps_worth


def test_samples_a_position_become_steps() -> None:
    assert steps_worth(1000, 4.0, 64) == (62, pytest.approx(4000 - 62 * 64))
    assert steps_worth(1000, 4.0, 64, owed=32.0) == (63, pytest.approx(0.0))
    assert steps_worth(64, 1.0, 64) == (1, 0.0)


def test_over_many_iterations_the_ratio_is_kept() -> None:
    generator = random.Random(1)
    owed, steps, positions = 0.0, 0, 0
    for _ in range(500):
        new = generator.randrange(0, 90)
        more, owed = steps_worth(new, 1.7, 64, owed)
        steps, positions = steps + more, positions + new
        assert more >= 1
    assert steps * 64 + owed == pytest.approx(1.7 * positions)


def test_a_step_too_many_is_made_up_for() -> None:
    steps, owed = steps_worth(10, 1.0, 64)
    assert (steps, owed) == (1, -54.0)
    assert steps_worth(118, 1.0, 64, owed) == (1, 0.0)
