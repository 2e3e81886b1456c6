"""Summary statistics of a set of self-play games, to monitor for signs of trouble."""

from __future__ import annotations

from collections import Counter
from typing import Any, Dict, Mapping, Set

import numpy as np

from pawnzero.games.base import Game
from pawnzero.selfplay.records import FROM_ARCHIVE, RANDOM_OPENING, GameRecord

_OPENING_PLIES = 8


def figures_of(record: GameRecord, game: Game) -> Dict[str, Any]:
    """Return the figures of one game, as plain values, for `GamesSummary.add`."""
    searched = slice(record.context, None)
    return {
        "game_id": record.game_id,
        "positions": len(record) - record.context,
        "plies": len(record),
        "result": record.result,
        "ending": game.endings[record.ending],
        "opening": " ".join(map(str, record.actions[:_OPENING_PLIES])),
        "begun": record.begun,
        "played_on": record.played_on,
        "full": int(record.full_search[searched].sum()),
        "simulations": int(record.simulations[searched].sum()),
        "entropy": round(_entropy(record), 4),
    }


def _entropy(record: GameRecord) -> float:
    """Sum of the policy entropies of the fully searched positions, in nats."""
    taught = np.repeat(record.full_search, np.diff(record.policy_start)) != 0
    policy = record.policy[taught & (record.policy > 0.0)].astype(np.float64)
    return float(-(policy * np.log(policy)).sum())


class GamesSummary:
    """Accumulates games as they end, and their cost."""

    def __init__(self) -> None:
        self.games = 0
        self.positions = 0
        self._plies = 0
        self._results: Counter[int] = Counter()
        self._endings: Counter[str] = Counter()
        self._begun: Counter[str] = Counter()
        self._openings: Set[str] = set()
        self._played_on = 0
        self._full = 0
        self._simulations_recorded = 0
        self._entropy = 0.0
        self._cost: Counter[str] = Counter()
        self._phases: Counter[str] = Counter()

    @property
    def draw_rate(self) -> float:
        """Share of drawn games; 0 before the first game."""
        return self._results[0] / max(1, self.games)

    def add(self, figures: Mapping[str, Any]) -> None:
        """Add a finished game (see `figures_of`)."""
        self.games += 1
        self.positions += figures["positions"]
        self._plies += figures["plies"]
        self._results[figures["result"]] += 1
        self._endings[figures["ending"]] += 1
        self._begun[figures["begun"]] += 1
        self._openings.add(figures["opening"])
        self._played_on += figures["played_on"]
        self._full += figures["full"]
        self._simulations_recorded += figures["simulations"]
        self._entropy += figures["entropy"]

    def spent(self, cost: Mapping[str, Any]) -> None:
        """Add the cost of games (see `Workload.cost`), including the wall-clock `seconds` they took."""
        self._cost.update({name: cost[name] for name in ("simulations", "evaluations", "seconds")})
        self._phases.update(cost["phases"])

    def to_json(self) -> Dict[str, Any]:
        """The figures.

        Shares are of games, except `full_search_share`, which is of moves; a share named like a setting is its actual value.
        positions:            those that were searched
        mean_plies:           of whole games, including the plies they were given to begin with
        played_on_share:      games in which nobody was allowed to resign
        distinct_openings:    different sequences of the first eight plies
        simulations_per_move: of the moves in finished games; `simulations` also counts those of unfinished games
        policy_entropy:       mean over the policy targets, in nats; log n for n equally good moves
        phases:               thread time in seconds
        """
        games, seconds = max(1, self.games), float(self._cost["seconds"])
        return {
            "games": self.games,
            "positions": self.positions,
            "mean_plies": round(self._plies / games, 2),
            "first_player_wins": self._results[1],
            "second_player_wins": self._results[-1],
            "draws": self._results[0],
            "draw_rate": round(self.draw_rate, 4),
            "adjudicated": self._endings["max plies"],
            "adjudicated_share": round(self._endings["max plies"] / games, 4),
            "resigned": self._endings["resignation"],
            "resigned_share": round(self._endings["resignation"] / games, 4),
            "played_on_share": round(self._played_on / games, 4),
            "endings": dict(self._endings),
            "random_opening_share": round(self._begun[RANDOM_OPENING] / games, 4),
            "restart_share": round(self._begun[FROM_ARCHIVE] / games, 4),
            "distinct_openings": len(self._openings),
            "full_search_share": round(self._full / max(1, self.positions), 4),
            "simulations_per_move": round(self._simulations_recorded / max(1, self.positions), 2),
            "policy_entropy": round(self._entropy / self._full, 4) if self._full else None,
            "simulations": self._cost["simulations"],
            "evaluations": self._cost["evaluations"],
            "seconds": round(seconds, 3),
            "nodes_per_second": round(self._cost["simulations"] / seconds, 1) if seconds else None,
            "phases": {phase: round(spent, 3) for phase, spent in self._phases.items()},
        }
