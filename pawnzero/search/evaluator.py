"""What search asks of a net: the small interface behind which any backend can serve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Protocol, runtime_checkable

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


Collect = Callable[[], None]
"""Waits for the answers to a question and puts them where they were asked for. To be called once."""


def at_once() -> None:
    """The `Collect` of answers that are there already."""


@dataclass(frozen=True)
class Appetite:
    """What suits an evaluator's device.

    batch:     positions a question should have
    questions: that a thread should keep under way: 1 where the thread's own core does the work
    """

    batch: int = 256
    questions: int = 1


@runtime_checkable
class OverlappingEvaluator(Evaluator, Protocol):
    """One that knows what suits its device, and may be left alone while that works."""

    appetite: Appetite

    def submit(
        self,
        bits: np.ndarray,
        scalars: np.ndarray,
        legal: np.ndarray,
        count: np.ndarray,
        logits: np.ndarray,
        wdl: np.ndarray,
    ) -> Collect:
        """`evaluate` without the waiting. The arrays are the evaluator's until what is returned has been called."""


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
