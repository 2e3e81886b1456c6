"""The way to a device of its own and back, on a CPU in a device's place: right answers, whatever is under way beside them."""

from __future__ import annotations

import itertools
import os
import threading
from contextlib import nullcontext
from typing import ContextManager, Iterator, List
from unittest.mock import Mock

import numpy as np
import pytest
import torch

from pawnzero.config import SearchConfig, SelfplayConfig
from pawnzero.errors import PawnzeroError
from pawnzero.games import GAME_NAMES, get_game
from pawnzero.nets import device_backend
from pawnzero.nets.device_backend import DeviceBackend, _Lane
from pawnzero.nets.evaluator import NetEvaluator
from pawnzero.nets.fold import FoldedNet
from pawnzero.search.evaluator import Appetite
from pawnzero.selfplay.loop import play_games
from pawnzero.selfplay.table import Workload

CPU = torch.device("cpu")


def _backend(net) -> DeviceBackend:  # type: ignore[no-untyped-def]
    return DeviceBackend(FoldedNet(net, CPU, torch.float32), "a net")


def _check(question, wanted) -> None:  # type: ignore[no-untyped-def]
    for b, n in enumerate(question.count):
        np.testing.assert_allclose(question.logits[b, :n], wanted.logits[b, :n], atol=1e-4)
    np.testing.assert_allclose(question.wdl, wanted.wdl, atol=1e-4)


@pytest.mark.parametrize("se_ratio", [4, 0])
@pytest.mark.parametrize("name", GAME_NAMES)
def test_the_way_over_a_device(name, se_ratio, ask, awake, reference) -> None:  # type: ignore[no-untyped-def]
    net, question = awake(name, se_ratio=se_ratio), ask(name, 11)
    _backend(net).submit(question)()
    _check(question, reference(net, question))


def test_questions_under_way_do_not_touch_each_other(ask, awake, reference) -> None:  # type: ignore[no-untyped-def]
    net = awake("connect_four")
    backend = _backend(net)
    questions = [ask("connect_four", size) for size in (40, 9, 70, 8)]
    wanted = [reference(net, question) for question in questions]
    for order in ((0, 1, 2, 3), (3, 1, 0, 2), (2, 3, 1, 0)):
        for question in questions:
            question.logits[:], question.wdl[:] = np.nan, np.nan
        under_way = [backend.submit(question) for question in questions]
        assert np.isnan(questions[0].wdl).all()  # nothing is written before it is collected
        for which in order:
            under_way[which]()
            _check(questions[which], wanted[which])


def test_an_answer_that_float16_cannot_hold_is_an_error(ask, awake) -> None:  # type: ignore[no-untyped-def]
    class Half(FoldedNet):
        """A float16 net, computed in float32 where a CPU cannot do it, whose WDL logits grow by `factor`."""

        factor = 1.0

        def __call__(self, planes):  # type: ignore[no-untyped-def]
            policy, wdl = super().__call__(planes.float())
            return policy, (self.factor * wdl).half().float()

    net = Half(awake("tic_tac_toe"), CPU, torch.float32)
    net.dtype = torch.float16
    backend, question = DeviceBackend(net, "a net"), ask("tic_tac_toe", 4)
    backend.submit(question)()
    net.factor = 1e9
    with pytest.raises(PawnzeroError, match="cpu: numbers in the net are too large for float16; use --device cpu"):
        backend.submit(question)()


def test_lanes_are_used_again(ask, awake) -> None:  # type: ignore[no-untyped-def]
    backend = _backend(awake("tic_tac_toe"))
    lanes = []
    for size in (30, 30, 12, 30, 50, 49):
        first, second = backend.submit(ask("tic_tac_toe", size)), backend.submit(ask("tic_tac_toe", size))
        first()
        second()
        lanes.append({id(lane) for lane in backend._free})
    assert lanes[0] == lanes[1] == lanes[2] == lanes[3]
    assert lanes[4] == lanes[5]
    assert all(len(two) == 2 for two in lanes)  # narrow ones make room for wide ones


@pytest.fixture
def streams(monkeypatch) -> Iterator[List[int]]:  # type: ignore[no-untyped-def]
    """The numbers of the streams that questions went into: what a lane asks of a card, on the CPU. There are 32 in turn, as
    torch has them."""
    entered: List[int] = []
    numbers = itertools.count()
    send = _Lane.send

    def send_to_cpu(lane, question):  # type: ignore[no-untyped-def]
        lane._device = CPU
        return send(lane, question)

    def enter(stream: int) -> ContextManager[None]:
        entered.append(stream)
        return nullcontext()

    monkeypatch.setattr(_Lane, "send", send_to_cpu)
    monkeypatch.setattr(_Lane, "_room", lambda lane, shape, dtype: torch.empty(shape, dtype=dtype))
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: next(numbers) % 32)
    monkeypatch.setattr(torch.cuda, "stream", enter)
    monkeypatch.setattr(torch.cuda, "Event", lambda blocking: Mock())
    device_backend._streams.cache_clear()
    yield entered
    device_backend._streams.cache_clear()


def _on_a_card(net) -> DeviceBackend:  # type: ignore[no-untyped-def]
    backend = _backend(net)
    backend.net.device = torch.device("cuda", 0)
    return backend


def test_threads_and_nets_share_two_streams(ask, awake, streams) -> None:  # type: ignore[no-untyped-def]
    """Whatever comes and goes: torch never gives back what it keeps for a thread and a stream."""

    def work(backend: DeviceBackend, first: int) -> None:
        for size in (first, first + 9, first + 30):
            for collect in [backend.submit(ask("tic_tac_toe", size)) for _ in range(2)]:
                collect()

    for _ in range(3):
        backend = _on_a_card(awake("tic_tac_toe"))
        threads = [threading.Thread(target=work, args=(backend, first)) for first in (8, 16, 24, 60)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(streams) == 3 * 4 * 3 * 2
    assert len(set(streams)) == 2


def test_two_questions_of_a_thread_that_is_alone_have_a_stream_each(ask, awake, streams) -> None:  # type: ignore[no-untyped-def]
    backend = _on_a_card(awake("tic_tac_toe"))
    for sizes in ((8, 8), (8, 40), (70, 8), (90, 90), (8, 8)):
        under_way = [backend.submit(ask("tic_tac_toe", size)) for size in sizes]
        assert len(set(streams[-2:])) == 2
        for collect in under_way:
            collect()


def test_several_threads_submit_at_once(ask, awake, reference) -> None:  # type: ignore[no-untyped-def]
    net = awake("tic_tac_toe")
    backend = _backend(net)
    questions = [ask("tic_tac_toe", size) for size in (5, 18, 40, 23)]
    wanted = [reference(net, question) for question in questions]
    wrong = []

    def work(one: int, other: int) -> None:
        for _ in range(20):
            under_way = [(which, backend.submit(questions[which])) for which in (one, other)]
            for which, collect in reversed(under_way):
                collect()
                try:
                    _check(questions[which], wanted[which])
                except AssertionError as error:
                    wrong.append(error)

    threads = [threading.Thread(target=work, args=pair) for pair in ((0, 1), (2, 3))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_batches_leave_room_for_the_threads_that_may_play(awake, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    """On 2 cores of a machine of 256, larger batches fit than where all of them ask."""
    backend = _backend(awake("tic_tac_toe"))
    monkeypatch.setattr(backend.net, "device", torch.device("cuda", 0))
    room = 2 * 2 * 2 * 2 * 512 * backend.net.bytes_a_position  # half of it; two questions, at most twice as large, on two cores
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (room, room))
    monkeypatch.setattr(os, "cpu_count", lambda: 256)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3, 7}, raising=False)
    assert [backend._fits(size) for size in (256, 512, 1024)] == [True, True, False]


def _on_a_device(net, questions: int) -> NetEvaluator:  # type: ignore[no-untyped-def]
    evaluator = NetEvaluator(net, "cpu", "float32")
    evaluator._backend = _backend(net)
    evaluator.appetite = Appetite(batch=32, questions=questions)
    return evaluator


def test_overlapped_games_are_the_same_games(awake) -> None:  # type: ignore[no-untyped-def]
    net = awake("connect_four")

    def play(questions: int, at_once: int):  # type: ignore[no-untyped-def]
        workload = Workload()
        records = play_games(
            get_game("connect_four"),
            _on_a_device(net, questions),
            range(40),
            simulations=8,
            search=SearchConfig(leaves_per_tree=1),
            settings=SelfplayConfig(games_in_flight=at_once),
            seed=3,
            threads=1,
            workload=workload,
        )
        return {record.game_id: record for record in records}, workload

    alone, _ = play(1, 8)  # all batches are padded to the same 8, as a float's last bit may depend on that
    overlapped, workload = play(2, 16)
    assert len(workload._tables) == 2
    assert sorted(overlapped) == sorted(alone) == list(range(40))
    for number, record in overlapped.items():
        assert np.array_equal(record.actions, alone[number].actions)
        assert np.array_equal(record.policy, alone[number].policy)
        assert np.array_equal(record.root_wdl, alone[number].root_wdl)
