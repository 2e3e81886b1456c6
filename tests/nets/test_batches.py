"""The fastest batch: found by trying, remembered, and without influence on answers."""

from __future__ import annotations

from typing import Callable, List

import numpy as np
import pytest

from pawnzero.nets import batches
from pawnzero.nets.backends import CpuBackend
from pawnzero.nets.batches import fastest_batch
from pawnzero.nets.evaluator import NetEvaluator


class _Machine:
    """A clock, and a device that takes `seconds` a run plus `each` a position by it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seconds: float, each: float) -> None:
        self.now, self.runs = 0.0, []  # type: float, List[int]
        self.seconds, self._each = seconds, each
        monkeypatch.setattr(batches.time, "perf_counter", lambda: self.now)

    def run(self, size: int) -> None:
        self.runs.append(size)
        self.now += self.seconds + self._each * size


@pytest.mark.parametrize(("seconds", "wanted"), [(0.0, 64), (0.001, 256), (1.0, 1024)])
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
    machine = _Machine(monkeypatch, 1.0, 0.0)
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


def test_answers_do_not_depend_on_the_length_of_parts(ask, awake, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    net, answers = awake("chess"), []
    for length in (16, 64, 128, 512):
        monkeypatch.setattr("pawnzero.nets.backends.fastest_batch", lambda *_, length=length: length)
        evaluator, question = NetEvaluator(net, "cpu"), ask("chess", 150)
        assert isinstance(evaluator._backend, CpuBackend)
        evaluator.evaluate(question)
        answers.append([question.logits[b, :n].tolist() for b, n in enumerate(question.count)] + question.wdl.tolist())
    assert answers[0] == answers[1] == answers[2] == answers[3]
    assert np.isfinite(question.wdl).all()
