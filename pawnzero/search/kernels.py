"""The steps of a wave: select leaves, attach them, gather the net's inputs, expand and back up.

A wave takes at most `leaves` leaves from each tree. With one leaf, the tree is exactly that of a sequential search. With more,
visits under way count only in the exploration term ("watch the unobserved": Liu et al., ICLR 2020), and a tree stops selecting
in this wave as soon as it reaches a leaf that is already under way.

A Gumbel search can keep a wave within one round of sequential halving (`in_rounds`): its leaves are then below different root
moves and share no node but the root. Unlike with one leaf per wave, all moves of a round are then chosen by the values from
before the wave (and by visits to known positions in it). One by one, each choice would know the leaves before it, which rescale
the values of all moves, so occasionally another move would continue.

Letters as in `tree` and `wave`; `w` is always the `Wave`.
"""

from __future__ import annotations

import math

import numpy as np

from pawnzero.games.base import NO_ACTION, ONGOING, REPETITION
from pawnzero.native import allocating_kernel, inner_kernel, kernel
from pawnzero.search.backup import back_up, lost, proof_of, prove
from pawnzero.search.gumbel import considered_visits, draw_gumbels, gumbel_edge, root_edge
from pawnzero.search.parameters import PUCT
from pawnzero.search.random import gamma
from pawnzero.search.tree import NO_NODE, PROVEN_WIN, UNEXPANDED, UNPROVEN
from pawnzero.search.wave import NO_LEAF

ROUNDING = 0.02
"""Tolerance for a WDL to count as a probability distribution, to allow for half precision."""


@inner_kernel
def puct_edge(t, g, node, p):
    """The edge with the largest Q + U (Silver et al., Science 2018).

    The Q of an unvisited edge is its parent's value minus a reduction. Skips edges that are proven to lose while there are
    others.
    """
    seen = t.node_visits[g, node] + t.node_pending[g, node]
    explore = (p.cpuct + math.log((seen + p.cpuct_base + 1.0) / p.cpuct_base)) * math.sqrt(seen)
    unvisited = t.node_value_sum[g, node] / t.node_visits[g, node] - p.fpu_reduction * math.sqrt(t.visited_prior[g, node])
    best = -math.inf
    chosen = t.first_edge[g, node]
    for edge in range(t.first_edge[g, node], t.first_edge[g, node] + t.edge_count[g, node]):
        visits = t.visits[g, edge]
        q = unvisited
        if visits > 0:
            q = t.value_sum[g, edge] / visits
            if lost(t, g, edge):
                q -= 1e6
        score = q + explore * t.prior[g, edge] / (1.0 + visits + t.pending[g, edge])
        if score > best:
            best = score
            chosen = edge
    return chosen


@inner_kernel
def _winning_edge(t, g):
    """The first of the root's edges that wins at once, -1 if none is known to."""
    for edge in range(t.edge_count[g, 0]):
        if t.winning[g, edge] == 1:
            return edge
    return -1


@inner_kernel
def _edge_to_take(t, g, node, p, wanted, scratch):
    """The edge to follow from `node`.

    wanted: the visits of the root edges that are next in the schedule (Gumbel only); if no edge qualifies, the root chooses
    like any other node. A move that is known to win at once is the first that is tried.
    """
    edge = -1
    if node == 0 and t.node_visits[g, 0] == 1:  # nothing but its own evaluation
        edge = _winning_edge(t, g)
    if edge < 0 and p.algorithm == PUCT:
        edge = puct_edge(t, g, node, p)
    elif edge < 0 and node == 0:
        edge = root_edge(t, g, wanted, p, scratch)
    if edge < 0:
        edge = gumbel_edge(t, g, node, p, scratch)
    return edge


@inner_kernel
def _mark_pending(t, g, node, edge):
    while node != NO_NODE:
        t.pending[g, edge] += 1
        t.node_pending[g, node] += 1
        edge = t.parent_edge[g, node]
        node = t.parent[g, node]


@allocating_kernel
def select(t, leaves, in_rounds, p, w):
    """Walk down every tree to at most `leaves` new leaves; visits to nodes with a known value are backed up on the way.

    in_rounds: 1 if a Gumbel tree's leaves in one wave must belong to one round, 0 if not. A tree whose root is proven stops.
    Fills tree, parent, edge, action and parent_state of the wave; returns the number of leaves.
    """
    scratch = np.empty(t.root_legal.shape[1], np.float64)
    found = 0
    for g in range(len(t.nodes)):
        if t.node_visits[g, 0] == 0:
            continue
        if t.proven[g, 0] != UNPROVEN:
            t.budget[g] = t.started[g]
        taken = 0
        wanted = 0
        rounds = in_rounds == 1 and t.edge_count[g, 0] > 1  # a single move has no rounds
        node = 0
        while taken < leaves and t.started[g] < t.budget[g]:
            if t.edge_count[g, node] <= 0 or t.proven[g, node] != UNPROVEN:
                _visit_known(t, g, node)
                node = 0
                continue
            if node == 0 and p.algorithm != PUCT:
                turn = considered_visits(min(p.considered, t.edge_count[g, 0]), t.budget[g], t.started[g])
                if rounds and taken > 0 and turn != wanted:
                    break
                wanted = turn
            edge = _edge_to_take(t, g, node, p, wanted, scratch)
            new = t.child[g, edge] == NO_NODE
            if t.pending[g, edge] > 0 and (new or (rounds and node == 0)):
                break
            if not new:
                node = t.child[g, edge]
                continue
            t.started[g] += 1
            _mark_pending(t, g, node, edge)
            w.tree[found] = g
            w.parent[found] = node
            w.edge[found] = edge
            w.action[found] = t.action[g, edge]
            for i in range(w.parent_state.shape[1]):
                w.parent_state[found, i] = t.state[g, node, i]
            found += 1
            taken += 1
            node = 0
    return found


@inner_kernel
def _visit_known(t, g, node):
    """Do a simulation that ends at a node that is ended, proven, or a permanent leaf."""
    t.started[g] += 1
    back_up(t, g, node, t.leaf_value[g, node], t.leaf_draw[g, node], 0)


@inner_kernel
def _earlier(t, g, node):
    """How often the position at `node` occurred before: 2 if it did on the search path, else how often before the root."""
    key = t.key[g, node]
    left = t.reversible[g, node]
    ancestor = t.parent[g, node]
    while ancestor != NO_NODE and left > 0:
        if t.key[g, ancestor] == key:
            return 2
        ancestor = t.parent[g, ancestor]
        left -= 1
    count = 0
    i = t.past_keys[g] - 1
    while i >= 0 and left > 0:
        if t.past_key[g, i] == key:
            count += 1
        i -= 1
        left -= 1
    return count


@inner_kernel
def _settle(t, g, node, value, proof):
    """Give a new node a value and a proof that the rules decide, for its player to move, and back them up."""
    t.edge_count[g, node] = 0
    t.leaf_value[g, node] = value
    t.leaf_draw[g, node] = 1.0 if value == 0.0 else 0.0
    back_up(t, g, node, t.leaf_value[g, node], t.leaf_draw[g, node], 1)
    if proof != UNPROVEN:
        t.proven[g, node] = proof
        prove(t, g, node)


@inner_kernel
def _add_node(t, g, parent, edge):
    """Add an unevaluated node below `edge`, and return its index; the caller sets its state, key and ending."""
    node = t.nodes[g]
    t.nodes[g] += 1
    t.child[g, edge] = node
    t.visited_prior[g, parent] += t.prior[g, edge]
    t.parent[g, node] = parent
    t.parent_edge[g, node] = edge
    t.edge_count[g, node] = UNEXPANDED
    t.node_visits[g, node] = 0
    t.node_pending[g, node] = 0
    t.node_value_sum[g, node] = 0.0
    t.visited_prior[g, node] = 0.0
    t.proven[g, node] = UNPROVEN
    return node


@kernel
def attach(t, p, found, w, positions, ending_values, winning):
    """Create nodes for the leaves, back up those whose value the rules decide, and list the others with the unevaluated roots.

    positions: what the rules say about the leaves, as filled by `Game.step` (state, ending, key, reversible; `gather` reads the
    rest). A repetition of a position on the search path is a draw at once; of one from before the root only if this is its
    third occurrence. winning [W] int16: an action of each leaf that wins at once, or NO_ACTION. Fills need_tree, need_node and
    need_leaf of the wave; returns how many there are.
    """
    state, ending, key, reversible = positions
    need = 0
    for g in range(len(t.nodes)):
        if t.node_visits[g, 0] == 0 and t.budget[g] > 0:
            need = _ask_for(w, need, g, 0, NO_LEAF)
    for leaf in range(found):
        g = w.tree[leaf]
        node = _add_node(t, g, w.parent[leaf], w.edge[leaf])
        for i in range(state.shape[1]):
            t.state[g, node, i] = state[leaf, i]
        t.key[g, node] = key[leaf]
        t.reversible[g, node] = reversible[leaf]
        why = ending[leaf]
        earlier = _earlier(t, g, node) if why == ONGOING else 0
        t.repeated[g, node] = 1 if earlier > 0 else 0
        if earlier >= 2:
            why = REPETITION
        t.ending[g, node] = why
        if why != ONGOING:
            value = float(ending_values[why])
            _settle(t, g, node, value, proof_of(value) if p.solver == 1 and why != REPETITION else UNPROVEN)
        elif winning[leaf] != NO_ACTION:
            _settle(t, g, node, 1.0, PROVEN_WIN)
        else:
            need = _ask_for(w, need, g, node, leaf)
    return need


@inner_kernel
def _ask_for(w, need, g, node, leaf):
    """List a position as one that needs the net; returns how many there are now."""
    w.need_tree[need] = g
    w.need_node[need] = node
    w.need_leaf[need] = leaf
    return need + 1


@kernel
def gather(t, need, w, leaf_legal, leaf_count, legal, count):
    """Collect the history (newest first) and the legal actions of each position that needs the net.

    leaf_legal [W, M] int16 and leaf_count [W] int16 are the leaves', as filled by `Game.step`. Fills history, repeated and
    length of the wave, legal [B, M] int16 and count [B] int16.
    """
    most, words = w.history.shape[1], w.history.shape[2]
    for b in range(need):
        g = w.need_tree[b]
        node = w.need_node[b]
        n = 0
        while node != NO_NODE and n < most:
            for i in range(words):
                w.history[b, n, i] = t.state[g, node, i]
            w.repeated[b, n] = t.repeated[g, node]
            node = t.parent[g, node]
            n += 1
        past = 0
        while past < t.past_length[g] and n < most:
            for i in range(words):
                w.history[b, n, i] = t.past_state[g, past, i]
            w.repeated[b, n] = t.past_repeated[g, past]
            past += 1
            n += 1
        w.length[b] = n
        leaf = w.need_leaf[b]
        if leaf == NO_LEAF:
            count[b] = t.root_count[g]
            for i in range(count[b]):
                legal[b, i] = t.root_legal[g, i]
        else:
            count[b] = leaf_count[leaf]
            for i in range(count[b]):
                legal[b, i] = leaf_legal[leaf, i]


@inner_kernel
def _add_noise(t, g, alpha, epsilon, noise):
    """Mix Dirichlet noise into the root's prior (Silver et al. 2018). noise [M] float64 is scratch."""
    count = t.edge_count[g, 0]
    total = 0.0
    for i in range(count):
        noise[i] = gamma(t.rng, g, alpha)
        total += noise[i]
    if total > 0.0:
        for i in range(count):
            t.prior[g, i] = np.float32((1.0 - epsilon) * t.prior[g, i] + epsilon * noise[i] / total)


@allocating_kernel
def expand(t, p, need, w, legal, count, logits, wdl):
    """Give each evaluated node its edges, with the softmax of the logits as priors, and back up its value.

    legal, count, logits and wdl as in `Question`, for the wave's positions. If a tree has no room for the edges, the node stays
    a leaf. Returns -1, or stops at the first position with an invalid evaluation and returns its index: logits that are not
    finite, or a WDL that is not a probability distribution.
    """
    room = t.action.shape[1]
    noise = np.empty(t.root_legal.shape[1], np.float64)
    for b in range(need):
        g = w.need_tree[b]
        node = w.need_node[b]
        k = count[b]
        first = t.edges[g]
        if not (abs(wdl[b, 0] + wdl[b, 1] + wdl[b, 2] - 1.0) <= ROUNDING and min(wdl[b, 0], wdl[b, 1], wdl[b, 2]) >= -ROUNDING):
            return b
        if first + k <= room:
            t.edges[g] = first + k
            t.first_edge[g, node] = first
            t.edge_count[g, node] = k
            top = logits[b, 0]
            least = top
            for i in range(1, k):
                top = max(top, logits[b, i])
                least = min(least, logits[b, i])
            total = 0.0
            for i in range(k):
                weight = math.exp(logits[b, i] - top)
                t.prior[g, first + i] = weight
                total += weight
            if not total <= k or least == -math.inf:  # any other logits that are not finite make the sum NaN
                return b
            for i in range(k):
                t.prior[g, first + i] = np.float32(t.prior[g, first + i] / total)
                t.action[g, first + i] = legal[b, i]
            t.visits[g, first : first + k] = 0
            t.pending[g, first : first + k] = 0
            t.value_sum[g, first : first + k] = 0.0
            t.draw_sum[g, first : first + k] = 0.0
            t.child[g, first : first + k] = NO_NODE
            if node == 0 and p.algorithm != PUCT:
                draw_gumbels(t, g)
            elif node == 0 and t.noisy[g] == 1:
                _add_noise(t, g, p.dirichlet_alpha, p.dirichlet_epsilon, noise)
        t.leaf_value[g, node] = wdl[b, 0] - wdl[b, 2]
        t.leaf_draw[g, node] = wdl[b, 1]
        back_up(t, g, node, t.leaf_value[g, node], t.leaf_draw[g, node], 1)
    return -1
