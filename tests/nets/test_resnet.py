"""The net: shapes, first weights, and that it can learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from pawnzero.config import ModelConfig
from pawnzero.errors import UsageError
from pawnzero.games import GAME_NAMES, get_game
from pawnzero.nets import make_model
from pawnzero.nets.planes import unpack
from pawnzero.nets.resnet import PolicyValueNet


def _answers(net: PolicyValueNet, question):  # type: ignore[no-untyped-def]
    planes = unpack(question.bits, question.scalars, get_game(net.game_name).board_shape)
    return net(planes)


@pytest.mark.parametrize("name", GAME_NAMES)
def test_shapes(name, ask):  # type: ignore[no-untyped-def]
    net = make_model(channels=8, blocks=1, game=name)
    policy, wdl = _answers(net, ask(name, 5))
    assert policy.shape == (5, get_game(name).num_actions)
    assert wdl.shape == (5, 3)
    assert not any("plane_scale" in key or "policy_index" in key for key in net.state_dict())


def test_parameters_of_the_default_net_of_chess() -> None:
    net = make_model()
    convolutions = (112 * 64 + 12 * 64 * 64 + 64 * 64 + 64 * 80) * 9 + 14 * 64 + 80
    gates = 6 * (64 * 16 + 16 + 16 * 128 + 128 + 1)
    value = (64 * 32 + 32) + (32 * 64 * 128 + 128) + (128 * 3 + 3)
    assert sum(p.numel() for p in net.parameters()) == convolutions + gates + value


def test_without_squeeze_excitation_the_rest_stays() -> None:
    names = [set(make_model(channels=8, blocks=2, se_ratio=ratio).state_dict()) for ratio in (4, 0)]
    assert {name for name in names[0] if "excitation" not in name} == names[1]
    assert names[0] != names[1]


def test_the_activation_is_the_trunks_and_the_heads(awake) -> None:  # type: ignore[no-untyped-def]
    net, seen = awake("connect_four", se_ratio=0), []
    inside = [layer for block in net.blocks for layer in (block.first, block.second)][1:]
    for layer in (*inside, net.policy_hidden, net.policy_out, net.value_planes, net.value_hidden, net.value_out):
        layer.register_forward_pre_hook(lambda module, given: seen.append(float(given[0].min())))
    with torch.no_grad():
        net(3.0 * torch.randn(64, 6, 6, 7, generator=torch.Generator().manual_seed(1)))
    assert seen == [0.0] * 6


def test_an_unknown_game_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="go"):
        make_model(game="go")


def test_weights_follow_from_the_seed_alone() -> None:
    state = torch.random.get_rng_state()
    first, second, other = (make_model(channels=8, blocks=2, seed=seed).state_dict() for seed in (5, 5, 6))
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.manual_seed(99)
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert not torch.equal(first["stem.weight"], other["stem.weight"])


def test_first_guesses_are_nearly_uniform(ask) -> None:  # type: ignore[no-untyped-def]
    question = ask("chess", 100)
    for seed in range(2):
        with torch.no_grad():
            policy, wdl = _answers(make_model(seed=seed), question)
        for b in range(100):
            prior = policy[b][torch.from_numpy(question.legal[b, : question.count[b]]).long()].softmax(0)
            entropy = -float((prior * prior.log()).sum())
            assert entropy >= 0.95 * np.log(question.count[b])
        assert float((wdl.softmax(1) - 1 / 3).abs().max()) < 0.1
        assert float(policy.std()) > 0.01, "a head of zeros would give the trunk no gradient"


def test_a_position_is_answered_alone_as_in_company(ask, awake) -> None:  # type: ignore[no-untyped-def]
    net, question = awake("chess"), ask("chess", 6)
    with torch.no_grad():
        policy, wdl = _answers(net, question)
        lone_policy, lone_wdl = _answers(net, question.part(4, 5))
    assert torch.allclose(policy[4:5], lone_policy, atol=1e-4)
    assert torch.allclose(wdl[4:5], lone_wdl, atol=1e-4)


def test_planes_are_scaled_as_the_game_says() -> None:
    game = get_game("chess")
    net = PolicyValueNet(ModelConfig(channels=4, blocks=1), "chess")
    odd = int(np.flatnonzero(game.plane_scale != 1)[0])
    planes = torch.zeros(1, 112, 8, 8)
    planes[:, odd] = 1.0
    scaled = torch.zeros(1, 112, 8, 8)
    scaled[:, odd] = float(game.plane_scale[odd])
    net.plane_scale.fill_(1.0)
    wanted = net(scaled)[0]
    again = PolicyValueNet(ModelConfig(channels=4, blocks=1), "chess")
    assert torch.allclose(again(planes)[0], wanted)


def test_training_in_half_precision_stays_there(ask, awake) -> None:  # type: ignore[no-untyped-def]
    """One float32 factor makes everything after it float32: twice the bytes, and a result that hardly differs."""
    net, formats = awake("connect_four"), []
    for block in net.blocks:
        block.excitation.register_forward_pre_hook(lambda module, given: formats.append(given[0].dtype))
        block.register_forward_hook(lambda module, given, result: formats.append(result.dtype))
    with torch.autocast("cpu", torch.bfloat16):
        _answers(net, ask("connect_four", 6))
    assert formats == [torch.bfloat16] * 2 * len(net.blocks)


def test_the_mean_over_the_board_has_a_gradient_that_lies_as_images_do() -> None:
    block, means = make_model(channels=8, blocks=1, game="connect_four").blocks[0], []
    block.excitation.squeeze.register_forward_pre_hook(lambda module, given: means.append(given[0]))
    x = torch.rand(4, 8, 6, 7).contiguous(memory_format=torch.channels_last).requires_grad_()
    block.excitation(x)
    (gradient,) = torch.autograd.grad(means[0].sum(), x)
    assert torch.allclose(gradient, torch.tensor(1 / 42).expand(4, 8, 6, 7))
    assert gradient.is_contiguous(memory_format=torch.channels_last)


def test_every_weight_learns_and_the_loss_falls(ask) -> None:  # type: ignore[no-untyped-def]
    net, question = make_model(channels=16, blocks=2, game="tic_tac_toe"), ask("tic_tac_toe", 16)
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    generator = torch.Generator().manual_seed(0)
    moves = torch.from_numpy(question.legal[:, 0]).long()
    results = torch.randint(0, 3, (16,), generator=generator)
    optimizer = torch.optim.AdamW(net.parameters(), lr=5e-3)
    losses = []
    for _ in range(25):
        policy, wdl = _answers(net, question)
        loss = functional.cross_entropy(policy, moves) + functional.cross_entropy(wdl, results)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    still = [name for name, p in net.named_parameters() if torch.equal(p, before[name])]
    assert not still
