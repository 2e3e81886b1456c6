"""Decide which positions, and which whole games, count as duplicates of each other.

If a game's symmetries hold in every position (`Game.always_symmetric`), positions that differ only by a symmetry of the board
are duplicates. Otherwise, as in chess, only equal positions are: a mirrored position is then a different one, for the rules and
for the players.
"""

from __future__ import annotations

from typing import Hashable, List, Sequence, Tuple

import numpy as np

from pawnzero.games.base import Game
from pawnzero.games.symmetry import turn


def position_keys(game: Game, states: np.ndarray) -> List[Hashable]:
    """Return a key for each of states [B, S] uint64; positions that are symmetric to each other share a key."""
    if not game.always_symmetric:
        return [state.tobytes() for state in states]
    return [min(turned) for turned in zip(*_turned(game, states))]


def game_key(game: Game, start: np.ndarray, actions: Sequence[int]) -> Tuple[Hashable, ...]:
    """Return a key for a whole game: start [S] uint64 and the actions played from it.

    Games share a key if they play the same actions from the same position, or if one of the board's symmetries turns one into
    the other.
    """
    if not game.always_symmetric:
        return (start.tobytes(), *actions)
    turned = zip(_turned(game, start[np.newaxis]), game.action_map[:, list(actions)].tolist())
    return min((position[0], *played) for position, played in turned)


def _turned(game: Game, states: np.ndarray) -> List[List[bytes]]:
    """For each symmetry and each of B positions, the encoded planes and the side to move as bytes: [symmetries][B]."""
    size = len(states)
    bits, scalars = np.zeros((size, game.bit_planes), np.uint64), np.zeros((size, game.scalar_planes), np.float32)
    history = np.zeros((size, game.history, game.state_words), np.uint64)
    history[:, 0] = states
    game.encode(history, np.zeros((size, game.history), np.uint8), np.ones(size, np.int16), bits, scalars)
    nothing, none = np.zeros((size, game.max_legal), np.int16), np.zeros(size, np.int16)
    movers = [bytes([game.player(state)]) for state in states]
    found = []
    for symmetry in range(game.symmetries):
        seen = bits.copy()
        turn(seen, nothing, none, np.full(size, symmetry, np.uint8), game.cell_map, game.action_map)
        found.append([planes.tobytes() + rest.tobytes() + to_move for planes, rest, to_move in zip(seen, scalars, movers)])
    return found
