"""A batch of search trees as named arrays.

Letters: G trees · N nodes per tree · E edges per tree · S state words · H positions of history · K keys of the past. An edge is
a legal action of a node; a node's edges are contiguous. Node 0 is the root, and the first to get edges: its edge i is its i-th
action.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pawnzero.games.base import Game

NO_NODE = -1
"""Marks a missing child or, for the root, the missing parent."""
UNPROVEN, PROVEN_LOSS, PROVEN_DRAW, PROVEN_WIN = 0, 1, 2, 3
"""What is proven about a node, for its player to move."""
UNEXPANDED = -1
"""`edge_count` of a node without stored legal actions: not evaluated yet, or the tree had no edges left."""


class Trees(NamedTuple):
    """G trees. An edge's values and draws are sums over its visits, for the player who chooses the edge.

    A node that is ended, won by a look ahead, or had no room for its edges, keeps its `leaf_value` and is never expanded; each
    further visit counts that value again, so running out of edges costs depth, never correctness.
    """

    state: np.ndarray  # [G, N, S] uint64
    key: np.ndarray  # [G, N] uint64
    reversible: np.ndarray  # [G, N] int16
    repeated: np.ndarray  # [G, N] uint8   1 if the position occurred before, in the game or on the search path
    ending: np.ndarray  # [G, N] uint8   ending code; includes a repetition on the search path
    parent: np.ndarray  # [G, N] int32   NO_NODE for the root
    parent_edge: np.ndarray  # [G, N] int32
    first_edge: np.ndarray  # [G, N] int32
    edge_count: np.ndarray  # [G, N] int16   UNEXPANDED, or the number of actions; 0 if ended or won by a look ahead
    node_visits: np.ndarray  # [G, N] int32   finished visits, including the node's own evaluation
    node_pending: np.ndarray  # [G, N] int32   visits selected in this wave but not backed up yet
    node_value_sum: np.ndarray  # [G, N] float32 sum of their values, for its player to move; not kept up once proven
    visited_prior: np.ndarray  # [G, N] float32 total prior of the edges that have a child
    leaf_value: np.ndarray  # [G, N] float32 value of the node itself (net or rules), for its player to move
    leaf_draw: np.ndarray  # [G, N] float32 its draw probability
    proven: np.ndarray  # [G, N] uint8   UNPROVEN, or what endings by the rules below it prove

    action: np.ndarray  # [G, E] int16
    prior: np.ndarray  # [G, E] float32 sums to 1 over a node's edges
    visits: np.ndarray  # [G, E] int32
    pending: np.ndarray  # [G, E] int32
    value_sum: np.ndarray  # [G, E] float32
    draw_sum: np.ndarray  # [G, E] float32
    child: np.ndarray  # [G, E] int32   NO_NODE until first visited

    nodes: np.ndarray  # [G] int32   nodes in use
    edges: np.ndarray  # [G] int32   edges in use
    started: np.ndarray  # [G] int32   simulations selected since the root was set
    budget: np.ndarray  # [G] int32   simulations to do; a tree with started == budget is idle
    noisy: np.ndarray  # [G] uint8   1: mix Dirichlet noise into a PUCT root's prior
    gumbel_scale: np.ndarray  # [G] float32 scale of the Gumbel noise; 0: none
    winning: np.ndarray  # [G, M] uint8   1 for the root's edges that win at once, as far as that was looked at
    gumbel: np.ndarray  # [G, M] float32 noise of the root's edges

    past_state: np.ndarray  # [G, H - 1, S] uint64  positions before the root, newest first
    past_repeated: np.ndarray  # [G, H - 1] uint8
    past_length: np.ndarray  # [G] int16   how many of them there are
    past_key: np.ndarray  # [G, K] uint64 keys before the root that could recur, oldest first
    past_keys: np.ndarray  # [G] int16   how many of them there are
    root_legal: np.ndarray  # [G, M] int16
    root_count: np.ndarray  # [G] int16
    rng: np.ndarray  # [G] uint64  the game's random stream


_EDGES_A_NODE = 40
"""Edges allocated per node: chess has about 35 legal moves per position in the middle game."""


def allocate_trees(game: Game, trees: int, simulations: int) -> Trees:
    """Allocate `trees` idle trees with room for `simulations` simulations each."""
    nodes = simulations + 1
    edges = max(nodes * min(_EDGES_A_NODE, game.max_legal), game.max_legal)
    past = game.history - 1
    shapes = {
        "state": ((nodes, game.state_words), np.uint64),
        "key": ((nodes,), np.uint64),
        "reversible": ((nodes,), np.int16),
        "repeated": ((nodes,), np.uint8),
        "ending": ((nodes,), np.uint8),
        "parent": ((nodes,), np.int32),
        "parent_edge": ((nodes,), np.int32),
        "first_edge": ((nodes,), np.int32),
        "edge_count": ((nodes,), np.int16),
        "node_visits": ((nodes,), np.int32),
        "node_pending": ((nodes,), np.int32),
        "node_value_sum": ((nodes,), np.float32),
        "visited_prior": ((nodes,), np.float32),
        "leaf_value": ((nodes,), np.float32),
        "leaf_draw": ((nodes,), np.float32),
        "proven": ((nodes,), np.uint8),
        "action": ((edges,), np.int16),
        "prior": ((edges,), np.float32),
        "visits": ((edges,), np.int32),
        "pending": ((edges,), np.int32),
        "value_sum": ((edges,), np.float32),
        "draw_sum": ((edges,), np.float32),
        "child": ((edges,), np.int32),
        "nodes": ((), np.int32),
        "edges": ((), np.int32),
        "started": ((), np.int32),
        "budget": ((), np.int32),
        "noisy": ((), np.uint8),
        "gumbel_scale": ((), np.float32),
        "winning": ((game.max_legal,), np.uint8),
        "gumbel": ((game.max_legal,), np.float32),
        "past_state": ((past, game.state_words), np.uint64),
        "past_repeated": ((past,), np.uint8),
        "past_length": ((), np.int16),
        "past_key": ((game.max_reversible + 1,), np.uint64),
        "past_keys": ((), np.int16),
        "root_legal": ((game.max_legal,), np.int16),
        "root_count": ((), np.int16),
        "rng": ((), np.uint64),
    }
    return Trees(**{name: np.zeros((trees,) + shape, dtype) for name, (shape, dtype) in shapes.items()})


def most_simulations(game: Game) -> int:
    """The most simulations of a tree whose edges a 32-bit number can index."""
    return (2**31 - 1) // min(_EDGES_A_NODE, game.max_legal) - 1


def bytes_a_tree(game: Game, simulations: int) -> int:
    """Memory of one tree in bytes."""
    return sum(array.nbytes for array in allocate_trees(game, 1, simulations))
