"""Answers in 8-bit integers: what they are, how near they are, and when they are not taken."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, List

import numpy as np
import pytest
import torch
from torch.nn import functional

from pawnzero.games import GAME_NAMES, get_game
from pawnzero.nets import fold as fold_module
from pawnzero.nets import quantized as module
from pawnzero.nets.evaluator import NetEvaluator
from pawnzero.nets.fold import CompiledNet, FoldedNet, Layer, fold
from pawnzero.nets.planes import unpack
from pawnzero.nets.quantized import SAMPLE, QuantizedNet, quantized, weight_limit
from pawnzero.nets.resnet import PolicyValueNet
from pawnzero.search.evaluator import Question, random_question

CPU = torch.device("cpu")

pytestmark = pytest.mark.skipif(weight_limit() == 0, reason="this torch has no convolution of 8-bit integers")


@pytest.fixture(autouse=True)
def _always_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module._MEASURED, "recall", lambda key: 2.0)


def planes_of(question: Question, net: PolicyValueNet) -> torch.Tensor:
    return unpack(question.bits, question.scalars, get_game(net.game_name).board_shape)


def naive(net: PolicyValueNet, sample: torch.Tensor, planes: torch.Tensor) -> List[torch.Tensor]:
    """Policy planes and WDL logits in float64, written from what quantized.py says at its head."""
    layers = fold(net)
    most: List[torch.Tensor] = []
    means: List[torch.Tensor] = []

    def exact(x: torch.Tensor, layer: Layer) -> torch.Tensor:
        most.append(x.amax((0, 2, 3)).double())
        means.append(x.double().mean(0, keepdim=True))
        return functional.conv2d(x, layer.weight, layer.bias, padding=1)

    def whole(x: torch.Tensor, layer: Layer) -> torch.Tensor:
        top, mean = most.pop(0), means.pop(0)
        if layer is layers.stem and len(top) <= net.shape.channels:
            return functional.conv2d(x, layer.weight.double(), layer.bias.double(), padding=1)
        step = torch.maximum(top, top.max() / 1000) / 255
        count = (x / step.view(1, -1, 1, 1) + 0.5).floor().clamp(0, 255)
        weight = layer.weight.double() * step.view(1, -1, 1, 1)
        unit = weight.abs().amax((1, 2, 3), keepdim=True) / weight_limit()
        rounded = (weight / unit).round() * unit
        lost = functional.conv2d(mean / step.view(1, -1, 1, 1), weight - rounded, padding=1).mean((0, 2, 3))
        return functional.conv2d(count, rounded, layer.bias.double() + lost, padding=1)

    def answer(x: torch.Tensor, convolve: Any) -> List[torch.Tensor]:
        x = convolve(x, layers.stem).relu()
        for block in layers.blocks:
            branch = convolve(convolve(x, block.first).relu(), block.second)
            if block.squeeze is not None and block.excite is not None:
                middle = functional.linear(branch.mean((2, 3)), block.squeeze.weight.to(x), block.squeeze.bias.to(x)).relu()
                gates = functional.linear(middle, block.excite.weight.to(x), block.excite.bias.to(x))
                scale, shift = gates[:, :, None, None].chunk(2, 1)
                branch = branch * scale.sigmoid() + shift
            x = (x + branch).relu()
        policy = convolve(convolve(x, layers.policy_hidden).relu(), layers.policy_out)
        value = functional.conv2d(x, layers.value_planes.weight.to(x), layers.value_planes.bias.to(x)).relu().flatten(1)
        value = functional.linear(value, layers.value_hidden.weight.to(x), layers.value_hidden.bias.to(x)).relu()
        return [policy, functional.linear(value, layers.value_out.weight.to(x), layers.value_out.bias.to(x))]

    with torch.inference_mode():
        answer(sample, exact)
        most[0] = 1.0 / net.plane_scale.flatten().double()
        return answer(planes.double(), whole)


@pytest.mark.parametrize("se_ratio", [4, 0])
@pytest.mark.parametrize("name", GAME_NAMES)
def test_it_computes_what_its_module_says(name: str, se_ratio: int, awake: Any) -> None:
    net = awake(name, 16, 2, se_ratio=se_ratio)
    question = random_question(get_game(name), 96)
    sample, asked = question.part(0, 64), question.part(64, 96)
    found = QuantizedNet(net, torch.float32, planes_of(sample, net))
    exact = FoldedNet(net, CPU, torch.float32)
    policy, wdl = naive(net, planes_of(sample, net), planes_of(asked, net))
    with torch.inference_mode():
        got, got_wdl = found(found.images(asked.bits, asked.scalars, 32))
        right, right_wdl = exact(planes_of(asked, net))
    wanted = policy.permute(0, 2, 3, 1).flatten(1)
    for one, other, float_one in ((got, wanted, right), (got_wdl, wdl, right_wdl)):
        off = (float_one - other).square().mean().sqrt()
        assert off > 0
        assert (one - other).square().mean().sqrt() < 0.1 * off, "only numbers that stand between two steps may round otherwise"


@pytest.mark.parametrize("name", GAME_NAMES)
def test_its_answers_are_near_the_nets_own(name: str, awake: Any) -> None:
    net = awake(name, 32, 3)
    found, why = quantized(net, torch.float32, random_question(get_game(name), SAMPLE))
    assert found is not None, why
    assert why.startswith("answers 2.0 times as fast as float32; policies are off by ")


def test_more_than_the_sample_held_is_cut_off(awake: Any) -> None:
    """Steps found on empty boards: no number wraps round, however full the board."""
    net = awake("connect_four", 16, 2)
    game = get_game("connect_four")
    question = random_question(game, 32)
    sample = torch.zeros(8, game.bit_planes + game.scalar_planes, *game.board_shape)
    found = QuantizedNet(net, torch.float32, sample)
    policy, wdl = naive(net, sample, planes_of(question, net))
    with torch.inference_mode():
        got, got_wdl = found(found.images(question.bits, question.scalars, 32))
    assert torch.allclose(got.double(), policy.permute(0, 2, 3, 1).flatten(1), atol=0.05 * float(policy.abs().max()))
    assert torch.allclose(got_wdl.double(), wdl, atol=0.05 * float(wdl.abs().max()))


def test_the_same_answer_in_any_batch(awake: Any) -> None:
    sample, asked = random_question(get_game("chess"), SAMPLE), random_question(get_game("chess"), 200)
    evaluator = NetEvaluator(awake("chess", 32), "cpu", sample=sample)
    assert evaluator.precision == "int8"
    assert evaluator.description.startswith("cpu, int8 (answers 2.0 times as fast as ")

    def ask(start: int, stop: int) -> np.ndarray:
        part = replace(asked, logits=np.zeros_like(asked.logits), wdl=np.zeros_like(asked.wdl)).part(start, stop)
        evaluator.evaluate(part)
        return np.concatenate([part.logits, part.wdl], 1)

    whole = ask(0, 200)
    for start, stop in ((0, 1), (7, 8), (3, 12), (0, 37), (50, 114), (9, 200)):
        assert np.array_equal(ask(start, stop), whole[start:stop]), (start, stop)


def test_it_is_not_taken_where_it_would_not_do(awake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sample = random_question(get_game("chess"), SAMPLE)
    net = awake("chess", 16, 1)

    def why_not(net: PolicyValueNet = net, asked: Question = sample) -> str:
        found, why = quantized(net, torch.float32, asked)
        assert found is None
        return why

    scalars = sample.scalars.copy()
    scalars[3, 5] = 1000.0
    assert why_not(asked=replace(sample, scalars=scalars)) == "int8 needs scaled planes from 0 to 1"
    with monkeypatch.context() as patch:
        patch.setattr(module, "VALUE_OFF", 1e-9)
        assert why_not().startswith("int8 is too inaccurate: policies are off by ")
    with monkeypatch.context() as patch:
        patch.setattr(module, "POLICY_OFF", 1e-9)
        assert why_not().startswith("int8 is too inaccurate: policies are off by ")
    with monkeypatch.context() as patch:
        patch.setattr(module, "_off", _raising)
        assert why_not() == "int8 failed here: could not create a primitive"
    with monkeypatch.context() as patch:
        patch.setattr(module._MEASURED, "recall", lambda key: 1.04)
        assert why_not() == "int8 answers only 1.04 times as fast as float32"
        evaluator = NetEvaluator(net, "cpu", "float32", sample=sample)
        assert evaluator.description == "cpu, float32 (as asked; int8 answers only 1.04 times as fast as float32)"
    monkeypatch.setattr(module, "weight_limit", lambda: 0)
    assert why_not() == "this torch has no int8 here"


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the instructions in question are x86's")
def test_older_instructions_take_smaller_weights() -> None:
    """AVX2 adds two products in 16 bits; what oneDNN is kept from using is found out by computing."""
    command = [sys.executable, "-c", "from pawnzero.nets.quantized import weight_limit; print(weight_limit())"]
    told = subprocess.run(command, env={**os.environ, "ONEDNN_MAX_CPU_ISA": "AVX2"}, capture_output=True, check=True)
    assert told.stdout.split() == [b"63"]


def test_how_much_faster_it_is_is_measured_once(awake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    net, sample = awake("tic_tac_toe"), random_question(get_game("tic_tac_toe"), SAMPLE)
    quantized(net, torch.float32, sample)
    monkeypatch.setattr(module, "_measure_gain", lambda *nets: pytest.fail("measured again"))
    quantized(net, torch.float32, sample)


def test_a_net_that_takes_longer_is_no_gain(awake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]

    class Timed(CompiledNet):
        seconds = 0.0

        def __call__(self, planes: torch.Tensor) -> Any:
            clock[0] += self.seconds
            return super().__call__(planes)

    monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: clock[0]))
    slow, fast = (Timed(awake("tic_tac_toe", 8, 1), torch.float32) for _ in range(2))
    slow.seconds, fast.seconds = 3.0, 1.0
    assert module._measure_gain(slow, fast) == pytest.approx(3.0)
    assert module._measure_gain(fast, slow) == pytest.approx(1 / 3)


def test_how_far_off_it_is_is_found_on_the_second_half(awake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sample, seen = random_question(get_game("tic_tac_toe"), SAMPLE), []
    sample.bits[SAMPLE // 2 :] = 0
    off = module._off
    monkeypatch.setattr(module, "_off", lambda net, found, asked: seen.append(asked.bits.copy()) or off(net, found, asked))
    quantized(awake("tic_tac_toe"), torch.float32, sample)
    assert len(seen[0]) == SAMPLE // 2
    assert not seen[0].any()


def test_what_it_is_off_by_is_told_of_the_net_itself(awake: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    right = fold_module._folded
    monkeypatch.setattr(fold_module, "_folded", lambda layer, inputs=1.0, bias=1.0: right(layer, inputs, 0.0))
    found, why = quantized(awake("chess", 16, 1), torch.float32, random_question(get_game("chess"), SAMPLE))
    assert found is None
    assert why.startswith("int8 is too inaccurate: policies are off by ")


def _raising(*_: Any) -> Any:
    raise RuntimeError("could not create a primitive")
