"""The net's answers from earlier moves: they save questions, change no search, and are forgotten in time."""

from __future__ import annotations

from dataclasses import replace
from typing import List, Sequence, Tuple

import pytest

from pawnzero.config import SearchConfig
from pawnzero.search import Question
from tests.engine.talk import only, talk
from tests.search.naive import HashEvaluator

BOOK = "position startpos moves e2e4 e7e5"
LATER = f"{BOOK} g1f3 b8c6"


class Counting(HashEvaluator):
    """Counts the positions of each search."""

    def __init__(self) -> None:
        self.asked = 0

    def evaluate(self, question: Question) -> None:
        super().evaluate(question)
        self.asked += len(question)


def told(steps: Sequence[str], search: SearchConfig) -> Tuple[List[str], int]:
    """The moves, their figures without the time, and how many positions the net was asked about."""
    evaluator = Counting()
    said = talk("setoption name MultiPV value 5", *steps, search=search, evaluator=evaluator)
    assert not only(said, "info string")
    return [line.split(" time ")[0] + line[line.find(" pv ") :] for line in said], evaluator.asked


@pytest.mark.parametrize("go", ["go nodes 300", "go nodes 300 depth 90"])  # Gumbel, PUCT
def test_what_a_move_found_serves_the_next_ones_and_no_search_is_another(go: str) -> None:
    search = SearchConfig(fpu_reduction=0.5)
    steps = [BOOK, go, LATER, go, "position startpos", go, LATER, go]
    kept, fewer = told(steps, search)
    anew, all_of_them = told(steps, replace(search, keep_answers=False))
    assert kept == anew
    assert len(only(kept, "bestmove")) == 4
    assert all_of_them > 4 * 250  # a few simulations end by the rules
    assert fewer < all_of_them - 250  # the last search is the second again


@pytest.mark.parametrize(
    "between",
    ["ucinewgame", "setoption name Hash value 17", "setoption name MinibatchSize value 3", "setoption name Threads value 1"],
)
def test_another_game_another_table_or_another_net_begin_anew(between: str) -> None:
    go = "go nodes 200"
    _, once = told([LATER, go], SearchConfig())
    _, twice = told([LATER, go, LATER, go], SearchConfig())
    assert twice < once + 10  # two answers for one slot of the table are rare
    _, anew = told([LATER, go, between, LATER, go], SearchConfig())
    assert anew > once + 180


def test_the_answers_are_within_hash() -> None:
    """A search that fills its tree takes a quarter less of Hash than without them."""

    def room(search: SearchConfig) -> int:
        evaluator = Counting()
        said = talk("setoption name Hash value 1", "go movetime 600000", search=search, evaluator=evaluator)
        return int(only(said, "info string the tree is full (")[0].split("(")[1].split()[0])

    assert 0.7 < room(SearchConfig()) / room(SearchConfig(keep_answers=False)) < 0.77
