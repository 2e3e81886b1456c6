"""What was done, in words: figures that are told together belong together, and what is known is told."""

from __future__ import annotations

from typing import Optional

import pytest

from pawnzero.cli.stories import elo_words, sure_of, train_line


def test_the_losses_told_of_training_are_over_the_same_steps() -> None:
    report = {
        "steps_done": 100,
        "step": 300,
        "loss": 3.5,
        "policy_loss": 2.5,
        "value_loss": 1.0,
        "last_loss": 3.1,
        "samples_per_second": 1000.0,
        "device": "cpu",
        "precision": "float32",
    }
    assert train_line({**report, "steps_done": 1, "step": 54971}).startswith("1 step to step 54,971: loss")
    assert train_line(report).startswith("100 steps to step 300: loss 3.5 (policy 2.5, value 1), 1,000 samples/s on cpu")


@pytest.mark.parametrize(
    ("elo", "low", "high", "words"),
    [
        (168.4, 40.2, 330.0, "Elo +168 (+40 to +330)"),
        (168.4, 40.2, None, "Elo +168 (+40 to ?)"),
        (None, 223.1, None, "Elo above +223"),  # 20 won of 20
        (None, None, -223.1, "Elo below -223"),
        (None, None, None, "Elo undefined"),
    ],
)
def test_an_elo_difference(elo: Optional[float], low: Optional[float], high: Optional[float], words: str) -> None:
    assert elo_words({"elo": elo, "elo_low": low, "elo_high": high}) == words


def test_a_test_that_has_not_ended_the_match_leaves_the_match_its_own_figures() -> None:
    found = {"elo": 60.0, "elo_low": 5.0, "elo_high": 120.0, "los": 0.98}
    for decision, own in (("continue", True), ("H1", False)):
        with_test = {**found, "sprt": {"elo": 30.0, "elo_low": -5.0, "elo_high": 90.0, "los": 0.95, "decision": decision}}
        assert (sure_of(with_test) is with_test) == own
    assert sure_of(found) is found
