"""The evaluator answers as the net does, whatever the batch, the backend and the memory."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch

from pawnzero.config import SearchConfig, SelfplayConfig
from pawnzero.errors import PawnzeroError, UsageError
from pawnzero.games import GAME_NAMES, get_game
from pawnzero.nets.backends import bucket, parts
from pawnzero.nets.evaluator import NetEvaluator
from pawnzero.nets.threads import core_count
from pawnzero.progress import Progress
from pawnzero.selfplay.loop import play_games


def _check(question, wanted, tolerance: float) -> None:  # type: ignore[no-untyped-def]
    for b, n in enumerate(question.count):
        scale = float(np.abs(wanted.logits[b, :n]).max())
        np.testing.assert_allclose(question.logits[b, :n], wanted.logits[b, :n], atol=tolerance * max(1.0, scale))
    np.testing.assert_allclose(question.wdl, wanted.wdl, atol=tolerance)
    np.testing.assert_allclose(question.wdl.sum(1), 1.0, atol=1e-5)


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-4), ("bfloat16", 0.05)])
@pytest.mark.parametrize("name", GAME_NAMES)
def test_answers_are_the_nets_own(name, precision, tolerance, ask, awake, reference) -> None:  # type: ignore[no-untyped-def]
    net = awake(name)
    evaluator = NetEvaluator(net, "cpu", precision)
    assert (evaluator.precision, evaluator.device) == (precision, torch.device("cpu"))
    assert precision in evaluator.description
    for size in (1, 11):
        question = ask(name, size)
        evaluator.evaluate(question)
        _check(question, reference(net, question), tolerance)
    assert evaluator.positions == 12


def test_large_batches_are_split(ask, awake, reference) -> None:  # type: ignore[no-untyped-def]
    net, question = awake("tic_tac_toe"), ask("tic_tac_toe", 75)
    evaluator = NetEvaluator(net, "cpu", "float32")
    evaluator.max_batch = 30
    evaluator.evaluate(question)
    _check(question, reference(net, question), 1e-4)


def test_several_threads_may_ask_at_once(ask, awake, reference) -> None:  # type: ignore[no-untyped-def]
    net = awake("connect_four")
    evaluator = NetEvaluator(net, "cpu", "float32")
    questions = [ask("connect_four", size) for size in (5, 18, 40)]
    before = core_count(), torch.get_num_threads()
    later = []

    def work(question) -> None:  # type: ignore[no-untyped-def]
        evaluator.enter_thread(len(questions))
        for _ in range(5):
            evaluator.evaluate(question)

    threads = [threading.Thread(target=work, args=(question,)) for question in questions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for question in questions:
        _check(question, reference(net, question), 1e-4)
    assert evaluator.positions == 5 * 63
    newcomer = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
    newcomer.start()
    newcomer.join()
    assert (core_count(), torch.get_num_threads()) == before
    assert later == [before[1]], "threads that come later keep all cores"


class _Notes(Progress):
    def __init__(self) -> None:
        self.lines = []  # type: ignore[var-annotated]

    def note(self, text: str) -> None:
        self.lines.append(text)


def _limited(evaluator: NetEvaluator, limit: int, error: Exception) -> None:
    """The evaluator's backend fails with `error` on batches larger than `limit`."""
    submit = evaluator._backend.submit

    def limited(question):  # type: ignore[no-untyped-def]
        if len(question.bits) > limit:
            raise error
        return submit(question)

    evaluator._backend.submit = limited  # type: ignore[method-assign]


def test_when_memory_runs_out_smaller_batches_are_used_and_kept(ask, awake, reference) -> None:  # type: ignore[no-untyped-def]
    net, question, notes = awake("tic_tac_toe"), ask("tic_tac_toe", 100), _Notes()
    evaluator = NetEvaluator(net, "cpu", "float32", notes)
    _limited(evaluator, 30, RuntimeError("CUDA out of memory"))
    evaluator.evaluate(question)
    _check(question, reference(net, question), 1e-4)
    assert evaluator.max_batch == 25
    assert [line.split(": ", 1)[1] for line in notes.lines] == [
        "100 positions are split into batches of 50",
        "50 positions are split into batches of 25",
    ]
    evaluator.evaluate(question)
    assert len(notes.lines) == 2
    again = NetEvaluator(net, "cpu", "float32", notes)
    assert again.max_batch == 25
    assert "playing begins with batches of 25" in notes.lines[2]
    assert NetEvaluator(awake("tic_tac_toe", 24), "cpu", "float32").max_batch > 25


def test_memory_that_runs_out_in_a_thread_changes_no_game(awake) -> None:  # type: ignore[no-untyped-def]
    game, net = get_game("tic_tac_toe"), awake("tic_tac_toe")

    def play(limit: int):  # type: ignore[no-untyped-def]
        evaluator = NetEvaluator(net, "cpu", "float32")
        _limited(evaluator, limit, MemoryError())
        records = play_games(
            game, evaluator, range(40), simulations=8, search=SearchConfig(), settings=SelfplayConfig(), seed=1, threads=2
        )
        games = {record.game_id: (record.actions.tolist(), record.policy.tolist()) for record in records}
        return evaluator.max_batch, games

    (_, plenty), (largest, tight) = play(1000), play(9)
    assert largest <= 9
    assert tight == plenty


def test_a_submitted_question_survives_a_lack_of_memory(ask, awake, reference) -> None:  # type: ignore[no-untyped-def]
    net, question = awake("tic_tac_toe"), ask("tic_tac_toe", 100)
    evaluator = NetEvaluator(net, "cpu", "float32")
    _limited(evaluator, 30, RuntimeError("CUDA out of memory"))
    for _ in range(2):  # too much for memory, then known to be more than a batch
        question.wdl[:] = 0.0
        evaluator.submit(question)()
        _check(question, reference(net, question), 1e-4)
    assert evaluator.max_batch == 25
    assert evaluator.positions == 200


def test_memory_for_nothing_at_all_is_an_error(ask, awake) -> None:  # type: ignore[no-untyped-def]
    evaluator = NetEvaluator(awake("tic_tac_toe"), "cpu", "float32")
    _limited(evaluator, 0, MemoryError())
    with pytest.raises(PawnzeroError, match="out of memory for a batch of 8"):
        evaluator.evaluate(ask("tic_tac_toe", 20))


def test_other_errors_come_through(ask, awake) -> None:  # type: ignore[no-untyped-def]
    evaluator = NetEvaluator(awake("tic_tac_toe"), "cpu", "float32")
    _limited(evaluator, 0, RuntimeError("something else"))
    with pytest.raises(RuntimeError, match="something else"):
        evaluator.evaluate(ask("tic_tac_toe", 20))


def test_a_device_that_is_not_there(awake) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError):
        NetEvaluator(awake("tic_tac_toe"), "cuda:99")


def test_buckets_are_few_and_waste_little() -> None:
    buckets = {bucket(size) for size in range(1, 1025)}
    assert len(buckets) <= 32
    for size in range(1, 1025):
        assert size <= bucket(size) <= max(size + 7, size * 1.25)
    assert [bucket(size) for size in (1, 8, 9, 64, 65, 513)] == [8, 8, 16, 64, 80, 640]


@pytest.mark.parametrize("cores", [1, 2, 5])
def test_parts_cover_a_batch_evenly(cores) -> None:  # type: ignore[no-untyped-def]
    for size in range(1, 700):
        ranges = parts(size, cores, 128)
        assert [start for start, _ in ranges] == [0] + [stop for _, stop in ranges[:-1]]
        assert ranges[-1][1] == size
        lengths = [stop - start for start, stop in ranges]
        assert max(lengths) <= 128
        assert all(length == lengths[0] and length % 8 == 0 for length in lengths[:-1])
        assert lengths[-1] <= lengths[0] or len(lengths) == 1
        if size >= 16 * cores:
            assert len(ranges) >= cores - 1
