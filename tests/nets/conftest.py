"""Positions from random games, as the search hands them to an evaluator; and nets whose weights are all awake."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Callable

import numpy as np
import pytest
import torch

from pawnzero.config import ModelConfig
from pawnzero.games import get_game
from pawnzero.games.line import Line
from pawnzero.nets.backends import Question
from pawnzero.nets.resnet import PolicyValueNet

Ask = Callable[[str, int], Question]


@pytest.fixture
def ask() -> Ask:
    """ask(game, size): that many positions from random games, with room for the answers, filled with NaN."""

    def make(name: str, size: int) -> Question:
        game, rng = get_game(name), np.random.default_rng(size)
        history = np.zeros((size, game.history, game.state_words), np.uint64)
        repeated, length = np.zeros((size, game.history), np.uint8), np.zeros(size, np.int16)
        legal = np.full((size, game.max_legal), 32000, np.int16)  # what stands past a row's count must not matter
        count = np.zeros(size, np.int16)
        line = Line(game)
        for b in range(size):
            history[b], repeated[b], length[b] = line.history(game.history)
            count[b] = len(line.legal)
            legal[b, : count[b]] = line.legal
            line.push(int(rng.choice(line.legal)))
            if line.over:
                line = Line(game)
        bits = np.zeros((size, game.bit_planes), np.uint64)
        scalars = np.zeros((size, game.scalar_planes), np.float32)
        game.encode(history, repeated, length, bits, scalars)
        logits, wdl = np.full((size, game.max_legal), np.nan, np.float32), np.full((size, 3), np.nan, np.float32)
        return Question(bits, scalars, legal, count, logits, wdl)

    return make


Awake = Callable[..., PolicyValueNet]


@pytest.fixture
def awake() -> Awake:
    """awake(game, channels, blocks, **shape): a net none of whose weights is zero or at its starting value."""

    def make(game: str, channels: int = 16, blocks: int = 2, **shape: Any) -> PolicyValueNet:
        net = PolicyValueNet(ModelConfig(channels=channels, blocks=blocks, **shape), game, seed=3)
        generator = torch.Generator().manual_seed(4)
        with torch.no_grad():
            for parameter in net.parameters():
                parameter += 0.1 * torch.randn(parameter.shape, generator=generator)
        return net

    return make


Reference = Callable[[PolicyValueNet, Question], Question]


@pytest.fixture
def reference() -> Reference:
    """reference(net, question): what the net itself answers in float32, from planes unpacked bit by bit."""
    return _reference


def _reference(net: PolicyValueNet, question: Question) -> Question:
    game = get_game(net.game_name)
    rows, columns = game.board_shape
    planes = np.zeros((len(question.bits), game.bit_planes + game.scalar_planes, rows, columns), np.float32)
    for b, p in np.argwhere(question.bits):
        word = int(question.bits[b, p])
        planes[b, p] = [[word >> (8 * row + column) & 1 for column in range(columns)] for row in range(rows)]
    planes[:, game.bit_planes :] = question.scalars[:, :, np.newaxis, np.newaxis]
    with torch.no_grad():
        policy, value = net(torch.from_numpy(planes))
    logits = question.logits.copy()
    for b, n in enumerate(question.count):
        logits[b, :n] = policy[b].numpy()[question.legal[b, :n]]
    return replace(question, logits=logits, wdl=value.softmax(1).numpy())
