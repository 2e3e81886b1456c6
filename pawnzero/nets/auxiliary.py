"""Auxiliary training targets: heads on the net's trunk that are used in training only.

They improve the trunk (Wu, "Accelerating Self-Play Learning in Go", 2019, section 4.3: predicting the opponent's reply made
learning 1.30 times as fast in Go; lc0 predicts the moves left). They are not part of the net, which is folded, exported and
measured without them.
"""

from __future__ import annotations

import math
from typing import Dict, NamedTuple, Optional, Union

import torch
from torch import nn
from torch.nn import functional

from pawnzero.games import get_game
from pawnzero.nets.resnet import HEAD_GAIN, PolicyValueNet, by_square, draw_weights

_OTHER_NUMBERS = 0x68656164
"""XORed into the heads' seed: with the net's own seed, their initial weights would be scaled copies of its first layers'."""


class Outputs(NamedTuple):
    """The outputs of a net in training for B positions; None for a head that it does not have.

    policy:     [B, A] logits; wdl: [B, 3] logits, both for the player to move
    reply:      [B, A] logits of the opponent's next action, numbered from the opponent's view of the board
    plies_left: [B] natural logarithm of the plies to the game's end
    """

    policy: torch.Tensor
    wdl: torch.Tensor
    reply: Optional[torch.Tensor] = None
    plies_left: Optional[torch.Tensor] = None


class ReplyHead(nn.Module):
    """One convolution from the trunk to the policy planes, so that the trunk itself has to know the reply.

    The trunk sees the opponent's pieces from the mover's side, so if the game flips the board, the planes are flipped to the
    opponent's side.
    """

    policy_index: torch.Tensor

    def __init__(self, net: PolicyValueNet, generator: torch.Generator) -> None:
        super().__init__()
        game = get_game(net.game_name)
        self._flips = game.flips_board
        self.register_buffer("policy_index", torch.tensor(game.policy_index, dtype=torch.long), persistent=False)
        self.out = nn.Conv2d(net.shape.channels, game.policy_planes, 3, padding=1)
        _begin(self.out, HEAD_GAIN, generator)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, C, rows, columns] → [B, A]."""
        planes = self.out(x)
        planes = planes.flip(2) if self._flips else planes
        return planes.flatten(1).index_select(1, self.policy_index)


class PliesLeftHead(nn.Module):
    """Two layers on the trunk's mean over the board."""

    def __init__(self, net: PolicyValueNet, generator: torch.Generator) -> None:
        super().__init__()
        self.hidden = nn.Linear(net.shape.channels, net.shape.channels)
        self.out = nn.Linear(net.shape.channels, 1)
        _begin(self.hidden, math.sqrt(2.0), generator)
        _begin(self.out, HEAD_GAIN, generator)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, C, rows, columns] → [B]."""
        return self.out(functional.relu(self.hidden(by_square(x).mean(1)))).flatten()


class WithHeads(nn.Module):
    """A net with the requested auxiliary heads. Wraps the given net without a copy; `heads` holds only the heads.

    seed: determines the heads' initial weights; may be the net's seed
    """

    def __init__(self, net: PolicyValueNet, reply: bool, plies_left: bool, seed: int = 0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed ^ _OTHER_NUMBERS)
        heads: Dict[str, nn.Module] = {}
        with torch.random.fork_rng(devices=[]):  # torch's own initialisation draws from the global state
            if reply:
                heads["reply"] = ReplyHead(net, generator)
            if plies_left:
                heads["plies_left"] = PliesLeftHead(net, generator)
        self.net = net
        self.heads = nn.ModuleDict(heads)
        self.heads.to(next(net.parameters()).device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, planes: torch.Tensor) -> Outputs:
        """Planes [B, P + Q, rows, columns] → the outputs of the net and the heads."""
        if not self.heads:
            return Outputs(*self.net(planes))
        x = self.net.trunk(planes)
        return Outputs(*self.net.answer(x), **{name: head(x) for name, head in self.heads.items()})


def _begin(layer: Union[nn.Conv2d, nn.Linear], gain: float, generator: torch.Generator) -> None:
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    draw_weights(layer.weight, gain, generator)
