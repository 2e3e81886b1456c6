"""How a leaf's value travels up the tree, as an average and, where the rules decide, as a proof."""

from __future__ import annotations

from pawnzero.native import kernel
from pawnzero.search.tree import NO_NODE, PROVEN_DRAW, PROVEN_LOSS, PROVEN_WIN, UNPROVEN


@kernel
def back_up(t, g, node, value, draw, pending):
    """Count a visit of `node` with its value for its player to move, there and in every ancestor."""
    while True:
        t.node_visits[g, node] += 1
        t.node_value_sum[g, node] += value
        edge = t.parent_edge[g, node]
        node = t.parent[g, node]
        if node == NO_NODE:
            return
        value = -value
        t.visits[g, edge] += 1
        t.value_sum[g, edge] += value
        t.draw_sum[g, edge] += draw
        t.pending[g, edge] -= pending
        t.node_pending[g, node] -= pending


@kernel
def proof_of(value):
    """What a game's own ending with this value for the player to move proves.

    (A repetition proves nothing: by another path the position would not have stood before.)
    """
    if value > 0:
        return PROVEN_WIN
    return PROVEN_LOSS if value < 0 else PROVEN_DRAW


@kernel
def prove(t, g, node):
    """Carry the proof of `node` up as far as it decides (Winands, Björnsson and Saito, "Monte-Carlo Tree Search Solver", 2008).

    A move to a lost position wins; a position all of whose moves are decided is worth the best of them. The averages above
    are corrected, so that a decided move counts with its true value for every visit it has had.
    """
    while True:
        parent = t.parent[g, node]
        if parent == NO_NODE:
            return
        edge = t.parent_edge[g, node]
        proof = t.proven[g, node]
        value = 1.0 if proof == PROVEN_LOSS else (-1.0 if proof == PROVEN_WIN else 0.0)
        draw = 1.0 if proof == PROVEN_DRAW else 0.0
        visits = t.visits[g, edge]
        _shift(t, g, node, value * visits - t.value_sum[g, edge], draw * visits - t.draw_sum[g, edge])
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


@kernel
def _shift(t, g, node, value, draw):
    """Add to the sums of the edge that leads to `node`, and to all above it; value is for that edge's chooser."""
    while True:
        edge = t.parent_edge[g, node]
        node = t.parent[g, node]
        if node == NO_NODE:
            return
        t.value_sum[g, edge] += value
        t.draw_sum[g, edge] += draw
        t.node_value_sum[g, node] += value
        value = -value
