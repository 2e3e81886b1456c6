"""What search asks of a net: the small interface behind which any backend can serve."""

from __future__ import annotations

from typing import Protocol

import numpy as np


class Evaluator(Protocol):
    """Answers a batch of B encoded positions (see `Game.encode`) with logits at the legal actions and WDL.

    Several threads may ask at once.
    """

    def enter_thread(self, workers: int) -> None:
        """Called once in each thread that is going to evaluate, where `workers` threads will do so side by side."""

    def evaluate(
        self,
        bits: np.ndarray,
        scalars: np.ndarray,
        legal: np.ndarray,
        count: np.ndarray,
        logits: np.ndarray,
        wdl: np.ndarray,
    ) -> None:
        """Fill `logits` and `wdl`.

        bits [B, P] uint64, scalars [B, Q] float32, legal [B, M] int16, count [B] int16 (1 or more) →
        logits [B, M] float32, policy logits in the order of `legal` (only the first `count` of a row mean anything);
        wdl [B, 3] float32, win, draw and loss probabilities for the player to move.
        """


class UniformEvaluator:
    """Knows nothing: equal logits, and a draw. For measuring search alone, and for tests."""

    def enter_thread(self, workers: int) -> None:
        pass

    def evaluate(
        self,
        bits: np.ndarray,
        scalars: np.ndarray,
        legal: np.ndarray,
        count: np.ndarray,
        logits: np.ndarray,
        wdl: np.ndarray,
    ) -> None:
        logits[:] = 0.0
        wdl[:] = (0.0, 1.0, 0.0)
