"""Gumbel AlphaZero: which action to simulate next, and the improved policy that serves as policy target.

Danihelka, Guez, Schrittwieser and Silver, "Policy improvement by planning with Gumbel", ICLR 2022. At the root, a few actions
drawn without replacement (Gumbel-top-k) share the simulations by sequential halving. Below it, actions are chosen so that
visits follow the improved policy: the prior's logits plus a growing multiple of the values, with the value of an unvisited
action estimated from the rest of its node.
"""

from __future__ import annotations

import math

import numpy as np

from pawnzero.native import inner_kernel, kernel
from pawnzero.search.backup import lost
from pawnzero.search.random import uniform
from pawnzero.search.tree import PROVEN_LOSS

_LEAST_PRIOR = 1e-30
"""Priors below this count as this, so that their logarithms are finite; mctx takes the net's logits as they are."""
_LEAST_UNIFORM = 1e-30


@kernel
def considered_visits(count, simulations, done):
    """How many visits the action to simulate next must have, after `done` of `simulations` simulations, among `count` actions.

    The schedule of sequential halving: all actions get the same number of visits, then the better half continues, until two are
    left and share the remaining simulations (section 2 and figure 1 of the paper).
    """
    if count <= 1:
        return done
    halvings = 0
    while 1 << halvings < count:
        halvings += 1
    visits, going_on = 0, count
    while True:
        rounds = max(1, simulations // (halvings * going_on))
        if done < rounds * going_on:
            return visits + done // going_on
        done -= rounds * going_on
        visits += rounds
        going_on = max(2, going_on // 2)


@inner_kernel
def bonuses(t, g, node, p, out):
    """Write σ(completed Q), which the search adds to the logits, of each edge of `node` to out[:edges] float64.

    Returns the value for unvisited edges, -inf if there are none. Completed Q: an unvisited edge gets the node's mixed value
    (appendix D of the paper); Q is rescaled to [0, 1] over the node's edges and multiplied by ``(visit_offset + most visits) *
    value_scale``.
    """
    first, count = t.first_edge[g, node], t.edge_count[g, node]
    seen_prior = 0.0
    weighted = 0.0
    total = 0
    most = 0
    visited = 0
    low, high = math.inf, -math.inf
    for i in range(count):
        visits = t.visits[g, first + i]
        if visits > 0:
            q = t.value_sum[g, first + i] / visits
            out[i] = q
            prior = max(_LEAST_PRIOR, t.prior[g, first + i])
            seen_prior += prior
            weighted += prior * q
            total += visits
            most = max(most, visits)
            low, high = min(low, q), max(high, q)
            visited += 1
    mixed = float(t.leaf_value[g, node])
    if total > 0:
        mixed = (mixed + total * weighted / seen_prior) / (total + 1.0)
    if visited < count:
        low, high = min(low, mixed), max(high, mixed)
    scale = (p.visit_offset + most) * p.value_scale / max(high - low, 1e-8)
    unvisited = (mixed - low) * scale if visited < count else -math.inf
    for i in range(count):
        out[i] = (out[i] - low) * scale if t.visits[g, first + i] > 0 else unvisited
    return unvisited


@inner_kernel
def gumbel_edge(t, g, node, p, bonus):
    """The edge that keeps visits in proportion to the improved policy (equation 14 of the paper), as used below the root.

    The root uses it only if `root_edge` finds none. Skips edges that are proven to lose. bonus [M] float64 is scratch.
    """
    first, count = t.first_edge[g, node], t.edge_count[g, node]
    unvisited = bonuses(t, g, node, p, bonus)
    top = unvisited
    for i in range(count):
        top = max(top, bonus[i])
    plain = math.exp(unvisited - top)
    total = 0.0
    new, new_prior = -1, 0.0  # of the edges never taken, only the one with the largest prior can be best
    for i in range(count):
        prior = max(_LEAST_PRIOR, t.prior[g, first + i])
        if t.visits[g, first + i] > 0:
            bonus[i] = prior * math.exp(bonus[i] - top)
        else:
            bonus[i] = prior * plain
            if prior > new_prior and t.pending[g, first + i] == 0:
                new, new_prior = i, prior
        total += bonus[i]
    seen = t.node_visits[g, node] - 1 + t.node_pending[g, node]
    best = -math.inf
    chosen = first
    for i in range(count):
        edge = first + i
        taken = t.visits[g, edge] + t.pending[g, edge]
        if taken > 0 or i == new:
            score = bonus[i] / total - taken / (1.0 + seen)
            if score > best and not lost(t, g, edge):
                best = score
                chosen = edge
    return chosen


@inner_kernel
def draw_gumbels(t, g):
    """Draw Gumbel noise for each root edge, scaled by the tree's `gumbel_scale` (0: none)."""
    for i in range(t.edge_count[g, 0]):
        noise = 0.0
        if t.gumbel_scale[g] > 0.0:
            noise = -math.log(-math.log(max(_LEAST_UNIFORM, uniform(t.rng, g)))) * t.gumbel_scale[g]
        t.gumbel[g, i] = noise


@inner_kernel
def root_edge(t, g, wanted, p, bonus):
    """The root edge with `wanted` visits and the largest Gumbel + logit + σ(Q), or -1 if there is none.

    Visits under way count as visits. Skips edges that are proven to lose.
    """
    bonuses(t, g, 0, p, bonus)
    best = -math.inf
    chosen = -1
    for edge in range(t.edge_count[g, 0]):
        if t.visits[g, edge] + t.pending[g, edge] != wanted or lost(t, g, edge):
            continue
        score = t.gumbel[g, edge] + math.log(max(_LEAST_PRIOR, t.prior[g, edge])) + bonus[edge]
        if score > best:
            best = score
            chosen = edge
    return chosen


@inner_kernel
def improved_policy(t, g, p, bonus, out):
    """Write the softmax of logits + σ(completed Q) at the root (equation 11 of the paper) to out[:edges] float32.

    bonus [M] float64 is scratch. Edges that are proven to lose get 0, unless all of them are.
    """
    count = t.edge_count[g, 0]
    hopeless = t.proven[g, 0] == PROVEN_LOSS
    bonuses(t, g, 0, p, bonus)
    top = -math.inf
    for i in range(count):
        bonus[i] += math.log(max(_LEAST_PRIOR, t.prior[g, i]))
        if not hopeless and lost(t, g, i):
            bonus[i] = -math.inf
        top = max(top, bonus[i])
    total = 0.0
    for i in range(count):
        bonus[i] = math.exp(bonus[i] - top)
        total += bonus[i]
    for i in range(count):
        out[i] = np.float32(bonus[i] / total)
