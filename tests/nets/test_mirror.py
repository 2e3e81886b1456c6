"""Mirrored nets answer mirrored positions with mirrored answers, and training keeps them so."""

from __future__ import annotations

from pathlib import Path
from typing import Dict

import numpy as np
import pytest
import torch

from pawnzero.agent import Agent
from pawnzero.config import Config, ModelConfig, TrainConfig
from pawnzero.errors import UsageError
from pawnzero.games import GAME_NAMES, get_game
from pawnzero.nets import PolicyValueNet, make_model
from pawnzero.nets.checkpoint import load_checkpoint
from pawnzero.settings import load_config
from pawnzero.train import train
from tests.train.random_games import fill

COLUMNS = {"connect_four": [6, 5, 4, 3, 2, 1, 0], "tic_tac_toe": [2, 1, 0, 5, 4, 3, 8, 7, 6]}
"""What mirroring left and right makes of each action."""


def disturbed_net(game: str, mirrored: bool, se_ratio: int = 2) -> PolicyValueNet:
    """A net in which every weight and bias does something; a fresh one's branches and biases are zero."""
    net = make_model(channels=16, blocks=2, se_ratio=se_ratio, game=game, seed=3, mirrored=mirrored)
    generator = torch.Generator().manual_seed(4)
    for parameter in net.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator)
    net.tie_gradients()
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            assert parameter.grad is not None
            parameter.add_(0.1 * parameter.grad)
            if name.endswith("squeeze.bias"):
                parameter.add_(1.0)  # no hidden channel of squeeze-excitation is silent
    net.zero_grad()
    return net


def random_planes(game: str, size: int) -> torch.Tensor:
    rules = get_game(game)
    generator = torch.Generator().manual_seed(5)
    return torch.rand(size, rules.bit_planes + rules.scalar_planes, *rules.board_shape, generator=generator)


def mirrors(net: PolicyValueNet) -> bool:
    """Whether random planes, mirrored, get the mirrored answers."""
    planes = random_planes(net.game_name, 6)
    with torch.no_grad():
        (policy, wdl), (mirrored_policy, mirrored_wdl) = net(planes), net(planes.flip(3))
    same_policy = torch.allclose(mirrored_policy[:, COLUMNS[net.game_name]], policy, atol=1e-5)
    same_wdl = torch.allclose(mirrored_wdl, wdl, atol=1e-5)
    assert same_policy == same_wdl
    return same_policy


@pytest.mark.parametrize("game", sorted(COLUMNS))
def test_mirrored_positions_get_mirrored_answers(game: str) -> None:
    assert mirrors(disturbed_net(game, mirrored=True))
    assert mirrors(make_model(channels=8, blocks=1, game=game, mirrored=True))
    assert mirrors(disturbed_net(game, mirrored=True, se_ratio=0))
    assert not mirrors(disturbed_net(game, mirrored=False))


def test_fresh_weights_spread_as_those_of_another_net() -> None:
    free, tied = (
        make_model(channels=64, blocks=2, game="connect_four", seed=1, mirrored=mirrored) for mirrored in (False, True)
    )
    for (name, before), after in zip(free.named_parameters(), tied.parameters()):
        assert float(after.detach().norm()) == pytest.approx(float(before.detach().norm()), rel=0.15, abs=1e-9), name
    assert tied.blocks[0].scale.item() == 1.0


@pytest.mark.parametrize("game", sorted(COLUMNS))
def test_its_gradient_is_that_of_positions_and_their_mirror_images(game: str) -> None:
    net, planes, columns = disturbed_net(game, mirrored=True), random_planes(game, 6), COLUMNS[game]
    generator = np.random.default_rng(6)
    wanted = torch.from_numpy(generator.dirichlet(np.ones(len(columns)), 6)).float()
    outcome = torch.from_numpy(generator.dirichlet(np.ones(3), 6)).float()

    def loss(planes: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
        policy, wdl = net(planes)
        total: torch.Tensor = -(wanted * policy.log_softmax(1)).sum() - (outcome * wdl.log_softmax(1)).sum()
        return total

    (0.5 * (loss(planes, wanted) + loss(planes.flip(3), wanted[:, columns]))).backward()
    expected = [parameter.grad for parameter in net.parameters()]
    net.zero_grad(set_to_none=True)
    loss(planes, wanted).backward()
    net.tie_gradients()
    for (name, parameter), both in zip(net.named_parameters(), expected):
        assert parameter.grad is not None
        assert both is not None
        assert bool(both.any()), name
        assert torch.allclose(parameter.grad, both, atol=1e-5), name


@pytest.mark.parametrize("heads", [0.0, 0.5])
@pytest.mark.parametrize(
    ("channels", "se_ratio"), [(8, 2), (20, 2), (8, 0)]
)  # 20: sums that torch rounds differently at their ends
def test_training_keeps_it_so(tmp_path: Path, heads: float, channels: int, se_ratio: int) -> None:
    buffer = fill(tmp_path / "replay.pt")
    config = Config(
        game="tic_tac_toe",
        batch_size=8,
        model=ModelConfig(channels=channels, blocks=1, se_ratio=se_ratio, mirrored=True),
        trainer=TrainConfig(lr=0.005, warmup_steps=5, reply_weight=heads, plies_left_weight=heads),
    )
    weights: Dict[bool, Dict[str, torch.Tensor]] = {}
    for stops in ((12,), (6, 12)):
        folder = tmp_path / f"{len(stops)}"
        for step in stops:
            train(buffer, config, checkpoints=folder, until_step=step, device="cpu")
        saved = load_checkpoint(folder / "latest.pt")
        assert saved.model.mirrored
        weights[len(stops) > 1] = saved.net
        for averaged in (False, True):
            net = saved.make_net(averaged=averaged)
            assert mirrors(net)
            assert not torch.equal(net.value_out.weight, PolicyValueNet(net.shape, net.game_name).value_out.weight)
    assert all(torch.equal(weights[False][name], weights[True][name]) for name in weights[False])


def test_which_games_can_be_mirrored() -> None:
    assert {name for name in GAME_NAMES if get_game(name).mirror is not None} == set(COLUMNS)
    for name, columns in COLUMNS.items():
        game = get_game(name)
        assert game.action_map[game.mirror].tolist() == columns


def test_what_cannot_be_mirrored_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    refused = r"model\.mirrored: not every position of chess can be mirrored, expected false"
    with pytest.raises(UsageError, match=refused):
        make_model(channels=8, blocks=1, mirrored=True)
    with pytest.raises(UsageError, match=refused):
        Agent.open_or_create(tmp_path / "A", load_config(overrides={"model.mirrored": True}))
    assert not (tmp_path / "A").exists()
    for channels, ratio in ((9, 1), (12, 4)):
        with pytest.raises(UsageError, match=r"model\.mirrored: model\.channels is .* expected even numbers"):
            load_config(overrides={"model.channels": channels, "model.se_ratio": ratio, "model.mirrored": True})
    with pytest.raises(UsageError, match=r"model\.mirrored: model\.channels is 9, expected even numbers"):
        load_config(overrides={"model.channels": 9, "model.se_ratio": 0, "model.mirrored": True})
