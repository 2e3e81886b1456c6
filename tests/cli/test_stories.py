"""What was done, in words: figures that are told together belong together, and what is known is told."""

from __future__ import annotations

from pawnzero.cli.stories import train_line


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
    assert train_line(report).startswith("100 steps to step 300: loss 3.5 (policy 2.5, value 1), 1000 samples/s on cpu")
