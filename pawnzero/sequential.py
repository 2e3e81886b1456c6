"""When may a match stop early? When its pairs, taken in the order of their openings, decide a sequential test (SPRT).

All games of a match advance together, and short ones end first. Which pairs have ended at a given moment therefore depends on
their results (a quick win is in, the long drawn game beside it is not), and a test of "the pairs so far" would err more often
than it says. So the order of the sample is fixed before the first move: pair n counts once pairs 0 to n − 1 have counted,
however early it ended, and the test is asked after each. What the first n pairs say is then the same whoever ended first. A
match that is decided after n pairs consists of those; games of later pairs, finished or not, are left out of its figures.

A pair that repeats an earlier one of the match, move by move or turned, is passed over: it says nothing that was not known.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Dict, Hashable, Optional, Set, Tuple

from pawnzero import stats
from pawnzero.config import MOST_ELO
from pawnzero.errors import UsageError
from pawnzero.stopped import estimate_stopped


@dataclass(frozen=True)
class Hypotheses:
    """What a sequential test decides between: H0, the first player is `elo0` stronger, and H1, it is `elo1` > `elo0` stronger.

    alpha: chance to accept H1 where H0 holds; beta: chance to accept H0 where H1 holds; both above 0 and below ½. Raises
    UsageError for values that make no test.
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
    """A test that takes a match's games as they finish, and its pairs in their order.

    Attributes: `hypotheses`, `pairs` (how many pairs have counted; none after the decision), `passed` (with those that repeat
    earlier ones), `state` (where the test stands).
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
        """Enter game `number` of the match (games 2n and 2n + 1 are pair n): 1, ½ or 0 points for the first player.

        moves: the same for games that repeat each other; None: the game repeats no other
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
        """The hypotheses, how many pairs counted, the log-likelihood ratio, its bounds and the decision, as plain values; and
        what `estimate_stopped` says of the difference."""
        ask = self.hypotheses
        found = estimate_stopped(self._counts, ask.elo0, ask.elo1, ask.alpha, ask.beta)
        return {**asdict(ask), "pairs": self.pairs, **asdict(self.state), **asdict(found)}

    def _ask(self) -> stats.Sprt:
        ask = self.hypotheses
        return stats.sprt(self._counts, ask.elo0, ask.elo1, ask.alpha, ask.beta)
