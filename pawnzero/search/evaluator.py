"""What search asks of a net: the small interface behind which any backend can serve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, List, Protocol, Sequence, runtime_checkable

import numpy as np

from pawnzero.games.base import Game
from pawnzero.games.line import Line, encode_lines

_MOST_PLIES = 60


@dataclass(frozen=True)
class Question:
    """B positions that an evaluator is asked about, 1 or more, and room for what it says of them.

    To read:
      bits    [B, P] uint64, scalars [B, Q] float32   the position as `Game.encode` has it
      legal   [B, M] int16    legal actions; only the first `count` of a row mean anything
      count   [B] int16       1 or more
    To fill:
      logits  [B, M] float32  policy logits in the order of `legal`; only the first `count` of a row mean anything
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
        """Views of the positions from `start` up to `stop`."""
        s = slice(start, stop)
        return Question(self.bits[s], self.scalars[s], self.legal[s], self.count[s], self.logits[s], self.wdl[s])


def allocate_question(game: Game, size: int) -> Question:
    """Room for a question about `size` positions, all zero."""
    return Question(
        np.zeros((size, game.bit_planes), np.uint64),
        np.zeros((size, game.scalar_planes), np.float32),
        np.zeros((size, game.max_legal), np.int16),
        np.zeros(size, np.int16),
        np.zeros((size, game.max_legal), np.float32),
        np.zeros((size, 3), np.float32),
    )


def question_about(game: Game, lines: Sequence[Line]) -> Question:
    """The current positions of lines of `game`, none of which may be over; to be answered."""
    question = allocate_question(game, len(lines))
    question.bits[:], question.scalars[:] = encode_lines(game, lines)
    for row, line in enumerate(lines):
        question.count[row] = len(line.legal)
        question.legal[row, : len(line.legal)] = line.legal
    return question


def random_question(game: Game, size: int, seed: int = 0) -> Question:
    """Positions after up to `_MOST_PLIES` random moves, for a seed always the same ones; to measure with."""
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
    """Answers questions about positions with logits at their legal actions and WDL. Several threads may ask at once."""

    def enter_thread(self, workers: int) -> None:
        """Called in each thread that is going to evaluate, where `workers` threads will do so side by side, and again where
        their number changes."""

    def evaluate(self, question: Question) -> None:
        """Fill the question's `logits` and `wdl`."""


Collect = Callable[[], None]
"""Waits for the answers to a question and puts them where they were asked for. To be called once."""


def at_once() -> None:
    """The `Collect` of answers that are there already."""


@dataclass(frozen=True)
class Appetite:
    """What suits an evaluator's device.

    batch:     positions a question should have
    questions: that a thread should keep under way: 1 where the thread's own core does the work
    leaves:    of a wave for each position of a question. Not all ask, since answers are kept and endings need none; and a wave
               takes Python's lock for as long whatever its size
    """

    batch: int = 256
    questions: int = 1
    leaves: int = 1


@runtime_checkable
class OverlappingEvaluator(Evaluator, Protocol):
    """One that knows what suits its device, and may be left alone while that works."""

    appetite: Appetite

    def submit(self, question: Question) -> Collect:
        """`evaluate` without the waiting. The arrays are the evaluator's until what is returned has been called."""


class UniformEvaluator:
    """Knows nothing: equal logits, and a draw. For measuring search alone, and for tests."""

    def enter_thread(self, workers: int) -> None:
        pass

    def evaluate(self, question: Question) -> None:
        question.logits[:] = 0.0
        question.wdl[:] = (0.0, 1.0, 0.0)
