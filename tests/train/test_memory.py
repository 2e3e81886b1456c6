"""Memory that runs out, at every place where it can: the same samples are trained on all the same, and to the same end."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, List, Optional, Tuple

import pytest
import torch
from hearing import Heard
from random_games import CONFIG
from saved import assert_same_gradient, assert_same_state

from pawnzero.config import Config, ModelConfig
from pawnzero.errors import PawnzeroError
from pawnzero.machine.remembered import Remembered
from pawnzero.nets import PolicyValueNet, make_model
from pawnzero.nets.checkpoint import load_checkpoint
from pawnzero.nets.fitted import Fitted
from pawnzero.progress import Progress
from pawnzero.replay import ReplayBuffer, Sampler
from pawnzero.train import TrainReport, train
from pawnzero.train.memory import allocate_moments, free_memory, pinned, versions
from pawnzero.train.samples import Samples
from pawnzero.train.schedule import make_optimizer

OUT_OF_MEMORY = "CUDA out of memory. Tried to allocate 2.00 GiB"
ONE_PASS = replace(CONFIG, batch_size=16, grad_accum_steps=1)
CPU = torch.device("cpu")


def make_net() -> PolicyValueNet:
    return make_model("cpu", 8, 1, 4, "tic_tac_toe", CONFIG.seed)


def small_card(holds: int) -> Tuple[PolicyValueNet, List[int]]:
    """A net that runs out of memory for more than `holds` samples, and the sizes of all passes that it was asked for."""
    net, seen = make_net(), []  # type: Tuple[PolicyValueNet, List[int]]

    def allocate(module: torch.nn.Module, inputs: tuple) -> None:
        seen.append(len(inputs[0]))
        if len(inputs[0]) > holds:
            raise RuntimeError(OUT_OF_MEMORY)

    net.register_forward_pre_hook(allocate)
    return net, seen


def failing(function: Callable[..., Any], *at: int, error: Optional[Exception] = None) -> Callable[..., Any]:
    """`function` with an error in place of its calls number `at`, counted from 1."""
    calls: List[int] = []

    def instead(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) in at:
            raise error or RuntimeError(OUT_OF_MEMORY)
        return function(*arguments, **options)

    return instead


def run(buffer: ReplayBuffer, folder: Path, config: Config = ONE_PASS, until_step: int = 1, **options: Any) -> TrainReport:
    return train(buffer, config, checkpoints=folder, until_step=until_step, device="cpu", **options)


def test_the_micro_batch_halves_and_the_step_is_repeated(tmp_path: Path, buffer: ReplayBuffer) -> None:
    plain, tight = tmp_path / "plain", tmp_path / "tight"
    run(buffer, plain)
    net, seen = small_card(5)
    told = Heard()
    report = run(buffer, tight, net=net, progress=told)
    assert_same_gradient(plain, tight)
    assert seen[:6] == [16, 8, 4, 4, 4, 4]
    assert told.notes == [
        "out of memory: micro-batch 16 becomes 8, 2 passes per step; the effective batch stays 16",
        "out of memory: micro-batch 8 becomes 4, 4 passes per step; the effective batch stays 16",
    ]
    assert (report.micro_batch, report.samples) == (4, 16)


def test_what_follows_is_bit_for_bit_a_run_with_that_micro_batch(tmp_path: Path, buffer: ReplayBuffer) -> None:
    run(buffer, tmp_path / "small", replace(CONFIG, batch_size=4, grad_accum_steps=4), until_step=12)
    run(buffer, tmp_path / "tight", until_step=12, net=small_card(5)[0])
    assert_same_state(tmp_path / "small", tmp_path / "tight")


def test_in_the_backward_pass_no_sample_counts_twice(tmp_path: Path, buffer: ReplayBuffer) -> None:
    run(buffer, tmp_path / "plain", CONFIG)
    net, calls = make_net(), []  # type: Tuple[PolicyValueNet, List[int]]

    def allocate(module: torch.nn.Module, grad_input: tuple, grad_output: tuple) -> None:
        calls.append(1)
        if len(calls) == 2:  # the first micro-batch's gradient is in place by then
            raise MemoryError

    net.value_out.register_full_backward_hook(allocate)
    report = run(buffer, tmp_path / "tight", CONFIG, net=net)
    assert report.micro_batch == 4
    assert_same_gradient(tmp_path / "plain", tmp_path / "tight")


@pytest.mark.parametrize("call", [1, 3])
def test_before_the_weights_move_the_step_is_repeated(
    tmp_path: Path, buffer: ReplayBuffer, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    half = replace(CONFIG, batch_size=8, grad_accum_steps=2)
    run(buffer, tmp_path / "plain", until_step=call - 1)
    run(buffer, tmp_path / "plain", half, until_step=4)
    # The first call of all makes the moments.
    monkeypatch.setattr(torch.optim.AdamW, "step", failing(torch.optim.AdamW.step, call + 1))
    assert run(buffer, tmp_path / "tight", until_step=4).micro_batch == 8
    assert_same_state(tmp_path / "plain", tmp_path / "tight")


def test_half_way_through_moving_the_weights_it_stops(
    tmp_path: Path, buffer: ReplayBuffer, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(buffer, tmp_path / "whole", until_step=6, save_every=2)
    real = torch.optim.AdamW.step
    calls: List[int] = []

    def moving(optimizer: torch.optim.AdamW) -> None:
        real(optimizer)
        calls.append(1)
        if len(calls) == 6:  # moments, then five steps
            raise RuntimeError(OUT_OF_MEMORY)

    monkeypatch.setattr(torch.optim.AdamW, "step", moving)
    with pytest.raises(PawnzeroError, match="out of memory while the weights were updated; run the same command again"):
        run(buffer, tmp_path / "tight", until_step=6, save_every=2)
    assert load_checkpoint(tmp_path / "tight" / "latest.pt").step == 4
    monkeypatch.undo()
    run(buffer, tmp_path / "tight", until_step=6, save_every=2)
    assert_same_state(tmp_path / "whole", tmp_path / "tight")


@pytest.mark.parametrize("part", ["planes", "targets"])
def test_on_the_way_to_the_device(tmp_path: Path, buffer: ReplayBuffer, monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    run(buffer, tmp_path / "plain", CONFIG)
    monkeypatch.setattr(Samples, part, failing(getattr(Samples, part), 2))
    report = run(buffer, tmp_path / "tight", CONFIG)
    assert report.micro_batch == 4
    assert_same_gradient(tmp_path / "plain", tmp_path / "tight")


def test_in_the_thread_that_draws_it_is_tried_once_more(
    tmp_path: Path, buffer: ReplayBuffer, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(buffer, tmp_path / "plain", until_step=6)
    real = Sampler.batch
    monkeypatch.setattr(Sampler, "batch", failing(real, 5, error=MemoryError()))
    report = run(buffer, tmp_path / "tight", until_step=6)
    assert report.micro_batch == 16
    assert_same_state(tmp_path / "plain", tmp_path / "tight")
    monkeypatch.setattr(Sampler, "batch", failing(real, 5, 6, 7, 8, error=MemoryError()))
    with pytest.raises(PawnzeroError, match="out of memory for 16 samples of a step; a smaller batch_size"):
        run(buffer, tmp_path / "never", until_step=6)


def test_in_measuring_held_out_games(tmp_path: Path, buffer: ReplayBuffer) -> None:
    net, seen = make_net(), []  # type: Tuple[PolicyValueNet, List[int]]

    def allocate(module: torch.nn.Module, inputs: tuple) -> None:
        seen.append(len(inputs[0]))
        if len(inputs[0]) > 5 and not torch.is_grad_enabled():
            raise RuntimeError(OUT_OF_MEMORY)

    net.register_forward_pre_hook(allocate)
    run(buffer, tmp_path / "plain")
    measured = [run(buffer, tmp_path / name, net=used) for name, used in (("a", make_net()), ("b", net))]
    assert seen == [16, 16, 8, 4, 4, 4, 4]
    assert measured[0].held_out_value_loss == pytest.approx(measured[1].held_out_value_loss, rel=1e-6)
    assert_same_state(tmp_path / "plain", tmp_path / "b")


def test_in_writing_a_checkpoint(tmp_path: Path, buffer: ReplayBuffer, monkeypatch: pytest.MonkeyPatch) -> None:
    run(buffer, tmp_path / "plain", until_step=2)
    real = torch.save
    monkeypatch.setattr(torch, "save", failing(real, 2, error=MemoryError()))  # the numbered one is written, latest.pt is not
    run(buffer, tmp_path / "tight", until_step=2)
    assert_same_state(tmp_path / "plain", tmp_path / "tight")
    monkeypatch.setattr(torch, "save", failing(real, 3, 4, error=MemoryError()))
    with pytest.raises(PawnzeroError, match="out of memory for writing a checkpoint; run the same command again"):
        run(buffer, tmp_path / "short", until_step=3, save_every=2)
    assert load_checkpoint(tmp_path / "short" / "latest.pt").step == 2
    assert not list((tmp_path / "short").glob(".*"))


def test_a_net_too_large_for_one_sample_and_other_errors_are_raised(tmp_path: Path, buffer: ReplayBuffer) -> None:
    for error, message in (("out of memory", "micro-batch of 1"), ("shapes differ", "shapes differ")):
        net = make_net()

        def fail(module: torch.nn.Module, inputs: tuple, error: str = error) -> None:
            raise RuntimeError(error)

        net.register_forward_pre_hook(fail)
        with pytest.raises((PawnzeroError, RuntimeError), match=message):
            run(buffer, tmp_path / "c", net=net)
    assert not list((tmp_path / "c").iterdir())


def test_no_memory_for_the_moments_is_said_in_one_line(
    tmp_path: Path, buffer: ReplayBuffer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.optim.AdamW, "step", failing(torch.optim.AdamW.step, 1, 2))
    with pytest.raises(PawnzeroError, match="out of memory for the optimizer's moments; a smaller net is needed"):
        run(buffer, tmp_path / "c")


def test_making_moments_moves_nothing() -> None:
    net = make_net()
    before = [parameter.detach().clone() for parameter in net.parameters()]
    optimizer = make_optimizer(net, replace(CONFIG.trainer, wd=0.5))
    allocate_moments(optimizer)
    assert all(torch.equal(old, new) for old, new in zip(before, net.parameters()))
    assert len(optimizer.state) == len(before)
    for moments in optimizer.state.values():
        assert not any(moments[name].any() for name in ("step", "exp_avg", "exp_avg_sq"))
    counted = versions(optimizer)
    for parameter in net.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    assert all(new != old for new, old in zip(versions(optimizer), counted))
    moved = {name: moments["exp_avg"].clone() for name, moments in optimizer.state.items()}
    allocate_moments(optimizer)  # what has moments keeps them
    assert all(torch.equal(moved[name], moments["exp_avg"]) for name, moments in optimizer.state.items())
    assert all(moments["step"] == 1 for moments in optimizer.state.values())


def test_what_torch_keeps_for_threads_that_played_is_freed_with_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    freed: List[str] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: freed.append("cache"))
    monkeypatch.setattr(torch._C, "_cuda_clearCublasWorkspaces", lambda: freed.append("workspaces"), raising=False)
    free_memory()
    assert freed == ["workspaces", "cache"]  # the cache is where workspaces go
    monkeypatch.delattr(torch._C, "_cuda_clearCublasWorkspaces")  # torch 1.13 has no such thing
    free_memory()
    assert freed[2:] == ["cache"]


def test_samples_are_not_pinned_where_there_is_no_memory_for_that(monkeypatch: pytest.MonkeyPatch) -> None:
    tensor = torch.ones(3)
    monkeypatch.setattr(torch.Tensor, "pin_memory", failing(torch.Tensor.pin_memory, 1))
    assert pinned(tensor) is tensor
    monkeypatch.setattr(torch.Tensor, "pin_memory", failing(torch.Tensor.pin_memory, 1, error=RuntimeError("no GPU")))
    with pytest.raises(RuntimeError, match="no GPU"):
        pinned(tensor)


def test_a_stage_that_goes_on_keeps_what_fitted(tmp_path: Path, buffer: ReplayBuffer) -> None:
    net, seen = small_card(5)
    stop = Heard(after=1, action=lambda: os.kill(os.getpid(), signal.SIGINT))
    run(buffer, tmp_path, until_step=9, net=net, progress=stop)
    Remembered("batches").path.unlink()
    run(buffer, tmp_path, until_step=9, net=net)
    assert seen.count(16) == 1


def test_on_another_machine_a_stage_tries_the_whole_batch(
    tmp_path: Path, buffer: ReplayBuffer, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, seen = small_card(5)
    stop = Heard(after=1, action=lambda: os.kill(os.getpid(), signal.SIGINT))
    run(buffer, tmp_path, until_step=9, net=net, progress=stop)
    monkeypatch.setattr("platform.node", lambda: "another")
    run(buffer, tmp_path, until_step=9, net=net)
    assert seen.count(16) == 2


def test_the_next_stage_begins_with_what_fitted_and_says_how_to_forget_it(tmp_path: Path, buffer: ReplayBuffer) -> None:
    net, seen = small_card(5)
    run(buffer, tmp_path, net=net)
    file = Remembered("batches").path
    told = Heard()
    assert run(buffer, tmp_path, until_step=2, net=net, progress=told).micro_batch == 4
    assert seen.count(16) == 1
    assert told.notes == [
        "training begins with batches of 4, because 16 ran out of memory here before "
        f"(this is forgotten after a day, or when {file} is deleted)"
    ]
    file.unlink()
    run(buffer, tmp_path, until_step=3, net=net)
    assert seen.count(16) == 2


def fitted(channels: int = 8, precision: str = "float32", batch: int = 16, purpose: str = "training") -> Fitted:
    net = PolicyValueNet(ModelConfig(channels=channels, blocks=1), "tic_tac_toe")
    return Fitted(purpose, net, CPU, precision, batch, Progress())


@pytest.mark.parametrize(
    "other",
    [{"channels": 16}, {"precision": "bfloat16"}, {"batch": 32}, {"purpose": "playing"}],
    ids=lambda other: next(iter(other)),
)
def test_nothing_else_inherits_a_size(other: dict) -> None:  # type: ignore[type-arg]
    fitted().keep(4)
    assert fitted().recall() == 4
    assert fitted(**other).recall() == other.get("batch", 16)


def test_another_card_inherits_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted().keep(4)
    monkeypatch.setattr("pawnzero.nets.fitted.describe_device", lambda device: "a bigger card")
    assert fitted().recall() == 16


@pytest.mark.parametrize("answer", [{"size": 4, "time": 0.0}, {"size": 0, "time": 1e12}, {"size": 64, "time": 1e12}, {}, 4])
def test_an_old_or_damaged_answer_is_none(answer: object) -> None:
    kept = fitted()
    Remembered("batches").keep(kept.key, answer)
    assert kept.recall() == 16


def test_what_is_remembered_stays_beside_others_and_damage_is_forgotten() -> None:
    answers = Remembered("batches")
    answers.keep("one", 1)
    answers.keep("two", [2])
    assert (answers.recall("one"), answers.recall("two"), answers.recall("three")) == (1, [2], None)
    assert json.loads(answers.path.read_text()) == {"one": 1, "two": [2]}
    for damaged in ("", "[1]", "{"):
        answers.path.write_text(damaged)
        assert answers.recall("one") is None
    answers.keep("one", 3)
    assert answers.recall("one") == 3


def test_a_folder_that_cannot_be_written_costs_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr("pawnzero.machine.remembered.cache_home", lambda: tmp_path / "file")
    kept = fitted()
    kept.keep(4)
    assert kept.recall() == 16
