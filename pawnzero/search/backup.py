"""Backup of a leaf's value through its ancestors, as an average and, where the rules decide the game, as a proof."""

from __future__ import annotations

import numpy as np

from pawnzero.native import inner_kernel
from pawnzero.search.tree import NO_NODE, PROVEN_DRAW, PROVEN_LOSS, PROVEN_WIN, UNPROVEN

_COARSE = 1024.0
"""The magnitude from which a float32 sum's rounding (steps of 0.0001 here) is not negligible beside what is added."""
_NEARLY = 0.9999
"""A lost edge's float32 sum reaches at least this share of its visits: beyond 2^24 it is not exact."""
_GOLDEN_RATIO = 0.6180339887498949


@inner_kernel
def proven_value(proof):
    """The value, for its player to move, of a node with this proof (not UNPROVEN)."""
    if proof == PROVEN_WIN:
        return 1.0
    return -1.0 if proof == PROVEN_LOSS else 0.0


@inner_kernel
def lost(t, g, edge):
    """Whether the edge is proven to lose.

    Every visit of such an edge counts as a loss, so the sum of its values rules out most others without a look at the child.
    """
    if t.visits[g, edge] == 0 or t.value_sum[g, edge] > -_NEARLY * t.visits[g, edge]:
        return False
    return t.proven[g, t.child[g, edge]] == PROVEN_WIN


@inner_kernel
def added(total, more, count):
    """Add `more` to the float32 `total` and return a float32; this is the `count`th addition to it.

    A large float32 has a coarse resolution (1 from 8 million on), so rounding to nearest would always err in the same
    direction. From `_COARSE` on, the result is therefore rounded up as often as is right on average; which times is decided by
    the multiples of the golden ratio, which are evenly spread.
    """
    exact = np.float64(total) + np.float64(more)
    nearest = np.float32(exact)
    if abs(exact) < _COARSE:
        return nearest
    beyond = exact - np.float64(nearest)
    if beyond == 0.0:
        return nearest
    other = np.nextafter(nearest, np.float32(np.inf if beyond > 0.0 else -np.inf))
    chance = (count * _GOLDEN_RATIO) % 1.0
    return other if chance < beyond / (np.float64(other) - np.float64(nearest)) else nearest


@inner_kernel
def back_up(t, g, node, value, draw, pending):
    """Add a visit of `node`, with a value for its player to move, to the node and all its ancestors.

    From a proven node upwards, the visit counts with the proven value (the proof may have come while the visit was under way).
    """
    while True:
        if t.proven[g, node] != UNPROVEN:
            value = np.float32(proven_value(t.proven[g, node]))
            draw = np.float32(1.0 - abs(value))
        t.node_visits[g, node] += 1
        t.node_value_sum[g, node] = added(t.node_value_sum[g, node], value, t.node_visits[g, node])
        edge = t.parent_edge[g, node]
        node = t.parent[g, node]
        if node == NO_NODE:
            return
        value = -value
        t.visits[g, edge] += 1
        t.value_sum[g, edge] = added(t.value_sum[g, edge], value, t.visits[g, edge])
        t.draw_sum[g, edge] = added(t.draw_sum[g, edge], draw, t.visits[g, edge])
        t.pending[g, edge] -= pending
        t.node_pending[g, node] -= pending


@inner_kernel
def proof_of(value):
    """The proof that a game's own ending gives, from its value for the player to move.

    A repetition proves nothing: on another path the position would not have occurred before.
    """
    if value > 0:
        return PROVEN_WIN
    return PROVEN_LOSS if value < 0 else PROVEN_DRAW


@inner_kernel
def prove(t, g, node):
    """Propagate the proof of `node` to its ancestors (Winands, Björnsson and Saito, "Monte-Carlo Tree Search Solver", 2008).

    A node with a move to a lost position is won; a node whose moves are all proven has the value of the best. The averages
    above are corrected, so that a proven move counts with its true value in all its visits. Existing proofs are kept: with
    several leaves under way, a proof can arrive below a node that is already proven.
    """
    while True:
        parent = t.parent[g, node]
        if parent == NO_NODE:
            return
        proof = t.proven[g, node]
        _correct(t, g, node, -proven_value(proof))
        if t.proven[g, parent] != UNPROVEN:
            return
        if proof == PROVEN_LOSS:
            t.proven[g, parent] = PROVEN_WIN
        else:
            best = PROVEN_LOSS
            for other in range(t.first_edge[g, parent], t.first_edge[g, parent] + t.edge_count[g, parent]):
                child = t.child[g, other]
                theirs = t.proven[g, child] if child != NO_NODE else UNPROVEN
                if theirs == UNPROVEN:
                    return
                if theirs == PROVEN_DRAW:
                    best = PROVEN_DRAW
            t.proven[g, parent] = best
        node = parent


@inner_kernel
def _correct(t, g, node, value):
    """Make every visit of the edge to `node` count as `value` for the player who chooses it, and update the ancestors.

    Stops at a proven node: what is above it no longer depends on averages below.
    """
    edge = t.parent_edge[g, node]
    node = t.parent[g, node]
    exact = value * t.visits[g, edge]
    exact_draws = (1.0 - abs(value)) * t.visits[g, edge]
    more, more_draws = exact - t.value_sum[g, edge], exact_draws - t.draw_sum[g, edge]
    t.value_sum[g, edge] = exact
    t.draw_sum[g, edge] = exact_draws
    t.node_value_sum[g, node] += more
    while t.parent[g, node] != NO_NODE and t.proven[g, node] == UNPROVEN:
        edge = t.parent_edge[g, node]
        node = t.parent[g, node]
        more = -more
        t.value_sum[g, edge] += more
        t.draw_sum[g, edge] += more_draws
        t.node_value_sum[g, node] += more
