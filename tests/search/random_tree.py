"""The random game trees that mctx was asked to search, as a game and an evaluator; see tests/oracles/mctx_trees.py."""

from __future__ import annotations

import numpy as np

from pawnzero.games.base import COMMON_ENDING_VALUES, COMMON_ENDINGS, FIRST_OWN_ENDING, ONGOING, Game
from pawnzero.search import Question
from tests.oracles import mctx_trees
from tests.oracles.mctx_trees import Setting


class RandomTree(Game):
    """A position is one word; who is to move is no part of it."""

    name = "random_tree"
    state_words = 1
    order_version = 1
    max_reversible = 0
    board_shape = (1, 1)
    history = 1
    bit_planes = 1
    scalar_planes = 1
    plane_scale = np.ones(2, np.float32)
    policy_planes = 1
    endings = COMMON_ENDINGS + ("lost", "drawn", "won")
    ending_values = np.array(COMMON_ENDING_VALUES + (-1, 0, 1), np.int8)

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.num_actions = self.max_legal = setting.actions  # type: ignore[misc]
        self.policy_index = np.zeros(setting.actions, np.int32)  # type: ignore[misc]

    def initial(self):
        return np.zeros(1, np.uint64)

    def step(self, states, actions, out):
        out.state[:, 0] = mctx_trees.follow(states[:, 0].astype(np.uint32), actions)
        self.inspect(out)

    def inspect(self, positions):
        over, result = mctx_trees.ended(positions.state[:, 0].astype(np.uint32), self.setting.ending_share)
        positions.legal[:] = np.arange(self.max_legal)
        positions.count[:] = np.where(over, 0, self.max_legal)
        positions.ending[:] = np.where(over, FIRST_OWN_ENDING + 1 + result, ONGOING)
        positions.key[:] = positions.state[:, 0]
        positions.reversible[:] = 0

    def encode(self, history, repeated, length, bits, scalars):
        bits[:, 0] = history[:, 0, 0]
        scalars[:] = 0

    def player(self, state):
        return 0

    def parse(self, text):
        return np.array([int(text)], np.uint64)

    def format(self, state):
        return str(int(state[0]))

    def parse_action(self, state, text):
        return int(text)

    def format_action(self, state, action):
        return str(action)

    def draw(self, state):
        return self.format(state)


class TreeEvaluator:
    """Answers what the tree's words say."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting

    def enter_thread(self, workers: int) -> None:
        pass

    def evaluate(self, question: Question) -> None:
        word = question.bits[:, 0].astype(np.uint32)
        question.logits[:] = mctx_trees.logits(word, self.setting.actions, self.setting.spread)
        question.wdl[:] = mctx_trees.wdl(word)
