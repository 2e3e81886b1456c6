"""The net: lc0's residual tower with optional squeeze-excitation, a convolutional policy head and a win/draw/loss head.

It has no normalisation layers, so a position's result depends on that position alone, in training and in play, for any batch.
Instead, the residual branches start at zero (fixup initialisation: Zhang, Dauphin, Ma, "Fixup Initialization: Residual Learning
Without Normalization", ICLR 2019), and each has a learned scale, which folds into its convolution.
"""

from __future__ import annotations

import math
from typing import Tuple

import torch
from torch import nn
from torch.nn import functional

from pawnzero.config import ModelConfig
from pawnzero.games import get_game
from pawnzero.nets.mirror import tie_gradients, tie_weights

VALUE_PLANES = 32
VALUE_HIDDEN = 128
HEAD_GAIN = 0.1
"""The heads' last layers start with this share of variance-preserving weights: nearly uniform moves, win, draw and loss."""


class SqueezeExcitation(nn.Module):
    """Scales and shifts each channel by global information: sigmoid(s) · x + t, with (s, t) computed from x's mean.

    The mean is taken over squares, the layout that images have in memory here (channels_last). A mean over rows and columns
    would have a gradient in the other layout, and adding gradients of different layouts is slower.
    """

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(channels, hidden)
        self.excite = nn.Linear(hidden, 2 * channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, C, rows, columns] → the same shape."""
        gates = self.excite(functional.relu(self.squeeze(by_square(x).mean(1))))
        scale, shift = gates[:, :, None, None].chunk(2, dim=1)
        return torch.addcmul(shift, torch.sigmoid(scale), x)


class ResidualBlock(nn.Module):
    """x → relu(x + squeeze-excitation(scale · convolution(relu(convolution(x))))).

    hidden: channels inside squeeze-excitation; 0: none
    """

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.scale = nn.Parameter(torch.ones(1))
        self.excitation = SqueezeExcitation(channels, hidden) if hidden else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[B, C, rows, columns] → the same shape."""
        # Scaling the weights is cheaper than scaling the output, which would also leave half precision: `scale` is float32.
        assert self.second.bias is not None
        weight, bias = self.second.weight * self.scale, self.second.bias * self.scale
        branch = functional.conv2d(functional.relu(self.first(x)), weight, bias, padding=1)
        return functional.relu(x + (branch if self.excitation is None else self.excitation(branch)))


class PolicyValueNet(nn.Module):
    """Policy and value of positions of one game.

    shape: width and depth; game: a name that `get_game` accepts; seed: determines the initial weights, without using or
    changing the global random state. Raises UsageError for an unknown game, or one that cannot be mirrored if the shape says
    so.
    """

    plane_scale: torch.Tensor
    policy_index: torch.Tensor

    def __init__(self, shape: ModelConfig, game: str = "chess", seed: int = 0) -> None:
        super().__init__()
        rules = get_game(game)
        self.game_name = game
        self.shape = shape
        planes = rules.bit_planes + rules.scalar_planes
        squares = rules.board_shape[0] * rules.board_shape[1]
        if shape.mirrored:
            rules.check_mirrored()
        channels = shape.channels
        # Neither belongs in a checkpoint: the game defines them.
        self.register_buffer("plane_scale", torch.tensor(rules.plane_scale).view(1, planes, 1, 1), persistent=False)
        self.register_buffer("policy_index", torch.tensor(rules.policy_index, dtype=torch.long), persistent=False)
        with torch.random.fork_rng(devices=[]):  # torch's own initialisation draws from the global state
            self.stem = nn.Conv2d(planes, channels, 3, padding=1)
            self.blocks = nn.ModuleList(ResidualBlock(channels, shape.squeezed) for _ in range(shape.blocks))
            self.policy_hidden = nn.Conv2d(channels, channels, 3, padding=1)
            self.policy_out = nn.Conv2d(channels, rules.policy_planes, 3, padding=1)
            self.value_planes = nn.Conv2d(channels, VALUE_PLANES, 1)
            self.value_hidden = nn.Linear(VALUE_PLANES * squares, VALUE_HIDDEN)
            self.value_out = nn.Linear(VALUE_HIDDEN, 3)
        self._initialise(torch.Generator().manual_seed(seed))
        if shape.mirrored:
            tie_weights(self.named_parameters(), rules.board_shape)

    @property
    def description(self) -> str:
        """Game and shape: chess 64x6 se 8."""
        return f"{self.game_name} {self.shape.channels}x{self.shape.blocks} se {self.shape.se_ratio}"

    def forward(self, planes: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
        """Planes [B, P + Q, rows, columns] → policy logits [B, A] of all actions, WDL logits [B, 3] for the player to move."""
        return self.answer(self.trunk(planes))

    def trunk(self, planes: torch.Tensor) -> torch.Tensor:
        """The input of the heads: planes [B, P + Q, rows, columns] → [B, channels, rows, columns]."""
        x: torch.Tensor = functional.relu(self.stem(planes * self.plane_scale.to(planes.dtype)))
        for block in self.blocks:
            x = block(x)
        return x

    def answer(self, x: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
        """The outputs of `forward`, computed from the trunk's output."""
        policy = self.policy_out(functional.relu(self.policy_hidden(x))).flatten(1)
        value = functional.relu(self.value_planes(x)).flatten(1)
        value = self.value_out(functional.relu(self.value_hidden(value)))
        return policy.index_select(1, self.policy_index), value

    def tie_gradients(self) -> None:
        """Symmetrise the gradients of a mirrored net, so that it stays mirrored; those of any other net are left unchanged."""
        if self.shape.mirrored:
            tie_gradients(self.named_parameters(), get_game(self.game_name).board_shape)

    def _initialise(self, generator: torch.Generator) -> None:
        """Fixup: the second layer of each branch starts at zero, the first is scaled by blocks ** (-1/2)."""
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
        for layer in (self.stem, self.policy_hidden, self.value_planes, self.value_hidden):
            draw_weights(layer.weight, math.sqrt(2.0), generator)
        for layer in (self.policy_out, self.value_out):
            draw_weights(layer.weight, HEAD_GAIN, generator)
        for block in self.blocks:
            assert isinstance(block, ResidualBlock)
            draw_weights(block.first.weight, math.sqrt(2.0 / self.shape.blocks), generator)
            nn.init.zeros_(block.second.weight)
            if block.excitation is not None:
                draw_weights(block.excitation.squeeze.weight, math.sqrt(2.0), generator)
                nn.init.zeros_(block.excitation.excite.weight)


def draw_weights(weight: torch.Tensor, gain: float, generator: torch.Generator) -> None:
    """Fill `weight` with normal numbers of standard deviation gain / √(inputs per output)."""
    inputs = weight[0].numel()
    with torch.no_grad():
        weight.normal_(0.0, gain / math.sqrt(inputs), generator=generator)


def by_square(x: torch.Tensor) -> torch.Tensor:
    """[B, C, rows, columns] → [B, rows · columns, C]; no copy if x is channels_last."""
    return x.permute(0, 2, 3, 1).flatten(1, 2)
