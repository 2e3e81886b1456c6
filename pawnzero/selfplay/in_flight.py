"""How many games to play at once, in how many threads and groups: enough for full batches, within this machine's memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional

from pawnzero.games.base import Game
from pawnzero.machine.cores import usable_cores
from pawnzero.machine.memory import usable_memory
from pawnzero.search.evaluator import Appetite
from pawnzero.search.tree import bytes_a_tree

_MEMORY_SHARE = 8
"""Games use at most one part in this many of the machine's memory."""


@dataclass(frozen=True)
class Crew:
    """Assignment of the concurrent games: group g of thread w plays `seats[w][g]` of them.

    A thread plays its groups in turn. With two groups it searches in one while the evaluator's device works for the other.
    """

    seats: List[List[int]]

    @property
    def games(self) -> int:
        """Total number of games."""
        return sum(map(sum, self.seats))

    @property
    def tables(self) -> int:
        """Total number of groups."""
        return sum(map(len, self.seats))


def crew(
    game: Game,
    simulations: int,
    appetite: Appetite,
    *,
    leaves: int = 1,
    games: Optional[int] = None,
    in_flight: int = 0,
    threads: int = 0,
) -> Crew:
    """Assign as many concurrent games as the evaluator's appetite asks for, limited by the games to play and by memory.

    leaves:    average number of leaves that a wave takes from a game
    games:     how many there are to play; None: unlimited
    in_flight: concurrent games; 0: chosen here
    threads:   number of threads; 0: one per core, but none with less than a quarter of a full batch
    """
    cores = threads or usable_cores()
    asked = cores * appetite.questions * appetite.batch * appetite.leaves
    at_once = in_flight or fitting(game, simulations, max(1, asked // leaves))
    at_once = at_once if games is None else min(at_once, games)
    fewest = max(1, appetite.batch // (4 * leaves))
    workers = max(1, min(threads or min(cores, at_once // fewest), at_once))
    each = _dealt(at_once, workers)
    return Crew([_dealt(seats, max(1, min(appetite.questions, seats // fewest))) for seats in each])


def _dealt(count: int, hands: int) -> List[int]:
    """Split `count` into nearly equal shares."""
    return [count * (i + 1) // hands - count * i // hands for i in range(hands)]


def fitting(game: Game, simulations: int, enough: int) -> int:
    """`enough` concurrent games, or as many as fit into an eighth of this machine's memory, 1 or more.

    The cache of evaluations is counted as large as the trees. The buffers of a wave come on top; they are small beside a tree
    unless there are few simulations.
    """
    memory = usable_memory()
    if memory is None:
        return enough
    return max(1, min(enough, memory // _MEMORY_SHARE // (2 * bytes_a_tree(game, simulations))))
