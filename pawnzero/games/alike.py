"""Which positions, and which games, are the same but for a turn of the board?

They are so in games whose symmetries hold in every position (`Game.always_symmetric`). In others, chess among them, only what
is equal is the same: there a mirrored position is another one, for players and rules.
"""

from __future__ import annotations

from typing import Hashable, List, Sequence, Tuple

import numpy as np

from pawnzero.games.base import Game
from pawnzero.games.symmetry import turn


def position_keys(game: Game, states: np.ndarray) -> List[Hashable]:
    """A key for each of states [B, S] uint64, the same for positions that a symmetry makes of each other."""
    if not game.always_symmetric:
        return [state.tobytes() for state in states]
    return [min(turned) for turned in zip(*_turned(game, states))]


def game_key(game: Game, start: np.ndarray, actions: Sequence[int]) -> Tuple[Hashable, ...]:
    """The same for games that are played alike from the same position, or turned as a whole: start [S] uint64, the actions."""
    if not game.always_symmetric:
        return (start.tobytes(), *actions)
    turned = zip(_turned(game, start[np.newaxis]), game.action_map[:, list(actions)].tolist())
    return min((position[0], *played) for position, played in turned)


def _turned(game: Game, states: np.ndarray) -> List[List[bytes]]:
    """What a net sees of each of B positions, and who is to move, by symmetry: [symmetries][B]."""
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
