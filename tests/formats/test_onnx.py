"""ONNX models: sound by ONNX's own checker, and ONNX Runtime answers what the net answers, for any batch."""

from __future__ import annotations

from typing import Any, Dict

import numpy as np
import pytest
import torch

from pawnzero.formats.agreement import net_answers, onnx_answers
from pawnzero.formats.onnx import encode_onnx
from pawnzero.games import GAME_NAMES, get_game
from pawnzero.nets.planes import unpack
from pawnzero.search.evaluator import random_question
from tests.formats.known_net import STEP, known_checkpoint, known_net

onnx: Any = pytest.importorskip("onnx", reason="onnx is not installed (pip install onnx onnxruntime)")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed (pip install onnxruntime)")


@pytest.mark.parametrize("shape", [{}, {"se_ratio": 0}])
@pytest.mark.parametrize("name", GAME_NAMES)
@pytest.mark.parametrize("size", [1, 7, 64])
def test_the_runtime_answers_as_the_net_does(name: str, size: int, shape: Dict[str, Any]) -> None:
    answer = onnx_answers(encode_onnx(known_checkpoint(name, **shape)))
    assert answer is not None
    planes = _random_planes(name, size, seed=size)
    policy, wdl = answer(planes)
    wanted_policy, wanted_wdl = net_answers(known_net(name, **shape))(planes)
    assert (policy.shape, wdl.shape) == ((size, get_game(name).num_actions), (size, 3))
    np.testing.assert_allclose(policy, wanted_policy, atol=1e-4)
    np.testing.assert_allclose(wdl, wanted_wdl, atol=1e-5)
    if size > 1:
        assert (policy.std(0) > 1e-3).any(), "all positions look the same"


@pytest.mark.parametrize("name", GAME_NAMES)
def test_the_model_is_sound_and_says_what_it_is(name: str) -> None:
    game, checkpoint = get_game(name), known_checkpoint(name)
    model = onnx.load_from_string(encode_onnx(checkpoint))
    onnx.checker.check_model(model, full_check=True)
    (planes,), (policy, wdl) = model.graph.input, model.graph.output
    assert [_shape(one) for one in (planes, policy, wdl)] == [
        ("planes", ["batch", game.bit_planes + game.scalar_planes, *game.board_shape]),
        ("policy", ["batch", game.num_actions]),
        ("wdl", ["batch", 3]),
    ]
    told = {prop.key: prop.value for prop in model.metadata_props}
    assert (told["game"], told["step"], told["channels"], told["blocks"]) == (name, str(STEP), "16", "2")
    assert told["action_order"] == str(game.order_version)
    names = [*(node.name for node in model.graph.node), *(one for node in model.graph.node for one in node.output)]
    assert all(one.isidentifier() for one in names)
    assert len(set(names)) == len(names)


def test_counters_are_taken_as_they_are() -> None:
    planes = _random_planes("chess", 40, seed=3)
    assert planes[:, 109].max() > 1.0, "no position with a counter"
    answer = onnx_answers(encode_onnx(known_checkpoint()))
    assert answer is not None
    planes[:, 109] = 99.0
    _, wdl = answer(planes)
    with torch.no_grad():
        _, wanted = known_net()(torch.from_numpy(planes))
    np.testing.assert_allclose(wdl, wanted.softmax(1).numpy(), atol=1e-5)


def _random_planes(name: str, size: int, seed: int) -> np.ndarray:
    question = random_question(get_game(name), size, seed)
    return unpack(question.bits, question.scalars, get_game(name).board_shape).contiguous().numpy()


def _shape(value: Any) -> Any:
    return value.name, [one.dim_param or one.dim_value for one in value.type.tensor_type.shape.dim]
