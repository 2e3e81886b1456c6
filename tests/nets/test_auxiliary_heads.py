"""Heads beside policy and value: they read the trunk, see the board as the opponent does, and leave the net as it is."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pawnzero.games import GAME_NAMES, get_game
from pawnzero.nets import make_model
from pawnzero.nets.auxiliary import ReplyHead, WithHeads


def planes_of(name: str, batch: int = 3) -> torch.Tensor:
    game = get_game(name)
    generator = torch.Generator().manual_seed(4)
    return torch.rand(batch, game.bit_planes + game.scalar_planes, *game.board_shape, generator=generator)


@pytest.mark.parametrize("name", GAME_NAMES)
def test_policy_and_value_are_the_nets_own(name: str) -> None:
    net = make_model("cpu", 8, 2, 4, name, seed=3)
    before = torch.random.get_rng_state()
    asked = WithHeads(net, reply=True, plies_left=True)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert asked.net is net
    outputs, alone = asked(planes_of(name)), net(planes_of(name))
    assert torch.equal(outputs.policy, alone[0])
    assert torch.equal(outputs.wdl, alone[1])
    assert outputs.reply.shape == outputs.policy.shape
    assert outputs.plies_left.shape == (3,)
    assert float(outputs.reply.detach().std()) < 1.0
    unasked = WithHeads(net, reply=False, plies_left=False)
    assert unasked(planes_of(name))[2:] == (None, None)
    assert list(unasked.parameters()) == list(net.parameters())
    assert {key.partition(".")[0] for key in net.state_dict()} == {
        *("stem", "blocks", "policy_hidden", "policy_out", "value_planes", "value_hidden", "value_out")
    }


@pytest.mark.parametrize("seed", [0, 1, 2**62])
def test_heads_do_not_begin_as_the_net_does(seed: int) -> None:
    """Of one seed's numbers both would draw the same, to a factor: the reply's layer those of the stem."""
    net = make_model("cpu", 8, 1, 4, "tic_tac_toe", seed)
    heads = WithHeads(net, reply=True, plies_left=True, seed=seed).heads
    others = WithHeads(net, reply=True, plies_left=True, seed=seed + 1).heads
    for name, layer in heads.named_parameters():
        if layer.dim() < 2:
            continue
        drawn = layer.detach().flatten()
        assert not torch.equal(drawn, others.get_parameter(name).detach().flatten())
        for weights in net.parameters():
            count = min(len(drawn), weights.numel())
            if count >= 32 and weights.dim() >= 2 and weights.any():
                both = torch.stack([drawn[:count], weights.detach().flatten()[:count]])
                assert abs(float(torch.corrcoef(both)[0, 1])) < 0.6, name


@pytest.mark.parametrize(("name", "row", "seen_from"), [("chess", 6, 1), ("chess", 0, 7), ("tic_tac_toe", 2, 2)])
def test_a_reply_stands_where_the_opponents_piece_does(name: str, row: int, seen_from: int) -> None:
    """A cell that lights up in the trunk speaks for the opponent's actions from that cell, as they number them."""
    game = get_game(name)
    head = ReplyHead(make_model("cpu", 4, 1, 4, name), torch.Generator().manual_seed(0))
    with torch.no_grad():
        head.out.weight.zero_()
        head.out.weight[:, 0, 1, 1] = 1.0
    x = torch.zeros(1, 4, *game.board_shape)
    x[0, 0, row, 2] = 1.0
    rows, columns = game.board_shape
    where = game.policy_index % (rows * columns)
    expected = np.flatnonzero(where == seen_from * columns + 2)
    assert head(x)[0].nonzero().flatten().tolist() == expected.tolist()
    assert len(expected) > 0
