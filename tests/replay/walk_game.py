"""A small game with history for the tests: two players walk on, and what a net sees shows every position it was given."""

from __future__ import annotations

from typing import ClassVar, List, Sequence

import numpy as np

from pawnzero.errors import UsageError
from pawnzero.games.base import COMMON_ENDING_VALUES, COMMON_ENDINGS, Game, Positions
from pawnzero.selfplay.records import GameRecord

MOST_LEGAL = 120


class Walk(Game):
    """State: a number, whose move it is, and how many legal actions there are. No ending of its own."""

    name = "walk"
    state_words = 3
    num_actions = 200
    max_legal = MOST_LEGAL
    order_version = 7
    max_reversible = 0
    board_shape = (8, 8)
    history = 4
    bit_planes = 4
    scalar_planes = 5
    plane_scale: ClassVar[np.ndarray] = np.ones(9, np.float32)
    policy_planes = 4
    policy_index: ClassVar[np.ndarray] = np.arange(200, dtype=np.int32)
    endings = COMMON_ENDINGS
    ending_values: ClassVar[np.ndarray] = np.array(COMMON_ENDING_VALUES, np.int8)

    def initial(self) -> np.ndarray:
        return np.array([1, 0, 5], np.uint64)

    def step(self, states: np.ndarray, actions: np.ndarray, out: Positions) -> None:
        raise NotImplementedError

    def inspect(self, positions: Positions) -> None:
        positions.count[:] = positions.state[:, 2]
        positions.legal[:] = np.arange(MOST_LEGAL) + (positions.state[:, :1] % np.uint64(50)).astype(np.int64)

    def encode(
        self, history: np.ndarray, repeated: np.ndarray, length: np.ndarray, bits: np.ndarray, scalars: np.ndarray
    ) -> None:
        bits[:] = history[:, :, 0]
        scalars[:, 0] = length
        scalars[:, 1:] = repeated

    def player(self, state: np.ndarray) -> int:
        return int(state[1])

    def parse(self, text: str) -> np.ndarray:
        raise UsageError(text)

    def format(self, state: np.ndarray) -> str:
        return str(state)

    def parse_action(self, state: np.ndarray, text: str) -> int:
        raise UsageError(text)

    def format_action(self, state: np.ndarray, action: int) -> str:
        return str(action)

    def draw(self, state: np.ndarray) -> str:
        return ""


GAME = Walk()


def make_record(
    game_id: int,
    length: int,
    *,
    context: int = 0,
    counts: Sequence[int] = (3, 7, 5),
    result: int = 1,
    cheap_every: int = 3,
    seed: int = 0,
    first_player: int = 0,
) -> GameRecord:
    """A game of `length` positions with random policies; position t's first word is ``game_id * 1000 + t``."""
    rng = np.random.default_rng([seed, game_id])
    count = np.array([counts[t % len(counts)] for t in range(length)], np.int64)
    states = np.zeros((length, 3), np.uint64)
    states[:, 0] = game_id * 1000 + np.arange(length)
    states[:, 1] = (np.arange(length) + first_player) % 2
    states[:, 2] = count
    entries = [0 if t < context else int(count[t]) for t in range(length)]
    policies: List[np.ndarray] = [rng.dirichlet(np.full(n, 0.4)) if n else np.zeros(0) for n in entries]
    searched = np.arange(length) >= context
    wdl = rng.dirichlet([1.0, 1.0, 1.0], length) * searched[:, np.newaxis]
    return GameRecord(
        game="walk",
        game_id=game_id,
        context=context,
        states=states,
        actions=rng.integers(0, 200, length).astype(np.int16),
        repeated=(rng.random(length) < 0.3).astype(np.uint8),
        policy_start=np.concatenate([[0], np.cumsum(entries)]).astype(np.int64),
        policy=np.concatenate([np.zeros(0), *policies]).astype(np.float32),
        root_wdl=wdl.astype(np.float32),
        full_search=(searched & (np.arange(length) % cheap_every != 0)).astype(np.uint8),
        simulations=(searched * 16).astype(np.int32),
        final_state=np.zeros(3, np.uint64),
        ending=2,
        result=result,
    )
