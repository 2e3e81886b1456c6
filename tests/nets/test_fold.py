"""Folded nets give the answers of the nets they were made from."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pawnzero.games import GAME_NAMES
from pawnzero.nets import fold
from pawnzero.nets.fold import CompiledNet, FoldedNet
from pawnzero.nets.planes import unpack

CPU = torch.device("cpu")


def _compare(net, folded, question, tolerance: float) -> None:  # type: ignore[no-untyped-def]
    planes = unpack(question.bits, question.scalars, folded.board_shape)
    with torch.inference_mode():
        policy, wdl = net(planes)
        got, got_wdl = folded(planes.to(folded.dtype))
    got = got.float()[:, torch.from_numpy(folded.policy_where).long()]
    assert float((got - policy).abs().max()) <= tolerance * float(policy.abs().max())
    assert float((got_wdl - wdl).abs().max()) <= tolerance * max(1.0, float(wdl.abs().max()))


@pytest.mark.parametrize("se_ratio", [4, 0])
@pytest.mark.parametrize("name", GAME_NAMES)
def test_in_tensor_operations(name, se_ratio, ask, awake) -> None:  # type: ignore[no-untyped-def]
    net = awake(name, se_ratio=se_ratio)
    _compare(net, FoldedNet(net, CPU, torch.float32), ask(name, 9), 1e-4)


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.bfloat16, 0.05)])
@pytest.mark.parametrize("se_ratio", [4, 0])
@pytest.mark.parametrize("name", GAME_NAMES)
def test_compiled(name, se_ratio, dtype, tolerance, fused, ask, awake, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    if not fused:  # as on a torch that lacks oneDNN's operators
        monkeypatch.setattr(fold, "fused_convolutions", lambda dtype: False)
    net = awake(name, se_ratio=se_ratio)
    _compare(net, CompiledNet(net, dtype), ask(name, 9), tolerance)


def test_the_copy_does_not_follow_the_net(ask, awake) -> None:  # type: ignore[no-untyped-def]
    net, question = awake("tic_tac_toe"), ask("tic_tac_toe", 4)
    folded = CompiledNet(net, torch.float32)
    planes = unpack(question.bits, question.scalars, (3, 3))
    with torch.inference_mode():
        before = folded(planes)[0].clone()
        for parameter in net.parameters():
            parameter.zero_()
        np.testing.assert_array_equal(folded(planes)[0].numpy(), before.numpy())
