"""Early stopping of a match: when its pairs, taken in the order of their openings, decide a sequential test (SPRT).

All games of a match advance together, and short ones end first. Which pairs have finished at a given moment therefore depends
on their results (a quick win is in, a long draw is not yet), and a test of "the pairs so far" would err more often than stated.
So the order of the sample is fixed before the first move: pair n counts after pairs 0 to n − 1, however early it finished, and
the test is evaluated after each pair. The result then does not depend on which games finish first. A match that is decided
after n pairs consists of those; games of later pairs, finished or not, are left out of its figures.

A pair that repeats an earlier one of the match, move by move or up to symmetry, is skipped: it is no new evidence.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Dict, Hashable, Optional, Set, Tuple

from pawnzero.arena import stats
from pawnzero.arena.sprt_estimate import estimate_stopped
from pawnzero.config import MOST_ELO
from pawnzero.errors import UsageError


@dataclass(frozen=True)
class Hypotheses:
    """The hypotheses of a sequential test: H0, the first player is `elo0` stronger, and H1, it is `elo1` > `elo0` stronger.

    alpha: probability of accepting H1 when H0 holds; beta: that of accepting H0 when H1 holds; both above 0 and below ½.
    Raises UsageError for invalid values.
    """

    elo0: float
    elo1: float
    alpha: float = 0.05
    beta: float = 0.05

    def __post_init__(self) -> None:
        if not self.elo0 < self.elo1:
            raise UsageError(f"SPRT of Elo {self.elo0:g} against {self.elo1:g}: expected the second to be the larger one")
        if max(-self.elo0, self.elo1) > MOST_ELO:
            raise UsageError(f"SPRT of Elo {self.elo0:g} against {self.elo1:g}: expected differences of at most {MOST_ELO:g}")
        for name, rate in (("alpha", self.alpha), ("beta", self.beta)):
            if not 0.0 < rate < 0.5:
                raise UsageError(f"SPRT: {name} is {rate:g}, expected an error rate above 0 and below 0.5")


class SequentialTest:
    """A test that accepts a match's games as they finish, and counts its pairs in their order.

    Attributes: `hypotheses`, `pairs` (the number of pairs counted; none are counted after the decision), `passed` (the same,
    including pairs that repeat earlier ones), `state` (of the test).
    """

    def __init__(self, hypotheses: Hypotheses) -> None:
        self.hypotheses = hypotheses
        self.pairs = self.passed = 0
        self._counts = [0] * stats.OUTCOMES
        self._games: Dict[int, Tuple[float, Optional[Hashable]]] = {}
        self._seen: Set[Hashable] = set()
        self.state = self._ask()

    @property
    def decided(self) -> bool:
        """Whether one of the hypotheses has been accepted."""
        return self.state.decision != stats.CONTINUE

    def take(self, number: int, points: float, moves: Optional[Hashable] = None) -> None:
        """Add game `number` of the match (games 2n and 2n + 1 are pair n), with 1, ½ or 0 points for the first player.

        moves: a key that is equal for games that repeat each other; None: the game repeats no other
        """
        self._games[number] = points, moves
        while not self.decided and {2 * self.passed, 2 * self.passed + 1} <= self._games.keys():
            (first, played), (second, replied) = (self._games.pop(2 * self.passed + game) for game in (0, 1))
            self.passed += 1
            if None not in (played, replied):
                if (played, replied) in self._seen:
                    continue
                self._seen.add((played, replied))
            self._counts[round(2 * (first + second))] += 1
            self.pairs += 1
            self.state = self._ask()

    def to_json(self) -> Dict[str, Any]:
        """The hypotheses, the number of pairs counted, the test's state and `estimate_stopped`'s figures, as plain values."""
        ask = self.hypotheses
        found = estimate_stopped(self._counts, ask.elo0, ask.elo1, ask.alpha, ask.beta)
        return {**asdict(ask), "pairs": self.pairs, **asdict(self.state), **asdict(found)}

    def _ask(self) -> stats.Sprt:
        ask = self.hypotheses
        return stats.sprt(self._counts, ask.elo0, ask.elo1, ask.alpha, ask.beta)
