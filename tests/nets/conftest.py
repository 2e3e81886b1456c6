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
from pawnzero.nets.resnet import PolicyValueNet
from pawnzero.search.evaluator import Question, question_about

Ask = Callable[[str, int], Question]


@pytest.fixture
def ask() -> Ask:
    """ask(game, size): that many positions from random games, with room for the answers, filled with NaN."""

    def make(name: str, size: int) -> Question:
        game, rng = get_game(name), np.random.default_rng(size)
        lines = [Line(game)]
        while len(lines) < size:
            line = Line.from_actions(game, lines[-1].actions)
            line.push(int(rng.choice(line.legal)))
            lines.append(Line(game) if line.over else line)
        question = question_about(game, lines[:size])
        question.legal[np.arange(game.max_legal) >= question.count[:, np.newaxis]] = 32000  # must not matter
        question.logits[:] = question.wdl[:] = np.nan
        return question

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
