"""The fastest batch: found by trying, remembered, and without influence on answers."""

from __future__ import annotations

import threading
from typing import Callable, List

import numpy as np
import pytest

from pawnzero.nets import batches
from pawnzero.nets.backends import CpuBackend
from pawnzero.nets.batches import fastest_batch
from pawnzero.nets.evaluator import NetEvaluator
from pawnzero.nets.threads import core_count, use_cores
from pawnzero.search.evaluator import Question


class _Machine:
    """A clock, and a device that takes `seconds` a run plus `each` a position by it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seconds: float, each: float) -> None:
        self.now, self.runs = 0.0, []  # type: float, List[int]
        self.seconds, self._each = seconds, each
        monkeypatch.setattr(batches.time, "perf_counter", lambda: self.now)

    def run(self, size: int) -> None:
        self.runs.append(size)
        self.now += self.seconds + self._each * size


@pytest.mark.parametrize(("seconds", "wanted"), [(0.0, 64), (0.001, 256), (0.02, 1024), (0.08, 256), (1.0, 64)])
def test_larger_batches_while_they_are_worth_it(monkeypatch: pytest.MonkeyPatch, seconds: float, wanted: int) -> None:
    machine = _Machine(monkeypatch, seconds, each=0.0001)
    assert fastest_batch(f"a card with {seconds}", (64, 128, 256, 512, 1024), machine.run) == wanted


def test_threads_that_wait_for_each_other_take_larger_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = _Machine(monkeypatch, 0.0, each=0.0001)

    def side_by_side(measure: Callable[[], float]) -> List[float]:
        machine.seconds = 0.001
        return [measure(), measure()]

    assert fastest_batch("alone", (64, 128, 256, 512, 1024), machine.run) == 64
    assert fastest_batch("side by side", (64, 128, 256, 512, 1024), machine.run, side_by_side) == 256


def test_it_is_measured_once_a_machine_and_net(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = _Machine(monkeypatch, 0.01, 0.0)
    assert fastest_batch("once", (8, 16), machine.run) == 16
    batches._found.clear()  # another process
    asked = len(machine.runs)
    assert fastest_batch("once", (8, 16), machine.run) == 16
    assert len(machine.runs) == asked
    fastest_batch("another net", (8, 16), machine.run)
    assert len(machine.runs) > asked
    batches._MEASURED.path.write_text('{"a third: 8, 16": "large"}')
    batches._found.clear()
    assert fastest_batch("a third", (8, 16), machine.run) == 16


def test_what_does_not_fit_into_memory_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = _Machine(monkeypatch, 0.001, each=0.0001)

    def run(size: int) -> None:
        if size > most:
            raise MemoryError
        machine.run(size)

    most = 128
    assert fastest_batch("little memory", (64, 128, 256, 512), run) == 128
    most = 32
    with pytest.raises(MemoryError):
        fastest_batch("no memory", (64, 128, 256, 512), run)


def test_a_core_s_part_is_measured_while_all_cores_work(awake, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    keys: List[str] = []
    barrier = threading.Barrier(2)

    def measured(key: str, sizes: object, run: Callable[[int], None], everywhere: Callable[..., List[float]]) -> int:
        keys.append(key)
        waited = everywhere(lambda: float(barrier.wait(60.0))) if core_count() == 2 else [1.0]
        assert sorted(waited) == [0.0, 1.0] or waited == [1.0]
        return 64

    monkeypatch.setattr("pawnzero.nets.backends.fastest_batch", measured)
    before = core_count()
    try:
        for cores in (1, 2):
            use_cores(cores)
            NetEvaluator(awake("connect_four"), "cpu", "float32")
    finally:
        use_cores(before)
    assert len(set(keys)) == 2


def test_answers_do_not_depend_on_the_length_of_parts(ask, awake, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    net, question, answers = awake("connect_four"), ask("connect_four", 530), []
    run: List[int] = []
    answer_part = CpuBackend._answer_part

    def noted(backend: CpuBackend, part: Question) -> None:
        run.append(len(part))
        answer_part(backend, part)

    def one_of_all(evaluator: NetEvaluator) -> None:
        evaluator.enter_thread(core_count())
        evaluator.evaluate(question)

    monkeypatch.setattr(CpuBackend, "_answer_part", noted)
    for length in (16, 128, 512):
        monkeypatch.setattr("pawnzero.nets.backends.fastest_batch", lambda *_, length=length: length)
        thread = threading.Thread(target=one_of_all, args=(NetEvaluator(net, "cpu"),))
        thread.start()
        thread.join()
        assert max(run) <= length
        answers.append([question.logits[b, :n].tolist() for b, n in enumerate(question.count)] + question.wdl.tolist())
    assert answers[0] == answers[1] == answers[2]
    assert max(run) > 256
    assert np.isfinite(question.wdl).all()
