"""The results of a finished search at its root, and the next position of a game as the root of an empty tree."""

from __future__ import annotations

import numpy as np

from pawnzero.games.base import MAX_PLIES, ONGOING, REPETITION
from pawnzero.native import allocating_kernel, inner_kernel, kernel
from pawnzero.search.backup import lost, proven_value
from pawnzero.search.gumbel import improved_policy, root_edge
from pawnzero.search.parameters import PUCT
from pawnzero.search.random import uniform
from pawnzero.search.tree import NO_NODE, PROVEN_DRAW, PROVEN_LOSS, PROVEN_WIN, UNEXPANDED, UNPROVEN


@allocating_kernel
def root_wdl(t, p, trees, out):
    """Compute the WDL of each root for its player to move: trees [n] int64 → out [n, 3] float32.

    A proven root has its proven outcome. Otherwise, under Gumbel, it is the value of the improved policy, since that is what is
    played: the policy-weighted mean over moves, with the net's own evaluation of the root for untried ones. Visits would be
    misleading: sequential halving tries bad moves as often as good ones before it drops them, so a mean over visits is too low
    for the player to move. Under PUCT, it is the mean over visits.
    """
    bonus = np.empty(t.root_legal.shape[1], np.float64)
    policy = np.empty(t.root_legal.shape[1], np.float32)
    for i in range(len(trees)):
        g = trees[i]
        value, draw = _mean_outcome(t, g, p, bonus, policy)
        proof = t.proven[g, 0]
        if proof != UNPROVEN:
            value = proven_value(proof)
            draw = 1.0 if proof == PROVEN_DRAW else 0.0
        draw = min(1.0, max(0.0, draw))
        win = min(1.0 - draw, max(0.0, (1.0 - draw + value) / 2.0))
        out[i, 0] = win
        out[i, 1] = draw
        out[i, 2] = 1.0 - draw - win


@inner_kernel
def _mean_outcome(t, g, p, bonus, policy):
    """(value, draw probability) of a searched root. bonus [M] float64 and policy [M] float32 are scratch."""
    count = t.edge_count[g, 0]
    if p.algorithm == PUCT:
        draw = t.leaf_draw[g, 0]
        for edge in range(count):
            draw += t.draw_sum[g, edge]
        return t.node_value_sum[g, 0] / t.node_visits[g, 0], draw / t.node_visits[g, 0]
    improved_policy(t, g, p, bonus, policy[:count])
    untried = 1.0
    value = 0.0
    draw = 0.0
    for edge in range(count):
        visits = t.visits[g, edge]
        if visits > 0:
            untried -= policy[edge]
            value += policy[edge] * t.value_sum[g, edge] / visits
            draw += policy[edge] * t.draw_sum[g, edge] / visits
    return value + untried * t.leaf_value[g, 0], draw + untried * t.leaf_draw[g, 0]


@inner_kernel
def _decides(t, g, edge):
    """Whether a root edge achieves the root's proven outcome (win or draw)."""
    if t.winning[g, edge] == 1 and t.proven[g, 0] == PROVEN_WIN:
        return True
    child = t.child[g, edge]
    if child == NO_NODE:
        return False
    wanted = PROVEN_LOSS if t.proven[g, 0] == PROVEN_WIN else PROVEN_DRAW
    return t.proven[g, child] == wanted


@allocating_kernel
def root_policies(t, p, trees, start, policy):
    """Compute each search's policy target over the legal actions: trees [n] → start [n + 1] int64, policy [sum] float32.

    Tree i's target is ``policy[start[i]:start[i + 1]]``. Gumbel: the improved policy. PUCT: the share of visits. If the root is
    a proven win or draw: equal shares for the moves that achieve it. A move that is proven to lose gets 0, unless all of them
    are.
    """
    scratch = np.empty(t.root_legal.shape[1], np.float64)
    start[0] = 0
    for i in range(len(trees)):
        g = trees[i]
        count = t.edge_count[g, 0]
        start[i + 1] = start[i] + count
        out = policy[start[i] : start[i + 1]]
        if t.proven[g, 0] == PROVEN_WIN or t.proven[g, 0] == PROVEN_DRAW:
            good = 0
            for edge in range(count):
                good += _decides(t, g, edge)
            for edge in range(count):
                out[edge] = np.float32(1.0 / good if _decides(t, g, edge) else 0.0)
        elif p.algorithm != PUCT:
            improved_policy(t, g, p, scratch, out)
        else:
            _shares(t, g, out)


@inner_kernel
def _shares(t, g, out):
    """The share of visits of each root edge; if no visits count, everything goes to the best edge."""
    total = 0
    for edge in range(len(out)):
        total += _counted(t, g, edge)
    if total == 0:
        for edge in range(len(out)):
            out[edge] = 0.0
        out[most_visited(t, g)] = 1.0
        return
    for edge in range(len(out)):
        out[edge] = np.float32(_counted(t, g, edge) / total)


@inner_kernel
def _counted(t, g, edge):
    """Visits of a root edge; 0 if it is proven to lose, unless all of them are."""
    if t.proven[g, 0] != PROVEN_LOSS and lost(t, g, edge):
        return 0
    return t.visits[g, edge]


@inner_kernel
def _better(t, g, edge, other):
    """Whether root edge `edge` beats `other`: not proven to lose, then more visits, higher value sum, larger prior."""
    if lost(t, g, edge) != lost(t, g, other):
        return lost(t, g, other)
    if t.visits[g, edge] != t.visits[g, other]:
        return t.visits[g, edge] > t.visits[g, other]
    if t.value_sum[g, edge] != t.value_sum[g, other]:
        return t.value_sum[g, edge] > t.value_sum[g, other]
    return t.prior[g, edge] > t.prior[g, other]


@inner_kernel
def most_visited(t, g):
    """The root edge with the most visits, if possible among those that are not proven to lose."""
    best = 0
    for edge in range(1, t.edge_count[g, 0]):
        if _better(t, g, edge, best):
            best = edge
    return best


@inner_kernel
def best_edge(t, g, p, scratch):
    """The root edge to play without randomness: one that decides the game, else the most visited.

    Under Gumbel, ties among the most visited go to the largest Gumbel + logit + σ(Q).
    """
    if t.proven[g, 0] == PROVEN_WIN or t.proven[g, 0] == PROVEN_DRAW:
        for edge in range(t.edge_count[g, 0]):
            if _decides(t, g, edge):
                return edge
    best = most_visited(t, g)
    if p.algorithm == PUCT or t.proven[g, 0] == PROVEN_LOSS:
        return best
    return root_edge(t, g, t.visits[g, best], p, scratch)


@allocating_kernel
def choose(t, p, trees, temperature, actions):
    """Choose a move at each root: trees [n] int64, temperature [n] float32 → actions [n] int16.

    PUCT:   the best edge at temperature 0 or at a proven root, else one drawn in proportion to visits ** (1 / temperature) from
            the tree's own stream; never a move that is proven to lose while there are others.
    Gumbel: the best edge; the randomness is in the noise (`Trees.gumbel_scale`).
    """
    scratch = np.empty(t.root_legal.shape[1], np.float64)
    for i in range(len(trees)):
        g = trees[i]
        chosen = best_edge(t, g, p, scratch)
        if temperature[i] > 0.0 and p.algorithm == PUCT and t.proven[g, 0] == UNPROVEN:
            top = max(1, t.visits[g, chosen])
            total = 0.0
            for edge in range(t.edge_count[g, 0]):
                total += (_counted(t, g, edge) / top) ** (1.0 / temperature[i])
            target = uniform(t.rng, g) * total
            for edge in range(t.edge_count[g, 0]):
                target -= (_counted(t, g, edge) / top) ** (1.0 / temperature[i])
                if target < 0.0:
                    chosen = edge
                    break
        actions[i] = t.action[g, chosen]


def _place(t, g, budget, gumbel_scale, noisy):
    """Make node 0 a fresh, unevaluated root; the caller sets its state, key and past."""
    t.parent[g, 0] = NO_NODE
    t.edge_count[g, 0] = UNEXPANDED
    t.node_visits[g, 0] = 0
    t.node_pending[g, 0] = 0
    t.node_value_sum[g, 0] = 0.0
    t.visited_prior[g, 0] = 0.0
    t.nodes[g] = 1
    t.edges[g] = 0
    t.started[g] = 0
    t.budget[g] = budget
    t.gumbel_scale[g] = gumbel_scale
    t.noisy[g] = noisy
    t.proven[g, 0] = UNPROVEN
    t.winning[g] = 0


_place_in_kernel = inner_kernel(_place)


@inner_kernel
def _remember_root(t, g):
    """Put the position at the root first among the earlier ones that the net's input planes show."""
    room = t.past_state.shape[1]
    if room == 0:
        return
    words = t.past_state.shape[2]
    kept = min(t.past_length[g], room - 1)
    for j in range(kept, 0, -1):
        for word in range(words):
            t.past_state[g, j, word] = t.past_state[g, j - 1, word]
        t.past_repeated[g, j] = t.past_repeated[g, j - 1]
    for word in range(words):
        t.past_state[g, 0, word] = t.state[g, 0, word]
    t.past_repeated[g, 0] = t.repeated[g, 0]
    t.past_length[g] = kept + 1


@inner_kernel
def _count_earlier(t, g, key, reversible):
    """Add the root to the positions that can recur, of which an irreversible move leaves none, and count `key` among them."""
    if reversible == 0:
        t.past_keys[g] = 0
    elif t.past_keys[g] < t.past_key.shape[1]:
        t.past_key[g, t.past_keys[g]] = t.key[g, 0]
        t.past_keys[g] += 1
    earlier = 0
    for j in range(t.past_keys[g]):
        if t.past_key[g, j] == key:
            earlier += 1
    return earlier


@kernel
def move_on(t, trees, positions, plies_left, budget, gumbel_scale, noisy, endings):
    """Make the position after the move played the root of each tree.

    trees [n] int64; positions: (state, legal, count, ending, key, reversible) of the new positions; plies_left [n] int32: how
    many more plies the game may last (0: it ends here); budget [n] int32: simulations of the next search; gumbel_scale [n]
    float32 and noisy [n] uint8: its noise (see `Trees`). Fills endings [n] uint8. The third occurrence of a position in the
    game is a draw.
    """
    state, legal, count, ending, key, reversible = positions
    words = state.shape[1]
    for i in range(len(trees)):
        g = trees[i]
        _remember_root(t, g)
        earlier = _count_earlier(t, g, key[i], reversible[i])
        for word in range(words):
            t.state[g, 0, word] = state[i, word]
        t.key[g, 0] = key[i]
        t.reversible[g, 0] = reversible[i]
        t.repeated[g, 0] = 1 if earlier > 0 else 0
        t.root_count[g] = count[i]
        for j in range(count[i]):
            t.root_legal[g, j] = legal[i, j]
        why = ending[i]
        if why == ONGOING and earlier >= 2:
            why = REPETITION
        if why == ONGOING and plies_left[i] <= 0:
            why = MAX_PLIES
        t.ending[g, 0] = why
        endings[i] = why
        _place_in_kernel(t, g, budget[i] if why == ONGOING else 0, gumbel_scale[i], noisy[i])


def set_root(t, g, position, history, repeated, past_keys, budget, gumbel_scale=0.0, noisy=False):
    """Put a position with its past into tree `g`.

    position: Positions of size 1; history [n, S] uint64 and repeated [n] uint8: the position itself, then the earlier ones,
    newest first; past_keys [k] uint64: keys of the earlier positions that could recur, oldest first. budget: simulations to do,
    for which the tree must have room (`allocate_trees`); gumbel_scale and noisy: see `Trees`.
    """
    assert budget < t.parent.shape[1], "a budget without room in the tree"
    t.state[g, 0] = position.state[0]
    t.key[g, 0] = position.key[0]
    t.reversible[g, 0] = position.reversible[0]
    t.ending[g, 0] = position.ending[0]
    t.repeated[g, 0] = repeated[0]
    before = min(len(history) - 1, t.past_state.shape[1])
    t.past_state[g, :before] = history[1 : before + 1]
    t.past_repeated[g, :before] = repeated[1 : before + 1]
    t.past_length[g] = before
    keys = past_keys[-t.past_key.shape[1] :]
    t.past_key[g, : len(keys)] = keys
    t.past_keys[g] = len(keys)
    t.root_count[g] = position.count[0]
    t.root_legal[g] = position.legal[0]
    _place(t, g, budget, gumbel_scale, noisy)
