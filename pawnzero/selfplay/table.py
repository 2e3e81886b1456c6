"""A table: some games played together, searched as one batch, with records of those that end.

Each game has its own random stream (seed, game number), so with a given evaluator a game is the same whichever others are
played with it.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Tuple

import numpy as np

from pawnzero.config import SearchConfig, SelfplayConfig
from pawnzero.games.base import ONGOING, RESIGNATION, Game, Positions
from pawnzero.games.line import Line
from pawnzero.search.batch import PHASES, BatchedSearch, Leaves
from pawnzero.search.evaluator import Evaluator
from pawnzero.search.random import stream, uniform
from pawnzero.search.root import move_on, set_root
from pawnzero.selfplay.records import GameRecord
from pawnzero.selfplay.starts import DrawStart, starting_line


class Mark(NamedTuple):
    """The time of a table's last wave (`time.perf_counter`), and its simulations and evaluations until then."""

    seconds: float
    simulations: int
    evaluated: int


class Workload:
    """The cost of self-play, summed over its threads; may be read while it runs."""

    def __init__(self) -> None:
        self._tables: List[Table] = []
        self._expected = 0

    def expect(self, tables: int) -> None:
        """Announce `tables` more tables, each to be watched once its thread has set it up."""
        self._expected += tables

    def watch(self, table: Table) -> None:
        """Include this table."""
        self._tables.append(table)

    @property
    def rounds(self) -> float:
        """Moves per game so far at the slowest table; 0 until all tables are set up."""
        if len(self._tables) < self._expected:
            return 0.0
        return min((table.moved / len(table.seats) for table in self._tables), default=0.0)

    @property
    def simulations(self) -> int:
        """Simulations so far."""
        return sum(table.mark.simulations for table in self._tables)

    @property
    def positions(self) -> int:
        """Moves made so far."""
        return sum(table.moved for table in self._tables)

    @property
    def evaluated(self) -> int:
        """Positions sent to the evaluator so far."""
        return sum(table.search.evaluated for table in self._tables)

    @property
    def marks(self) -> List[Mark]:
        """The mark of each table."""
        return [table.mark for table in self._tables]

    def cost(self) -> Dict[str, Any]:
        """The cost so far, as plain values."""
        return {"simulations": self.simulations, "evaluations": self.evaluated, "phases": self.seconds}

    @property
    def seconds(self) -> Dict[str, float]:
        """Thread time so far, by phase of a wave."""
        return {phase: sum(table.search.seconds[phase] for table in self._tables) for phase in PHASES}


@dataclass(frozen=True)
class _Moves:
    """One move in each of n games, as arrays; a game's record is assembled from its moves when it ends."""

    state: np.ndarray
    repeated: np.ndarray
    action: np.ndarray
    start: np.ndarray
    policy: np.ndarray
    wdl: np.ndarray
    simulations: np.ndarray
    full: np.ndarray


class _Efforts(NamedTuple):
    """The settings of n searches; a cheap one has no noise. See `Trees` for the meaning of the three fields."""

    budget: np.ndarray  # [n] int32   simulations
    gumbel_scale: np.ndarray  # [n] float32
    noisy: np.ndarray  # [n] uint8


class _Seat:
    """The game in progress in one tree: how it began, and the moves searched since."""

    def __init__(self, number: int, line: Line, begun: str, played_on: bool) -> None:
        self.number = number
        self.line = line
        self.begun = begun
        self.played_on = played_on
        self.moves: List[Tuple[_Moves, int]] = []


class Table:
    """Some games played together: a batched search and the game in each of its trees.

    Parameters as in `loop.play_games`; seats: concurrent games; next_number: returns the number of the next game, None if
    there are no more.
    """

    def __init__(
        self,
        game: Game,
        evaluator: Evaluator,
        search: SearchConfig,
        settings: SelfplayConfig,
        *,
        seats: int,
        simulations: int,
        leaves: Leaves,
        seed: int,
        next_number: Callable[[], Optional[int]],
        archive: Optional[DrawStart],
        resign_below: float,
    ) -> None:
        self.game = game
        self.archive = archive
        self.resign_below = resign_below
        self.settings = settings
        self.simulations = simulations
        self.seed = seed
        self.next_number = next_number
        self.search = BatchedSearch(
            game, evaluator, search, trees=seats, simulations=simulations, leaves=leaves.most, in_rounds=leaves.in_rounds
        )
        self.seats: List[Optional[_Seat]] = [None] * seats
        self.context = np.zeros(seats, np.int32)
        self.plies = np.zeros(seats, np.int32)
        self.may_resign = np.zeros(seats, np.bool_)
        self.full = np.zeros(seats, np.bool_)
        self.moved = 0
        self.mark = Mark(time.perf_counter(), 0, 0)
        self._past = 0
        self._after = game.allocate(seats)
        for g in range(seats):
            self._sit(g)

    @property
    def playing(self) -> bool:
        """Whether there are games left."""
        return any(seat is not None for seat in self.seats)

    def ask(self) -> None:
        """Search until the evaluator is needed, and submit a batch to it."""
        self.search.ask()

    def go_on(self) -> Iterator[Optional[GameRecord]]:
        """Take the results and make the moves that are decided: yields each record when its game ends, None after moves."""
        trees = self.search.trees
        self.search.take()
        simulations = self._past + int(trees.started.sum())
        self.mark = Mark(time.perf_counter(), simulations, self.search.evaluated)  # replaced whole: other threads read it
        finished = np.flatnonzero((trees.started >= trees.budget) & (trees.budget > 0) & (trees.node_visits[:, 0] > 0))
        if len(finished):
            yield from self._move(finished)
            yield None

    def _sit(self, g: int) -> None:
        number = self.next_number()
        if number is None:
            self.seats[g] = None
            self.search.trees.budget[g] = self.search.trees.started[g] = 0
            return
        line, begun = starting_line(self.game, self.settings, self.seed, number, self.archive)
        chance = random.Random(f"playing on game {number} under seed {self.seed}").random()
        played_on = self.resign_below <= 0.0 or chance < self.settings.resign_playthrough
        self.seats[g] = _Seat(number, line, begun, played_on)
        self.context[g] = self.plies[g] = len(line.actions)
        self.may_resign[g] = not played_on
        trees = self.search.trees
        trees.rng[g] = stream(self.seed, number)
        history, repeated, length = line.history(self.game.history)
        budget, gumbel_scale, noisy = (column[0] for column in self._next_efforts(np.array([g])))
        position = self.game.look(line.state)
        set_root(trees, g, position, history[:length], repeated[:length], line.past_keys(), budget, gumbel_scale, noisy)

    def _move(self, finished: np.ndarray) -> Iterator[GameRecord]:
        """Play the move that each finished search chose and set up the next search; yields the games that end."""
        wdl = self.search.wdl(finished)
        searched_before = self.plies[finished] > self.context[finished]
        hopeless = self.may_resign[finished] & searched_before & (wdl[:, 0] + wdl[:, 1] / 2 < self.resign_below)
        for g in finished[hopeless]:
            self._past += int(self.search.trees.started[g])
            yield self._record(g, self.search.trees.state[g, 0], RESIGNATION)
            self._sit(int(g))
        finished, wdl = finished[~hopeless], wdl[~hopeless]
        if not len(finished):
            return
        moves = self._choose(finished, wdl)
        after, endings = self._step(finished, moves)
        for i, g in enumerate(finished):
            seat = self.seats[g]
            assert seat is not None
            seat.moves.append((moves, i))
            if endings[i] != ONGOING:
                yield self._record(g, after.state[i], int(endings[i]))
                self._sit(int(g))

    def _choose(self, finished: np.ndarray, wdl: np.ndarray) -> _Moves:
        trees = self.search.trees
        start, policy = self.search.policies(finished)
        action = self.search.choose(finished, self._temperature(finished))
        simulations = trees.started[finished]
        self._past += int(simulations.sum())
        return _Moves(
            trees.state[finished, 0], trees.repeated[finished, 0], action, start, policy, wdl, simulations, self.full[finished]
        )

    def _step(self, finished: np.ndarray, moves: _Moves) -> Tuple[Positions, np.ndarray]:
        """Play `moves`; return the new positions and how each game stands there (ending codes)."""
        n = len(finished)
        after = self._after.part(0, n)
        self.game.step(moves.state, moves.action, after)
        self.plies[finished] += 1
        endings = np.zeros(n, np.uint8)
        move_on(
            self.search.trees,
            finished,
            (after.state, after.legal, after.count, after.ending, after.key, after.reversible),
            (self.settings.max_plies - self.plies[finished]).astype(np.int32),
            *self._next_efforts(finished),
            endings,
        )
        self.moved += n  # only now, so that waiting for moves includes all that a move compiles
        return after, endings

    def _next_efforts(self, trees: np.ndarray) -> _Efforts:
        """The settings of each tree's next search, and update `full`.

        Playout cap randomization (Wu, "Accelerating Self-Play Learning in Go", 2019, section 3.1). The game's own random stream
        decides; if all searches are full, nothing is drawn from it.
        """
        share, rng = self.settings.full_search_share, self.search.trees.rng
        full = np.array([share >= 1.0 or uniform(rng, g) < share for g in trees])
        self.full[trees] = full
        cheap = min(self.settings.cheap_sims, self.simulations)  # a tree has no room for more
        return _Efforts(
            np.where(full, self.simulations, cheap).astype(np.int32),
            np.where(full, self._temperature(trees), 0.0).astype(np.float32),
            full.astype(np.uint8),
        )

    def _temperature(self, trees: np.ndarray) -> np.ndarray:
        settings = self.settings
        early = self.plies[trees] - self.context[trees] < settings.temperature_plies
        return np.where(early, settings.temperature, settings.temperature_end).astype(np.float32)

    def _record(self, g: int, final_state: np.ndarray, ending: int) -> GameRecord:
        seat = self.seats[g]
        assert seat is not None
        line, moves = seat.line, seat.moves
        before = len(line.actions)
        policies = [m.policy[m.start[i] : m.start[i + 1]] for m, i in moves]
        value = int(self.game.ending_values[ending])
        return GameRecord(
            game=self.game.name,
            game_id=seat.number,
            context=before,
            states=np.stack(line.states[:before] + [m.state[i] for m, i in moves]),
            actions=np.array(line.actions + [m.action[i] for m, i in moves], np.int16),
            repeated=np.array(line.repeated[:before] + [m.repeated[i] for m, i in moves], np.uint8),
            policy_start=np.cumsum([0] * (before + 1) + [len(p) for p in policies]).astype(np.int64),
            policy=np.concatenate(policies),
            root_wdl=np.concatenate([np.zeros((before, 3), np.float32), np.stack([m.wdl[i] for m, i in moves])]),
            full_search=np.array([0] * before + [m.full[i] for m, i in moves], np.uint8),
            simulations=np.array([0] * before + [m.simulations[i] for m, i in moves], np.int32),
            final_state=final_state.copy(),
            ending=ending,
            result=value if self.game.player(final_state) == 0 else -value,
            played_on=seat.played_on,
            begun=seat.begun,
        )
