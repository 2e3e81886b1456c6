"""A position's answer does not depend on the batch it came in, so neither do games on what runs beside them."""

from __future__ import annotations

import numpy as np
import pytest

from pawnzero.config import SearchConfig, SelfplayConfig
from pawnzero.games import get_game
from pawnzero.nets import fold, make_model
from pawnzero.nets.evaluator import NetEvaluator
from pawnzero.search import Question
from pawnzero.selfplay.loop import play_games


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("se_ratio", [4, 0])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_same_answer_in_any_batch(precision, se_ratio, fused, awake, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    if not fused:  # as on a torch that lacks oneDNN's operators
        monkeypatch.setattr(fold, "fused_convolutions", lambda dtype: False)
    game = get_game("chess")
    rng = np.random.default_rng(0)
    size, moves = 200, 30
    words = rng.integers(0, 2**63, (3, size, game.bit_planes)).astype(np.uint64)
    bits = words[0] & words[1] & words[2]
    scalars = rng.integers(0, 2, (size, game.scalar_planes)).astype(np.float32)
    legal = rng.integers(0, game.num_actions, (size, moves)).astype(np.int16)
    count = np.full(size, moves, np.int16)
    evaluator = NetEvaluator(awake("chess", 32, se_ratio=se_ratio), "cpu", precision)

    def ask(start: int, stop: int) -> np.ndarray:
        logits, wdl = np.zeros((size, moves), np.float32), np.zeros((size, 3), np.float32)
        question = Question(bits, scalars, legal, count, logits, wdl).part(start, stop)
        evaluator.evaluate(question)
        return np.concatenate([question.logits, question.wdl], 1)

    whole = ask(0, size)
    for start, stop in ((0, 1), (7, 8), (3, 12), (0, 37), (50, 114), (9, 200)):
        assert np.array_equal(ask(start, stop), whole[start:stop]), (start, stop)


def test_the_same_games_with_any_number_of_threads() -> None:
    evaluator = NetEvaluator(make_model(channels=16, blocks=1), "cpu")

    def play(threads: int, in_flight: int) -> dict:
        settings = SelfplayConfig(max_plies=24, games_in_flight=in_flight)
        records = play_games(
            get_game("chess"),
            evaluator,
            range(12),
            simulations=10,
            search=SearchConfig(),
            settings=settings,
            seed=2,
            threads=threads,
        )
        return {record.game_id: record for record in records}

    alone = play(1, 12)
    for threads, in_flight in ((2, 12), (3, 7)):
        for number, record in play(threads, in_flight).items():
            assert np.array_equal(record.actions, alone[number].actions)
            assert np.array_equal(record.root_wdl, alone[number].root_wdl)
