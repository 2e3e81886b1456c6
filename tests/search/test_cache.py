"""Answers that are kept: they save questions and change nothing else."""

from __future__ import annotations

import copy
from typing import Dict, Tuple

import numpy as np
import pytest

from pawnzero.config import SearchConfig, SelfplayConfig
from pawnzero.games import GAME_NAMES, get_game
from pawnzero.search.cache import Answers
from pawnzero.search.evaluator import Question, allocate_question
from pawnzero.selfplay.loop import play_games
from pawnzero.selfplay.records import GameRecord
from pawnzero.selfplay.table import Workload
from tests.search.naive import HashEvaluator
from tests.selfplay.test_selfplay import assert_same

MEMORY = 1 << 24


def play(game_name: str, kept: bool, leaves: int = 0) -> Tuple[Dict[int, GameRecord], Workload]:
    workload = Workload()
    records = play_games(
        get_game(game_name),
        HashEvaluator(),
        range(12),
        simulations=24,
        search=SearchConfig(keep_answers=kept, leaves_per_tree=leaves),
        settings=SelfplayConfig(max_plies=24),
        seed=3,
        threads=1,
        workload=workload,
    )
    return {record.game_id: record for record in records}, workload


@pytest.mark.parametrize("leaves", [0, 1, 4])
@pytest.mark.parametrize("game_name", GAME_NAMES)
def test_games_are_the_same_and_cost_fewer_questions(game_name: str, leaves: int) -> None:
    with_answers, cheaper = play(game_name, True, leaves)
    without, dearer = play(game_name, False, leaves)
    assert sorted(with_answers) == sorted(without)
    for number, record in without.items():
        assert_same(with_answers[number], record)
    assert cheaper.simulations == dearer.simulations
    assert cheaper.evaluated < dearer.evaluated


def questions(rows: int, kinds: int, moves: int, seed: int) -> Question:
    """Questions about chess of which at most `kinds` differ, answers NaN."""
    game = get_game("chess")
    random = np.random.default_rng(seed)
    which = random.integers(kinds, size=rows)
    bits = random.integers(0, 1 << 63, (kinds, game.bit_planes), dtype=np.uint64)
    scalars = random.random((kinds, game.scalar_planes), np.float32)
    legal = random.integers(0, game.num_actions, (kinds, game.max_legal)).astype(np.int16)
    logits, wdl = np.full((rows, game.max_legal), np.nan, np.float32), np.full((rows, 3), np.nan, np.float32)
    return Question(bits[which], scalars[which], legal[which], np.full(rows, moves, np.int16), logits, wdl)


def reply(bits: np.ndarray, legal: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Made-up answers that depend on all of a question."""
    seed = (bits[:, :1] % np.uint64(9973)).astype(np.float32)
    return seed + legal.astype(np.float32), np.concatenate([seed, seed + 1, seed + 2], axis=1)


def asked_of(answers: Answers, question: Question) -> int:
    """How many of the positions had to be asked about; all are answered afterwards."""
    rest = answers.seek(question)
    rest.logits[:], rest.wdl[:] = reply(rest.bits, rest.legal)
    answers.keep(question)
    return len(rest)


@pytest.mark.parametrize("moves", [1, 64, 65])
def test_every_row_gets_its_own_answer(moves: int) -> None:
    """Whether it is asked about, equals another row of the batch, was answered earlier, or is too wide to be kept."""
    answers = Answers(get_game("chess"), 50, MEMORY)
    met: set = set()
    for seed in (1, 2, 1, 3, 2):
        question = questions(50, 20, moves, seed)
        wanted_logits, wanted_wdl = reply(question.bits, question.legal)
        new = {row.tobytes() for row in question.bits} - met
        rest = answers.seek(question)
        assert len(rest) == (len(new) if moves <= 64 else 50)
        assert (rest.count == moves).all()
        met |= new
        rest.logits[:], rest.wdl[:] = reply(rest.bits, rest.legal)
        answers.keep(question)
        assert np.array_equal(question.logits[:, :moves], wanted_logits[:, :moves])
        assert np.array_equal(question.wdl, wanted_wdl)


@pytest.mark.parametrize("part", ["bits", "scalars", "legal", "count"])
def test_what_differs_in_anything_is_another_question(part: str) -> None:
    answers = Answers(get_game("chess"), 1, MEMORY)
    question = questions(1, 1, 5, 0)
    changed = copy.deepcopy(question)
    array = getattr(changed, part)
    array[0, ...] += array.dtype.type(1)
    assert asked_of(answers, copy.deepcopy(question)) == 1
    assert asked_of(answers, question) == 0
    assert asked_of(answers, changed) == 1


@pytest.mark.parametrize("part", ["bits", "scalars", "legal"])
def test_each_word_of_a_question_counts(part: str) -> None:
    answers = Answers(get_game("chess"), 1, MEMORY)
    question = questions(1, 1, 5, 0)
    asked_of(answers, copy.deepcopy(question))
    for place in range(5 if part == "legal" else getattr(question, part).shape[1]):
        changed = copy.deepcopy(question)
        array = getattr(changed, part)
        array[0, place] += array.dtype.type(1)
        assert asked_of(answers, changed) == 1, place


def test_boards_that_differ_in_few_squares_are_all_told_apart() -> None:
    """None to two squares, occupied in two neighbouring planes or both in one of them."""
    game, square = get_game("chess"), np.uint64(1) << np.arange(64, dtype=np.uint64)
    in_two = [(first, second) for first in (np.uint64(0), *square) for second in (np.uint64(0), *square)]
    in_one = [(np.uint64(0), first | second) for i, first in enumerate(square) for second in square[:i]]
    question = allocate_question(game, len(in_two) + len(in_one))
    question.bits[:, :2] = in_two + in_one
    question.count[:] = 1
    assert len(Answers(game, len(question), MEMORY).seek(question)) == len(question)


def test_a_full_table_forgets_and_asks_again() -> None:
    """More positions than slots: the newest are known, the answers stay right."""
    answers = Answers(get_game("chess"), 200, MEMORY)
    slots = len(answers._keys)
    for seed in range(-(-slots // 200) + 5):
        question = questions(200, 200, 3, seed)
        wanted, _ = reply(question.bits, question.legal)
        asked_of(answers, question)
        assert np.array_equal(question.logits[:, :3], wanted[:, :3])
    assert asked_of(answers, questions(200, 200, 3, 0)) > 0
