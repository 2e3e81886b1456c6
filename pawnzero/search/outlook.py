"""What a search thinks of its position: the moves it would play, their worth, and how it would go on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Tuple

import numpy as np

from pawnzero.search.batch import BatchedSearch
from pawnzero.search.course import deepest, edge_to_expect, plies_to_end
from pawnzero.search.tree import NO_NODE, PROVEN_DRAW, PROVEN_LOSS, PROVEN_WIN, UNPROVEN, Trees

WDL = Tuple[float, float, float]

_OF_THE_OTHER = {UNPROVEN: UNPROVEN, PROVEN_LOSS: PROVEN_WIN, PROVEN_DRAW: PROVEN_DRAW, PROVEN_WIN: PROVEN_LOSS}


@dataclass(frozen=True)
class MoveOutlook:
    """One move of the searched position; all for the player to move there.

    visits: 0 of a move that is chosen untried, since all that were tried lose; its `wdl` is what the net says of the position
    proof: UNPROVEN, or what is proven of the move
    plies: where a win or a loss is proven, in how many plies the game is over at the latest or at the earliest, so far as the
           search has seen (it does not look for the shortest way)
    line:  the actions the search expects, this one first
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
        """In [-1, 1]."""
        return self.wdl[0] - self.wdl[2]


@dataclass(frozen=True)
class Outlook:
    """What a search has found so far.

    simulations: done so far
    depth:       plies below the searched position at which a simulation ends, on average; deepest: the most
    wdl:         of the position, for the player to move
    moves:       those that have been tried, and the one to play, which comes first
    """

    simulations: int
    depth: float
    deepest: int
    wdl: WDL
    moves: List[MoveOutlook]


def mean_depth(t: Trees, g: int) -> float:
    """Plies below the root of tree `g` at which a simulation ends, on average; some simulation is done."""
    return float(t.node_visits[g, 1 : int(t.nodes[g])].sum()) / int(t.started[g])


def read_outlook(search: BatchedSearch, g: int) -> Outlook:
    """The outlook of tree `g`, some simulation of which is done."""
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
        moves=[_move(t, g, edge, plies) for edge in _ranked(search, g, plies)],
    )


def _ranked(search: BatchedSearch, g: int, plies: np.ndarray) -> List[int]:
    """The root edges that have been tried or are chosen, the best first: quick wins, as the search chooses, late losses."""
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


def _move(t: Trees, g: int, edge: int, plies: np.ndarray) -> MoveOutlook:
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
        line=tuple(_expected(t, g, edge, plies)),
    )


def _proof(t: Trees, g: int, edge: int) -> int:
    """What is proven of an edge, for the player who chooses it."""
    child = int(t.child[g, edge])
    return UNPROVEN if child == NO_NODE else _OF_THE_OTHER[int(t.proven[g, child])]


def _expected(t: Trees, g: int, edge: int, plies: np.ndarray) -> List[int]:
    """The actions from a root edge on, as far as the tree has tried them."""
    actions = []
    while edge != NO_NODE:
        actions.append(int(t.action[g, edge]))
        edge = int(edge_to_expect(t, g, t.child[g, edge], plies))
    return actions
