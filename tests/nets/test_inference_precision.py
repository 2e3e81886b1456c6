"""The choice of a number format, on this machine's CPU."""

from __future__ import annotations

from typing import Any, Iterator, List, Tuple

import pytest
import torch

from pawnzero.errors import PawnzeroError, UsageError
from pawnzero.nets import fold, precision
from pawnzero.nets.fold import CompiledNet
from pawnzero.nets.precision import choose_precision, fastest_format

CPU = torch.device("cpu")
CARD = torch.device("cuda", 0)


def test_a_format_asked_for_is_taken(awake) -> None:  # type: ignore[no-untyped-def]
    net = awake("tic_tac_toe")
    assert choose_precision(net, CPU, "float32").dtype == torch.float32
    assert choose_precision(net, CPU, "bfloat16").name == "bfloat16"


@pytest.mark.parametrize("wanted", ["bf16", "float16"])
def test_a_format_that_is_not_to_be_had(wanted, awake) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError, match=wanted):
        choose_precision(awake("tic_tac_toe"), CPU, wanted)


def test_the_measurement_is_made_once_a_machine(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    measured = []
    monkeypatch.setattr(precision, "_measure_formats", lambda *what: measured.append(what) or (torch.float32, "measured"))
    for _ in range(2):
        fastest_format.cache_clear()  # another process
        assert fastest_format(CPU, 24) == (torch.float32, "measured")
    assert len(measured) == 1
    fastest_format.cache_clear()
    fastest_format(CPU, 32)
    precision._MEASURED.path.write_text("damaged")
    fastest_format.cache_clear()
    fastest_format(CPU, 24)
    assert len(measured) == 3
    fastest_format.cache_clear()


@pytest.mark.parametrize(("half_seconds", "taken"), [(1.0, torch.bfloat16), (3.9, torch.float32), (8.0, torch.float32)])
def test_half_precision_must_be_clearly_faster(half_seconds, taken, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(precision, "half_formats", lambda device: (torch.bfloat16,))
    monkeypatch.setattr(
        precision, "_convolution_seconds", lambda d, c, dtype, b: 4.0 if dtype == torch.float32 else half_seconds
    )
    assert precision._measure_formats(CPU, 8, 64)[0] == taken


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Iterator[List[Tuple[Any, ...]]]:
    """What formats were measured for, of a card that is not there."""
    measured: List[Tuple[Any, ...]] = []
    monkeypatch.setattr(precision, "_measure_formats", lambda *what: measured.append(what) or (torch.bfloat16, "measured"))
    monkeypatch.setattr(precision, "describe_device", lambda device: f"a {device.type}")
    monkeypatch.setattr(precision, "half_formats", lambda device: (torch.bfloat16,))
    fastest_format.cache_clear()
    yield measured
    fastest_format.cache_clear()


def test_a_card_is_measured_at_the_batch_that_it_will_run(measured) -> None:  # type: ignore[no-untyped-def]
    for batch in ((), (32,), (128,), (32,), (5000,)):
        fastest_format(CARD, 64, *batch)
        fastest_format.cache_clear()
    assert measured == [(CARD, 64, 2048), (CARD, 64, 32), (CARD, 64, 128)]


def test_what_small_batches_said_of_a_card_is_not_taken_any_longer(measured) -> None:  # type: ignore[no-untyped-def]
    for device in (CARD, CPU):
        precision._MEASURED.keep(f"a {device.type} width 64", ["float32", "bfloat16 convolves only 1.02 times as fast"])
    assert fastest_format(CARD, 64) == (torch.bfloat16, "measured")
    assert fastest_format(CPU, 64)[0] == torch.float32


def test_a_format_that_a_device_no_longer_has_is_not_recalled(measured, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    fastest_format(CPU, 64)
    fastest_format.cache_clear()
    fastest_format(CPU, 64)
    assert len(measured) == 1
    monkeypatch.setattr(precision, "half_formats", lambda device: ())
    fastest_format.cache_clear()
    fastest_format(CPU, 64)
    assert len(measured) == 2


def test_a_core_takes_small_parts_of_any_batch(measured) -> None:  # type: ignore[no-untyped-def]
    fastest_format(CPU, 64)
    fastest_format(CPU, 64, 512)
    assert measured == [(CPU, 64, 64)]


def test_a_batch_that_memory_does_not_hold_is_measured_in_part(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    tried = []

    def seconds(device, channels, dtype, batch):  # type: ignore[no-untyped-def]
        tried.append((dtype, batch))
        if batch > 512 and dtype == torch.float32:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return 2.0 if dtype == torch.float32 else 1.0

    monkeypatch.setattr(precision, "half_formats", lambda device: (torch.bfloat16,))
    monkeypatch.setattr(precision, "_convolution_seconds", seconds)
    dtype, reason = precision._measure_formats(CARD, 64, 2048)
    assert (dtype, reason) == (torch.bfloat16, "convolves 2.0 times as fast as float32, 512 positions at once")
    full = torch.float32
    assert tried == [(full, 2048), (full, 1024), (full, 512), (torch.bfloat16, 512)]


class _Wrong(CompiledNet):
    """A device that miscomputes in bfloat16, and only the third time."""

    calls = 0

    def __call__(self, planes):  # type: ignore[no-untyped-def]
        policy, wdl = super().__call__(planes)
        _Wrong.calls += 1
        return (policy + 1.0 if self.dtype == torch.bfloat16 and _Wrong.calls == 3 else policy), wdl


@pytest.mark.parametrize("wanted", ["auto", "float32", "bfloat16"])
def test_a_folding_that_is_wrong_does_not_go_unnoticed(wanted, awake, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    right = fold._folded
    monkeypatch.setattr(fold, "_folded", lambda layer, inputs=1.0, bias=1.0: right(layer, inputs, 0.0))
    with pytest.raises(PawnzeroError, match="wrong numbers"):
        choose_precision(awake("tic_tac_toe"), CPU, wanted)


def test_a_format_that_is_fast_but_wrong_is_not_trusted(awake, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(precision, "CompiledNet", _Wrong)
    monkeypatch.setattr(precision, "fastest_format", lambda device, channels: (torch.bfloat16, "fast"))
    net = awake("tic_tac_toe")
    _Wrong.calls = 0
    chosen = choose_precision(net, CPU, "auto")
    assert chosen.dtype == torch.float32
    assert "bfloat16 was faster but wrong" in chosen.reason
    _Wrong.calls = 0
    with pytest.raises(PawnzeroError, match="wrong numbers"):
        choose_precision(net, CPU, "bfloat16")


@pytest.mark.parametrize("part", ["policy", "wdl"])
def test_a_net_whose_own_answers_are_not_finite_is_no_fault_of_the_device(part, awake) -> None:  # type: ignore[no-untyped-def]
    net = awake("tic_tac_toe")
    with torch.no_grad():
        (net.policy_out if part == "policy" else net.value_out).bias.fill_(float("nan"))
    with pytest.raises(PawnzeroError, match=r"^the net's own answers are not finite.*copy its newest numbered checkpoint"):
        choose_precision(net, CPU, "auto")


@pytest.mark.parametrize("head", [0, 1])
def test_a_format_that_is_always_wrong_is_not_trusted(head, awake, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    class Wrong(CompiledNet):
        def __call__(self, planes):  # type: ignore[no-untyped-def]
            answers = list(super().__call__(planes))
            if self.dtype == torch.bfloat16:
                answers[head][:, 0] += 2.0
            return tuple(answers)

    monkeypatch.setattr(precision, "CompiledNet", Wrong)
    monkeypatch.setattr(precision, "fastest_format", lambda device, channels: (torch.bfloat16, "fast"))
    assert choose_precision(awake("tic_tac_toe"), CPU, "auto").dtype == torch.float32
