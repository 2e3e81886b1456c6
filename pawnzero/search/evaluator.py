"""The interface between search and net: batches of positions, and the evaluators that fill in logits and WDL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, List, Protocol, Sequence, runtime_checkable

import numpy as np

from pawnzero.games.base import Game
from pawnzero.games.line import Line, encode_lines

_MOST_PLIES = 60


@dataclass(frozen=True)
class Question:
    """A batch of B positions (1 or more) to evaluate, with room for the results.

    Inputs:
      bits    [B, P] uint64, scalars [B, Q] float32   the position as encoded by `Game.encode`
      legal   [B, M] int16    legal actions; only the first `count` of a row are valid
      count   [B] int16       1 or more
    Outputs:
      logits  [B, M] float32  policy logits in the order of `legal`; only the first `count` of a row are valid
      wdl     [B, 3] float32  win, draw and loss probabilities for the player to move
    """

    bits: np.ndarray
    scalars: np.ndarray
    legal: np.ndarray
    count: np.ndarray
    logits: np.ndarray
    wdl: np.ndarray

    def __len__(self) -> int:
        return len(self.count)

    def part(self, start: int, stop: int) -> Question:
        """Return views of the positions from `start` up to but not including `stop`."""
        s = slice(start, stop)
        return Question(self.bits[s], self.scalars[s], self.legal[s], self.count[s], self.logits[s], self.wdl[s])


def allocate_question(game: Game, size: int) -> Question:
    """Allocate a zeroed batch of `size` positions."""
    return Question(
        np.zeros((size, game.bit_planes), np.uint64),
        np.zeros((size, game.scalar_planes), np.float32),
        np.zeros((size, game.max_legal), np.int16),
        np.zeros(size, np.int16),
        np.zeros((size, game.max_legal), np.float32),
        np.zeros((size, 3), np.float32),
    )


def question_about(game: Game, lines: Sequence[Line]) -> Question:
    """Build a batch from the current positions of lines of `game`, none of which may be over; the outputs are left zero."""
    question = allocate_question(game, len(lines))
    question.bits[:], question.scalars[:] = encode_lines(game, lines)
    for row, line in enumerate(lines):
        question.count[row] = len(line.legal)
        question.legal[row, : len(line.legal)] = line.legal
    return question


def random_question(game: Game, size: int, seed: int = 0) -> Question:
    """Build a batch of positions after up to `_MOST_PLIES` random moves, for measurements; deterministic for a given seed."""
    random = np.random.default_rng(seed)
    lines: List[Line] = []
    while len(lines) < size:
        line, plies = Line(game), random.integers(_MOST_PLIES + 1)
        while not line.over and len(line.actions) < plies:
            line.push(int(random.choice(line.legal)))
        if not line.over:
            lines.append(line)
    return question_about(game, lines)


class Evaluator(Protocol):
    """Evaluates positions: logits of their legal actions, and WDL. Several threads may call it at once."""

    def enter_thread(self, workers: int) -> None:
        """Called in each thread before it evaluates, and again when the number of threads that evaluate concurrently changes.

        workers: that number
        """

    def evaluate(self, question: Question) -> None:
        """Fill the batch's `logits` and `wdl`."""


Collect = Callable[[], None]
"""Waits for the results of a submitted batch and stores them in it. To be called once."""


def at_once() -> None:
    """The `Collect` of a batch whose results are already there."""


@dataclass(frozen=True)
class Appetite:
    """What suits an evaluator's device.

    batch:     positions per batch
    questions: batches that a thread should keep in flight; 1 if the thread's own core does the work
    leaves:    leaves in a wave per position of a batch: cached and ended leaves need no evaluation, and a wave holds Python's
               lock equally long whatever its size
    """

    batch: int = 256
    questions: int = 1
    leaves: int = 1


@runtime_checkable
class OverlappingEvaluator(Evaluator, Protocol):
    """An evaluator that knows what suits its device and works asynchronously."""

    appetite: Appetite

    def submit(self, question: Question) -> Collect:
        """`evaluate` without waiting. The arrays belong to the evaluator until the returned `Collect` has been called."""


class UniformEvaluator:
    """Returns equal logits and a draw for every position, for tests and to measure search alone."""

    def enter_thread(self, workers: int) -> None:
        pass

    def evaluate(self, question: Question) -> None:
        question.logits[:] = 0.0
        question.wdl[:] = (0.0, 1.0, 0.0)
