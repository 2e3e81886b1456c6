"""What a search has found about its position: the candidate moves, their values, and the expected continuations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Tuple

import numpy as np

from pawnzero.search.batch import BatchedSearch
from pawnzero.search.pv import deepest, edge_to_expect, plies_to_end, wins_at_once
from pawnzero.search.tree import NO_NODE, PROVEN_DRAW, PROVEN_LOSS, PROVEN_WIN, UNPROVEN, Trees

WDL = Tuple[float, float, float]

_OF_THE_OTHER = {UNPROVEN: UNPROVEN, PROVEN_LOSS: PROVEN_WIN, PROVEN_DRAW: PROVEN_DRAW, PROVEN_WIN: PROVEN_LOSS}


@dataclass(frozen=True)
class MoveOutlook:
    """One move of the searched position; all values are for the player to move there.

    visits: 0 for a move chosen untried because all moves tried are lost; its `wdl` is then the net's evaluation of the position
    proof:  UNPROVEN, or what is proven of the move
    plies:  if a win or a loss is proven, the plies in which the winner can end the game, as far as the tree shows (the search
            does not look for the shortest way); else 0
    line:   the expected actions, this one first
    """

    action: int
    visits: int
    prior: float
    wdl: WDL
    proof: int
    plies: int
    line: Tuple[int, ...]

    @property
    def value(self) -> float:
        """The value, in [-1, 1]."""
        return self.wdl[0] - self.wdl[2]


@dataclass(frozen=True)
class Outlook:
    """What a search has found so far.

    simulations: done so far
    depth:       average number of plies below the searched position at which a simulation ends; deepest: the largest
    wdl:         of the position, for the player to move
    moves:       those that have been tried, and the one to play, best first
    """

    simulations: int
    depth: float
    deepest: int
    wdl: WDL
    moves: List[MoveOutlook]


def mean_depth(t: Trees, g: int) -> float:
    """The average number of plies below the root of tree `g` at which a simulation ends; at least one must be done."""
    return float(t.node_visits[g, 1 : int(t.nodes[g])].sum()) / int(t.started[g])


def read_outlook(search: BatchedSearch, g: int) -> Outlook:
    """Return the outlook of tree `g`; at least one simulation must be done."""
    t = search.trees
    nodes, simulations = int(t.nodes[g]), int(t.started[g])
    assert simulations > 0
    plies = np.zeros(nodes, np.int32)
    plies_to_end(t, g, plies)
    win, draw, loss = (float(share) for share in search.wdl(np.array([g], np.int64))[0])
    return Outlook(
        simulations=simulations,
        depth=mean_depth(t, g),
        deepest=int(deepest(t, g, np.zeros(nodes, np.int32))),
        wdl=(win, draw, loss),
        moves=[_move(search, g, edge, plies) for edge in _ranked(search, g, plies)],
    )


def _ranked(search: BatchedSearch, g: int, plies: np.ndarray) -> List[int]:
    """The root edges that have been tried or are chosen, best first.

    Wins come first (quickest first), then the chosen move, then the others, then losses (latest first).
    """
    t = search.trees
    chosen = int(search.choose(np.array([g], np.int64), np.zeros(1, np.float32))[0])

    def rank(edge: int) -> Tuple[float, ...]:
        proof, visits = _proof(t, g, edge), int(t.visits[g, edge])
        if proof == PROVEN_WIN:
            return (0, plies[t.child[g, edge]])
        if proof == PROVEN_LOSS:
            return (2, -plies[t.child[g, edge]])
        return (1, t.action[g, edge] != chosen, -visits, -t.value_sum[g, edge], -t.prior[g, edge])

    edges = range(int(t.edge_count[g, 0]))
    return sorted((edge for edge in edges if t.visits[g, edge] > 0 or t.action[g, edge] == chosen), key=rank)


def _move(search: BatchedSearch, g: int, edge: int, plies: np.ndarray) -> MoveOutlook:
    t = search.trees
    visits, proof = int(t.visits[g, edge]), _proof(t, g, edge)
    value, draw = float(t.leaf_value[g, 0]), float(t.leaf_draw[g, 0])
    if visits > 0:
        value, draw = float(t.value_sum[g, edge]) / visits, float(t.draw_sum[g, edge]) / visits
    value = min(1.0, max(-1.0, value))
    draw = min(1.0 - abs(value), max(0.0, draw))
    win = (1.0 - draw + value) / 2.0
    decided = proof in (PROVEN_WIN, PROVEN_LOSS)
    return MoveOutlook(
        action=int(t.action[g, edge]),
        visits=visits,
        prior=float(t.prior[g, edge]),
        wdl=(win, draw, max(0.0, 1.0 - draw - win)),
        proof=proof,
        plies=1 + int(plies[t.child[g, edge]]) if decided else 0,
        line=tuple(_expected(search, g, edge, plies)),
    )


def _proof(t: Trees, g: int, edge: int) -> int:
    """The proof of an edge, for the player who chooses it."""
    child = int(t.child[g, edge])
    return UNPROVEN if child == NO_NODE else _OF_THE_OTHER[int(t.proven[g, child])]


def _expected(search: BatchedSearch, g: int, edge: int, plies: np.ndarray) -> List[int]:
    """The expected actions from a root edge on, as far as the tree has tried them, and the one that then wins at once."""
    t, node = search.trees, 0
    actions = []
    while edge != NO_NODE:
        actions.append(int(t.action[g, edge]))
        node = int(t.child[g, edge])
        edge = int(edge_to_expect(t, g, node, plies)) if node != NO_NODE else NO_NODE
    if node != NO_NODE and wins_at_once(t, g, node):
        actions.append(int(search.game.wins_at_once(search.game.look(t.state[g, node]))[0]))
    return actions
