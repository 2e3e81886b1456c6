"""What a set of self-play games was like: the figures an owner watches for signs of illness."""

from __future__ import annotations

from collections import Counter
from typing import Any, Dict, Optional

from pawnzero.games.base import Game
from pawnzero.records import GameRecord
from pawnzero.selfplay import Workload

_OPENING_PLIES = 8


class GamesSummary:
    """Adds up games as they end. `state` can be stored, and a summary continued from it."""

    def __init__(self, game: Game, state: Optional[Dict[str, Any]] = None) -> None:
        state = state or {}
        self._game = game
        self.games: int = state.get("games", 0)
        self.positions: int = state.get("positions", 0)
        self._results: Counter[str] = Counter(state.get("results", {}))
        self._endings: Counter[str] = Counter(state.get("endings", {}))
        self._openings = set(state.get("openings", []))
        self._simulations: int = state.get("simulations", 0)
        self._evaluations: int = state.get("evaluations", 0)
        self._seconds: float = state.get("seconds", 0.0)
        self._phases: Counter[str] = Counter(state.get("phases", {}))

    @property
    def draw_rate(self) -> float:
        """Share of drawn games; 0 before the first."""
        return self._results["draw"] / self.games if self.games else 0.0

    def add(self, record: GameRecord) -> None:
        """Count a finished game."""
        self.games += 1
        self.positions += len(record) - record.context
        self._results[{1: "first", 0: "draw", -1: "second"}[record.result]] += 1
        self._endings[self._game.endings[record.ending]] += 1
        self._openings.add(" ".join(map(str, record.actions[:_OPENING_PLIES])))

    def spent(self, workload: Workload, seconds: float) -> None:
        """Count what the games cost; `seconds` of wall-clock time."""
        self._simulations += workload.simulations
        self._evaluations += workload.evaluated
        self._seconds += seconds
        self._phases.update(workload.seconds)

    def state(self) -> Dict[str, Any]:
        """Everything counted, as plain values."""
        return {
            "games": self.games,
            "positions": self.positions,
            "results": dict(self._results),
            "endings": dict(self._endings),
            "openings": sorted(self._openings),
            "simulations": self._simulations,
            "evaluations": self._evaluations,
            "seconds": self._seconds,
            "phases": dict(self._phases),
        }

    def to_json(self) -> Dict[str, Any]:
        """The figures. Shares are of games; `distinct_openings` counts different first eight plies; `phases` is thread time."""
        games = max(1, self.games)
        return {
            "games": self.games,
            "positions": self.positions,
            "mean_plies": round(self.positions / games, 2),
            "first_player_wins": self._results["first"],
            "second_player_wins": self._results["second"],
            "draws": self._results["draw"],
            "draw_rate": round(self.draw_rate, 4),
            "adjudicated": self._endings["max plies"],
            "resigned": self._endings["resignation"],
            "endings": dict(self._endings),
            "distinct_openings": len(self._openings),
            "simulations": self._simulations,
            "evaluations": self._evaluations,
            "seconds": round(self._seconds, 3),
            "nodes_per_second": round(self._simulations / self._seconds, 1) if self._seconds else None,
            "phases": {phase: round(seconds, 3) for phase, seconds in self._phases.items()},
        }
