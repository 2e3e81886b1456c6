"""Gumbel AlphaZero: which action to simulate next, and the improved policy that a search teaches.

Danihelka, Guez, Schrittwieser and Silver, "Policy improvement by planning with Gumbel", ICLR 2022. At the root, a few
actions drawn without replacement (Gumbel-top-k) share the simulations by sequential halving; below it, actions are taken so
that visits follow the improved policy: the prior's logits plus a growing multiple of the values, where an unvisited action
has the value that the rest of the node makes likely.
"""

from __future__ import annotations

import math
from typing import List

import numpy as np

from pawnzero.native import kernel
from pawnzero.search.random import uniform
from pawnzero.search.tree import NO_NODE, PROVEN_LOSS, PROVEN_WIN, UNPROVEN

_SMALLEST = 1e-30


def considered_visits(most: int, simulations: int) -> np.ndarray:
    """How many visits the action to simulate must have had, for each number of actions and each simulation.

    → [most + 1, simulations] int32: row m is the schedule of sequential halving among m actions: all get the same number
    of visits, then the better half goes on, until two are left; they share what remains (section 2 and figure 1 there).
    """
    return np.array([_schedule(count, simulations) for count in range(most + 1)], np.int32).reshape(most + 1, simulations)


def _schedule(count: int, simulations: int) -> List[int]:
    if count <= 1:
        return list(range(simulations))
    halvings = math.ceil(math.log2(count))
    schedule: List[int] = []
    visits, going_on = 0, count
    while len(schedule) < simulations:
        rounds = max(1, simulations // (halvings * going_on))
        for had in range(visits, visits + rounds):
            schedule += [had] * going_on
        visits += rounds
        going_on = max(2, going_on // 2)
    return schedule[:simulations]


@kernel
def edge_value(t, g, edge):
    """Value of a visited edge for its chooser: proven, or the mean of its visits."""
    child = t.child[g, edge]
    proof = t.proven[g, child] if child != NO_NODE else UNPROVEN
    if proof == UNPROVEN:
        return t.value_sum[g, edge] / t.visits[g, edge]
    if proof == PROVEN_LOSS:
        return 1.0
    return -1.0 if proof == PROVEN_WIN else 0.0


@kernel
def bonuses(t, g, node, p, out):
    """σ(completed Q) of each edge of `node`, what the search adds to the logits → out[:edges] float64; returns unvisited ones'.

    Completed Q: an unvisited edge has the mixed value of the node (appendix D there); Q is stretched to [0, 1] over the
    node's edges and multiplied by ``(visit_offset + most visits) * value_scale``.
    """
    first, count = t.first_edge[g, node], t.edge_count[g, node]
    seen_prior = 0.0
    weighted = 0.0
    total = 0
    most = 0
    low, high = math.inf, -math.inf
    for i in range(count):
        visits = t.visits[g, first + i]
        if visits > 0:
            q = edge_value(t, g, first + i)
            out[i] = q
            prior = max(_SMALLEST, t.prior[g, first + i])
            seen_prior += prior
            weighted += prior * q
            total += visits
            most = max(most, visits)
            low, high = min(low, q), max(high, q)
    mixed = t.leaf_value[g, node]
    if total > 0:
        mixed = (t.leaf_value[g, node] + total * weighted / seen_prior) / (total + 1.0)
    for i in range(count):
        if t.visits[g, first + i] == 0:
            low, high = min(low, mixed), max(high, mixed)
            break
    scale = (p.visit_offset + most) * p.value_scale / max(high - low, 1e-8)
    unvisited = (mixed - low) * scale
    for i in range(count):
        out[i] = (out[i] - low) * scale if t.visits[g, first + i] > 0 else unvisited
    return unvisited


@kernel
def gumbel_edge(t, g, node, p, bonus):
    """The edge below the root that keeps visits in step with the improved policy (equation 14 there).

    bonus [M] float64 is scratch.
    """
    first, count = t.first_edge[g, node], t.edge_count[g, node]
    unvisited = bonuses(t, g, node, p, bonus)
    top = unvisited
    seen = 0
    for i in range(count):
        top = max(top, bonus[i])
        seen += t.visits[g, first + i] + t.pending[g, first + i]
    plain = math.exp(unvisited - top)
    total = 0.0
    for i in range(count):
        weight = t.prior[g, first + i] * (math.exp(bonus[i] - top) if t.visits[g, first + i] > 0 else plain)
        bonus[i] = weight
        total += weight
    best = -math.inf
    chosen = first
    for i in range(count):
        edge = first + i
        score = bonus[i] / total - (t.visits[g, edge] + t.pending[g, edge]) / (1.0 + seen)
        if score > best:
            best = score
            chosen = edge
    return chosen


@kernel
def draw_gumbels(t, g):
    """Fresh Gumbel noise for each root edge, scaled by the tree's exploration (0: none)."""
    for i in range(t.edge_count[g, 0]):
        noise = 0.0
        if t.exploration[g] > 0.0:
            noise = -math.log(-math.log(max(_SMALLEST, uniform(t.rng, g)))) * t.exploration[g]
        t.gumbel[g, i] = noise


@kernel
def root_edge(t, g, wanted, p, bonus):
    """Of the root edges with `wanted` visits (those under way included) the one with the largest Gumbel + logit + σ(Q), or -1.

    Edges that are proven to lose are passed over while there are others.
    """
    bonuses(t, g, 0, p, bonus)
    best = -math.inf
    chosen = -1
    for edge in range(t.edge_count[g, 0]):
        if t.visits[g, edge] + t.pending[g, edge] != wanted:
            continue
        score = t.gumbel[g, edge] + math.log(max(_SMALLEST, t.prior[g, edge])) + bonus[edge]
        child = t.child[g, edge]
        if child != NO_NODE and t.proven[g, child] == PROVEN_WIN:
            score -= 1e6
        if score > best:
            best = score
            chosen = edge
    return chosen


@kernel
def improved_policy(t, g, p, bonus, out):
    """Softmax of logits + σ(completed Q) at the root (equation 11 there) → out[:edges] float32. bonus [M]: scratch."""
    count = t.edge_count[g, 0]
    bonuses(t, g, 0, p, bonus)
    top = -math.inf
    for i in range(count):
        bonus[i] += math.log(max(_SMALLEST, t.prior[g, i]))
        top = max(top, bonus[i])
    total = 0.0
    for i in range(count):
        bonus[i] = math.exp(bonus[i] - top)
        total += bonus[i]
    for i in range(count):
        out[i] = np.float32(bonus[i] / total)
