"""Buffers for one wave: its leaves, and the positions that need the net.

Letters as in `tree`; W: most leaves of a wave; B: positions that need the net, leaves and unevaluated roots, at most W.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pawnzero.games.base import Game

NO_LEAF = -1
"""`need_leaf` of a position that is a root."""


class Wave(NamedTuple):
    """The leaves of a wave, by their place in the tree, and the positions that need the net."""

    tree: np.ndarray  # [W] int32   tree of each leaf
    parent: np.ndarray  # [W] int32   its parent node
    edge: np.ndarray  # [W] int32   the edge that leads to it
    action: np.ndarray  # [W] int16   that edge's action
    parent_state: np.ndarray  # [W, S] uint64

    need_tree: np.ndarray  # [W] int32   tree of each position that needs the net
    need_node: np.ndarray  # [W] int32
    need_leaf: np.ndarray  # [W] int32   its index among the leaves, NO_LEAF for a root
    history: np.ndarray  # [W, H, S] uint64  as for `Game.encode`
    repeated: np.ndarray  # [W, H] uint8
    length: np.ndarray  # [W] int16


def allocate_wave(game: Game, most: int) -> Wave:
    """Allocate the buffers for `most` leaves."""
    tree, parent, edge, need_tree, need_node, need_leaf = np.zeros((6, most), np.int32)
    return Wave(
        tree,
        parent,
        edge,
        np.zeros(most, np.int16),
        np.zeros((most, game.state_words), np.uint64),
        need_tree,
        need_node,
        need_leaf,
        np.zeros((most, game.history, game.state_words), np.uint64),
        np.zeros((most, game.history), np.uint8),
        np.zeros(most, np.int16),
    )
