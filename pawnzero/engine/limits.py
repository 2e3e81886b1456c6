"""The limits in a `go` command, and how much time to spend on a move."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Sequence, Tuple

_SWITCHES = ("infinite", "ponder")
_MOVES_LEFT = 30
"""Moves that the clock must last for if `movestogo` is not given."""
_INCREMENT_SHARE = 0.75
_LARGEST_SHARE = 0.5
"""Largest share of the remaining time for one move, if more than one must be made with it."""
_LEAST_SHARE = 0.1
"""Smallest share of `movetime` to use, however large `overhead` is."""
_PONDER_SHARE = 1.25
"""Factor on our own time if we also think on the opponent's time."""


@dataclass(frozen=True)
class Limits:
    """When to stop: at the first limit reached. Times in ms; clocks as (White, Black); None: not given.

    infinite: not before `stop`; ponder: not before `ponderhit`, from which on times count
    searchmoves: the moves to choose among, as written
    """

    nodes: Optional[int] = None
    depth: Optional[int] = None
    mate: Optional[int] = None
    movetime: Optional[int] = None
    wtime: Optional[int] = None
    btime: Optional[int] = None
    winc: Optional[int] = None
    binc: Optional[int] = None
    movestogo: Optional[int] = None
    infinite: bool = False
    ponder: bool = False
    searchmoves: Tuple[str, ...] = ()

    def seconds(self, player: int, overhead: int, ponders: bool) -> Optional[float]:
        """The time in seconds for a move of `player` (0 is White); None if no clock limits it.

        overhead: ms lost between us and the clock; ponders: whether we also think on the opponent's time. If only the other
        side's clock is given, it is used instead.
        """
        if self.movetime is not None:
            return max(0.0, self.movetime - overhead, _LEAST_SHARE * self.movetime) / 1000
        own, other = ((self.wtime, self.winc), (self.btime, self.binc))[:: -1 if player else 1]
        left, increment = own if own[0] is not None else other
        if left is None:
            return None
        usable = max(0, left - overhead)
        moves = self.movestogo if self.movestogo is not None and self.movestogo > 0 else _MOVES_LEFT
        share = usable / moves + _INCREMENT_SHARE * max(0, increment or 0)
        if ponders:
            share *= _PONDER_SHARE
        return min(share, usable if moves == 1 else _LARGEST_SHARE * usable) / 1000


_NUMBERS = tuple(field.name for field in dataclasses.fields(Limits) if field.default is None)
_CLOCKS = {"wtime", "btime"}
_OF_CLOCKS = {"winc", "binc", "movestogo"}
_ENDS = {"nodes", "depth", "movetime", "infinite"}
"""Limits that each end a search by themselves. So do the clocks, if both could be read."""
_WORDS = (*_NUMBERS, *_SWITCHES, "searchmoves")


def parse_go(words: Sequence[str]) -> Tuple[Limits, List[str]]:
    """Parse the words after ``go``; returns the limits and a complaint for each word that was skipped.

    If a limit was intended but none can be applied (it could not be read, or there was an increment or movestogo without a
    clock), only one node is searched: otherwise the search might never end, because nobody need send `stop`.
    """
    found: Dict[str, Any] = {}
    complaints = []
    moves: List[str] = []
    unread = set()
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word in _SWITCHES:
            found[word] = True
        elif word == "searchmoves":
            while rest and rest[0] not in _WORDS:
                moves.append(rest.pop(0))
        elif word in _NUMBERS:
            number = rest.pop(0) if rest and rest[0] not in _WORDS else ""
            if re.fullmatch(r"-?[0-9]+", number):
                found[word] = max(1, int(number)) if word == "nodes" else int(number)
            else:
                complaints.append(f"go: {word} is {number!r}, expected an integer")
                unread.add(word)
        else:
            complaints.append(f"go: {word!r} is not known")
    ends = _ENDS if unread & _CLOCKS else _ENDS | _CLOCKS
    if (unread or _OF_CLOCKS & set(found)) and not ends & set(found):
        complaints.append("go: no limit that would end the search, so only one node is searched")
        found["nodes"] = 1
    return Limits(searchmoves=tuple(moves), **found), complaints
