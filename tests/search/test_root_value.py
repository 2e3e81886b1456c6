"""What a Gumbel search says its root is worth: what the improved policy is, not the mean over all that was tried.

`test_gumbel` holds the number against the naive search; here stands why it is that one.
"""

from __future__ import annotations

import dataclasses
from typing import Sequence

import numpy as np
import pytest

from pawnzero.games import get_game
from pawnzero.games.line import Line
from pawnzero.judge import solver_for
from pawnzero.search import Question, UniformEvaluator
from tests.search.test_gumbel import CONFIG, gumbel_search, results_of


def test_moves_that_were_only_tried_do_not_drag_the_root_down() -> None:
    """After 112233 the fourth column wins at once; 6 of 8 simulations try the other columns, of which nothing is known."""
    game = get_game("connect_four")
    line = Line(game, game.parse("112233"))
    result = results_of(gumbel_search(game, UniformEvaluator(), CONFIG, [line], 8))
    assert result.visits[0].tolist() == [1, 1, 1, 2, 1, 1, 1]
    assert result.q[0].tolist() == [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]
    assert result.root_wdl[0, 0] == pytest.approx(result.policy[0, 3], abs=1e-6)
    assert result.root_wdl[0, 0] > 0.95


class Truth(UniformEvaluator):
    """Says of each position of tic-tac-toe who wins by perfect play, and nothing of its moves."""

    def __init__(self, lines: Sequence[Line], outcomes: Sequence[int]) -> None:
        self.outcomes = {line.state.tobytes(): outcome for line, outcome in zip(lines, outcomes)}

    def evaluate(self, question: Question) -> None:
        super().evaluate(question)
        for b, bits in enumerate(question.bits):
            outcome = self.outcomes[bits.tobytes()]  # the mover's pieces and the opponent's, as the state has them
            question.wdl[b] = (outcome == 1, outcome == 0, outcome == -1)


def test_a_search_of_true_values_tells_who_wins() -> None:
    """Without proofs, 64 simulations. A mean over all visits would be right in 71 % of the positions."""
    game = get_game("tic_tac_toe")
    solver = solver_for(game)
    lines = solver.all_lines()
    assert lines is not None
    outcomes = np.sign(solver.scores(np.stack([line.state for line in lines])).max(axis=1)).astype(int)
    wdl = results_of(gumbel_search(game, Truth(lines, outcomes.tolist()), CONFIG, lines, 64)).root_wdl
    value = wdl[:, 0] - wdl[:, 2]
    told = np.where(outcomes == 0, np.abs(value) <= 1 / 3, np.sign(value) == outcomes)
    assert told.mean() > 0.99


class Reckless(UniformEvaluator):
    """Fills up the last column where the mover has three in it, else shuns it; says nothing of who wins."""

    def evaluate(self, question: Question) -> None:
        super().evaluate(question)
        three = np.array([int(pieces) & 0x404040 == 0x404040 for pieces in question.bits[:, 0]])
        question.logits[:] += np.where(question.legal == 6, np.where(three, 4.0, -4.0)[:, np.newaxis], 0.0)


def test_proven_losses_that_were_tried_are_not_the_root_s_value() -> None:
    """After 72727 only a block in column 7 holds, which is not tried; what is tried is proven to lose."""
    game = get_game("connect_four")
    line = Line(game, game.parse("72727"))
    config = dataclasses.replace(CONFIG, solver=True, look_ahead=False, gumbel_considered=2)
    result = results_of(gumbel_search(game, Reckless(), config, [line], 12))
    assert result.visits[0].tolist() == [2, 2, 2, 2, 2, 2, 0]
    assert game.format_action(line.state, int(result.action[0])) == "7"
    assert result.root_wdl[0].tolist() == pytest.approx([0.0, 1.0, 0.0], abs=1e-6)  # what the net says
