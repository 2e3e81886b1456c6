"""Answers that cannot be used are refused with what is wrong with them, before anything is played by them."""

from __future__ import annotations

from typing import Tuple

import numpy as np
import pytest

from pawnzero.config import SearchConfig, SelfplayConfig
from pawnzero.errors import PawnzeroError
from pawnzero.games import get_game
from pawnzero.games.line import Line
from pawnzero.search import Question, Searcher
from pawnzero.selfplay.loop import play_games

GAME = get_game("tic_tac_toe")


class Fixed:
    """Gives the same answer to all questions."""

    def __init__(self, logit: float, wdl: Tuple[float, float, float]) -> None:
        self.logit = logit
        self.wdl = wdl

    def enter_thread(self, workers: int) -> None:
        pass

    def evaluate(self, question: Question) -> None:
        question.logits[:] = 0.0
        question.logits[:, 1] = self.logit
        question.wdl[:] = self.wdl


@pytest.mark.parametrize("algorithm", ["gumbel", "puct"])
@pytest.mark.parametrize(
    ("logit", "wdl", "told"),
    [
        (np.nan, (0.2, 0.3, 0.5), "a logit is nan, expected finite numbers"),
        (np.inf, (0.2, 0.3, 0.5), "a logit is inf, expected finite numbers"),
        (-np.inf, (0.2, 0.3, 0.5), "a logit is -inf, expected finite numbers"),
        (0.0, (np.nan, 0.3, 0.5), "win, draw and loss are nan, 0.3, 0.5, expected probabilities that sum to 1"),
        (0.0, (3.0, -1.0, -1.0), "win, draw and loss are 3, -1, -1, expected probabilities that sum to 1"),
        (0.0, (5.0, 5.0, 5.0), "win, draw and loss are 5, 5, 5, expected probabilities that sum to 1"),
    ],
)
def test_what_is_no_answer_is_refused(algorithm: str, logit: float, wdl: Tuple[float, float, float], told: str) -> None:
    config = SearchConfig(algorithm=algorithm)
    with pytest.raises(PawnzeroError) as caught:
        Searcher(GAME, Fixed(logit, wdl), config, 16).run([Line(GAME)])
    assert str(caught.value) == f"the net's answer cannot be used: {told}"
    with pytest.raises(PawnzeroError, match="the net's answer cannot be used"):
        list(play_games(GAME, Fixed(logit, wdl), [0], simulations=16, search=config, settings=SelfplayConfig(), seed=0))


def test_what_half_precision_leaves_is_none_of_it() -> None:
    found = Searcher(GAME, Fixed(-30.0, (0.3355, 0.3325, 0.3294)), SearchConfig(), 16).run([Line(GAME)])
    assert found.visits.sum() == 16
