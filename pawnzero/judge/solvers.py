"""Solvers, which score each move under perfect play.

A score is for the player to move. Its sign is the outcome (positive won, 0 drawn, negative lost), and among moves with the same
outcome a higher score wins sooner or loses later. Different solvers have different scales.
"""

from __future__ import annotations

import abc
from importlib import import_module
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Tuple

import numpy as np

from pawnzero.errors import UsageError
from pawnzero.games.base import ONGOING, Game, Positions
from pawnzero.games.line import Line
from pawnzero.judge.store import Store
from pawnzero.native import cache_home

NO_MOVE = np.iinfo(np.int16).min
"""Fills a row of scores past the position's legal moves; below every score."""

_SOONEST = 30_000
"""An enumerated game's score of a position that is already won; each ply until the win subtracts 1. More than any game's
plies, and within int16."""


class Solver(abc.ABC):
    """Perfect play of one game.

    game:    its rules
    longest: plies in the longest possible game
    """

    game: Game
    longest: int

    @abc.abstractmethod
    def scores(self, states: np.ndarray) -> np.ndarray:
        """The score of each legal action: states [B, S] uint64, none of them over → [B, M] int16.

        In the order of the legal actions; NO_MOVE past their count. Raises ModuleNotFoundError if the package that solves the
        game is not installed.
        """

    def all_lines(self) -> Optional[List[Line]]:
        """A line to every position that is not over, each position once; None if there are too many to list."""
        return None


class EnumeratedSolver(Solver):
    """Solves a game so small that all its positions fit into memory; positions must not repeat within a game."""

    def __init__(self, game: Game) -> None:
        assert game.max_reversible == 0, "a game whose positions can repeat has no order to solve it in"
        self.game = game
        levels = list(_levels(game))
        self.longest = len(levels) - 1
        assert self.longest < _SOONEST, "a win would be too far away for its score"
        lines_to: Dict[int, Tuple[int, ...]] = {}  # one per position: with passes, one may occur at several plies
        for here, lines, _ in levels:
            for key, line in zip(here.key.tolist(), lines):
                lines_to.setdefault(key, line)
        self._lines = list(lines_to.values())
        self._table: Dict[int, np.ndarray] = {}
        values: Dict[int, int] = {}
        for here, _, reached in reversed(levels):
            scores = np.full(here.legal.shape, NO_MOVE, np.int16)
            scores[_playable(here)] = [-_later(values[key]) for key in reached.tolist()]
            ended = game.ending_values[here.ending].astype(np.int64) * _SOONEST
            values.update(zip(here.key.tolist(), np.where(here.count > 0, scores.max(axis=1), ended).tolist()))
            self._table.update(zip(here.key.tolist(), scores))

    def scores(self, states: np.ndarray) -> np.ndarray:
        return np.stack([self._table[key] for key in _look(self.game, states).key.tolist()])

    def all_lines(self) -> List[Line]:
        lines = (Line.from_actions(self.game, actions) for actions in self._lines)
        return [line for line in lines if not line.over]


class BitBullySolver(Solver):
    """Solves connect four with the package bitbully and its opening book; solved positions are kept in `store`.

    A win with one's n-th piece scores 22 - n, a draw 0, and a loss the negative of the winner's score.
    """

    longest = 42

    def __init__(self, game: Game, store: Store) -> None:
        self.game = game
        self._store = store
        self._loaded: Optional[Tuple[Callable[[], Any], Any]] = None

    def scores(self, states: np.ndarray) -> np.ndarray:
        positions = _look(self.game, states)
        out = np.full(positions.legal.shape, NO_MOVE, np.int16)
        try:
            for b, count in enumerate(positions.count.tolist()):
                key = int(positions.key[b])
                if key not in self._store:
                    assert positions.ending[b] == ONGOING, "a position that is over has no moves to score"
                    columns = self._solve(states[b])
                    self._store.put(key, [columns[action] for action in positions.legal[b, :count].tolist()])
                out[b, :count] = self._store.get(key)
        finally:
            self._store.save()
        return out

    def _solve(self, state: np.ndarray) -> List[int]:
        """The score of each column; that of a full column is far below the others."""
        if self._loaded is None:
            self._loaded = _load_bitbully()
        new_board, solver = self._loaded
        first = self.game.player(state)
        pieces = int(state[first]), int(state[1 - first])
        cells = [[_owner(pieces, 8 * row + column) for row in range(6)] for column in range(7)]
        board = new_board()
        placed = board.setBoard(cells)
        assert placed, "bitbully takes every position that can be played to"
        return [int(score) for score in solver.scoreMoves(board)]


def solver_for(game: Game) -> Solver:
    """The solver of `game`. Raises UsageError for a game without one."""
    if game.name not in _SOLVERS:
        raise UsageError(f"{game.name}: no perfect play to judge by; expected one of {', '.join(_SOLVERS)}")
    return _SOLVERS[game.name](game)


def _stored_bitbully(game: Game) -> Solver:
    return BitBullySolver(game, Store(cache_home() / "solved" / "connect_four-1.txt"))


_SOLVERS: Mapping[str, Callable[[Game], Solver]] = {"connect_four": _stored_bitbully, "tic_tac_toe": EnumeratedSolver}


def _look(game: Game, states: np.ndarray) -> Positions:
    positions = game.allocate(len(states))
    positions.state[:] = states
    game.inspect(positions)
    return positions


def _playable(positions: Positions) -> np.ndarray:
    """[B, M] bool: which entries of `legal` are moves."""
    mask: np.ndarray = np.arange(positions.legal.shape[1]) < positions.count[:, np.newaxis]
    return mask


def _levels(game: Game) -> Iterator[Tuple[Positions, List[Tuple[int, ...]], np.ndarray]]:
    """For each ply: the distinct positions, the actions that lead to each, and the keys of the positions after their moves."""
    here, lines = _look(game, game.initial()[np.newaxis]), [()]  # type: Positions, List[Tuple[int, ...]]
    while len(here):
        playable = _playable(here)
        parents, actions = np.nonzero(playable)[0], here.legal[playable]
        after = game.children(here)
        yield here, lines, after.key
        _, first = np.unique(after.key, return_index=True)
        lines = [lines[parents[index]] + (int(actions[index]),) for index in first]
        here = _look(game, after.state[first])


def _later(score: int) -> int:
    """The score of the same outcome from a position one ply earlier."""
    return score - (score > 0) + (score < 0)


def _owner(pieces: Tuple[int, int], cell: int) -> int:
    """0 for an empty cell, 1 for the first player's, 2 for the second's."""
    return (pieces[0] >> cell & 1) + 2 * (pieces[1] >> cell & 1)


def _load_bitbully() -> Tuple[Callable[[], Any], Any]:
    """bitbully's board class, and a solver with the opening book loaded.

    Version 0.0.45, the last for Python 3.8 and 3.9, uses other names and includes the book.
    """
    core = import_module("bitbully.bitbully_core")
    if not hasattr(core, "BoardCore"):
        return core.Board, core.BitBully(Path(str(core.__file__)).parent / "assets" / "book_12ply_distances.dat")
    books = import_module("bitbully_databases").BitBullyDatabases
    return core.BoardCore, core.BitBullyCore(Path(books.get_database_path("default")))
