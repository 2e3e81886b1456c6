"""How a leaf's value travels up the tree, as an average and, where the rules decide, as a proof."""

from __future__ import annotations

import numpy as np

from pawnzero.native import inner_kernel
from pawnzero.search.tree import NO_NODE, PROVEN_DRAW, PROVEN_LOSS, PROVEN_WIN, UNPROVEN

_COARSE = 1024.0
"""A total from which on float32's steps (0.0001 there) count beside what is added."""
_NEARLY = 0.9999
"""Of a lost edge's visits its float32 sum counts at least so many: past 2^24 it is not exact."""
_GOLDEN_RATIO = 0.6180339887498949


@inner_kernel
def proven_value(proof):
    """Value for its player to move of a node of which `proof` is known (not UNPROVEN)."""
    if proof == PROVEN_WIN:
        return 1.0
    return -1.0 if proof == PROVEN_LOSS else 0.0


@inner_kernel
def lost(t, g, edge):
    """Whether the edge is proven to lose. (Each visit of a proven edge counts as lost, so that others are seen at a glance.)"""
    if t.visits[g, edge] == 0 or t.value_sum[g, edge] > -_NEARLY * t.visits[g, edge]:
        return False
    return t.proven[g, t.child[g, edge]] == PROVEN_WIN


@inner_kernel
def added(total, more, count):
    """float32 `total` + `more` as float32, the `count`th addition to it.

    float32 counts a large total in coarse steps (1 from 8 million on), so that what is added to it would be rounded always up,
    or always away. There it is rounded up as often as is right on average: the golden ratio's multiples spread evenly.
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
    """Count a visit of `node` with its value for its player to move, there and in every ancestor.

    Above a proven node the visit counts with what is proven (the proof may have come while the visit was under way).
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
    """What a game's own ending with this value for the player to move proves.

    (A repetition proves nothing: by another path the position would not have stood before.)
    """
    if value > 0:
        return PROVEN_WIN
    return PROVEN_LOSS if value < 0 else PROVEN_DRAW


@inner_kernel
def prove(t, g, node):
    """Carry the proof of `node` up as far as it decides (Winands, Björnsson and Saito, "Monte-Carlo Tree Search Solver", 2008).

    A move to a lost position wins; a position all of whose moves are decided is worth the best of them. The averages above
    are corrected, so that a decided move counts with its true value for every visit it has had. What has been proven stays:
    with several leaves under way, a proof can arrive below a node that is decided already.
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
    """Let every visit of the edge that leads to `node` count `value` for its chooser, and tell the nodes above.

    A proven node passes nothing on: what stands above it does not depend on averages below.
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
