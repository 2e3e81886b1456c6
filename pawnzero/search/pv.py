"""The expected continuation in a tree: the likely reply, the way to a proven end, and how deep the tree is."""

from __future__ import annotations

from pawnzero.games.base import ONGOING
from pawnzero.native import kernel
from pawnzero.search.tree import NO_NODE, PROVEN_DRAW, PROVEN_LOSS, PROVEN_WIN


@kernel
def edge_to_expect(t, g, node, plies):
    """The edge of `node` that good play takes: one its proof rests on, else the most visited; NO_NODE if none was tried."""
    chosen = NO_NODE
    best = 0
    for edge in range(t.first_edge[g, node], t.first_edge[g, node] + max(0, t.edge_count[g, node])):
        child = t.child[g, edge]
        if t.visits[g, edge] == 0 or child == NO_NODE:
            continue
        proof = t.proven[g, child]
        worth = t.visits[g, edge]
        if t.proven[g, node] == PROVEN_WIN:
            worth = (1 << 30) - plies[child] if proof == PROVEN_LOSS else 0
        elif t.proven[g, node] == PROVEN_LOSS:
            worth = 1 + plies[child]
        elif proof == PROVEN_WIN or (t.proven[g, node] == PROVEN_DRAW and proof != PROVEN_DRAW):
            worth = 0
        if worth > best:
            best = worth
            chosen = edge
    return chosen


@kernel
def wins_at_once(t, g, node):
    """Whether a node was proven by looking ahead: a move wins at once there, and none was tried."""
    return t.ending[g, node] == ONGOING and t.edge_count[g, node] == 0 and t.proven[g, node] == PROVEN_WIN


@kernel
def plies_to_end(t, g, plies):
    """Compute the plies from each node to the end of the game, as far as the tree knows → plies [nodes] int32.

    0 for a node that is not proven won or lost. The winner takes the shortest way in the tree, the loser the longest. Children
    have larger indices than their parents.
    """
    for node in range(len(plies) - 1, -1, -1):
        plies[node] = 0
        proof = t.proven[g, node]
        if proof != PROVEN_WIN and proof != PROVEN_LOSS:
            continue
        if wins_at_once(t, g, node):
            plies[node] = 1
        for edge in range(t.first_edge[g, node], t.first_edge[g, node] + max(0, t.edge_count[g, node])):
            child = t.child[g, edge]
            if child == NO_NODE:
                continue
            if proof == PROVEN_WIN and t.proven[g, child] != PROVEN_LOSS:
                continue
            away = 1 + plies[child]
            if plies[node] == 0 or (away < plies[node]) == (proof == PROVEN_WIN):
                plies[node] = away


@kernel
def deepest(t, g, depth):
    """The largest number of plies between the root and a node. depth [nodes] int32 is scratch."""
    most = 0
    for node in range(1, len(depth)):
        depth[node] = depth[t.parent[g, node]] + 1
        most = max(most, depth[node])
    return most
