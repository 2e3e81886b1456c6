"""Matches between two players, in pairs of games from the same opening with colours swapped, and their results.

All games of a match advance together: the players take turns to choose, in one batch, for every game in which they are to move.
A game ends by its rules, at the third occurrence of a position, at `max_plies` (adjudicated a draw, and counted), or when a
player forfeits it. Points, wins and losses are the first player's; for an odd last game see `pawnzero.arena.stats`.

Deterministic players repeat their games from the same opening, and mirrored nets play a mirrored opening as a mirror image. A
pair whose games repeat those of an earlier pair move by move, possibly transformed by a symmetry of the game, counts in wins,
draws, losses and score, but is no evidence: interval, likelihood of superiority and test ignore it.

With hypotheses, the match ends as soon as its pairs decide between them (by the rule of `pawnzero.arena.sequential`).
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence, Set, Tuple

from pawnzero.arena import stats
from pawnzero.arena.pgn import append_games, format_game
from pawnzero.arena.players import Forfeit, Player
from pawnzero.arena.sequential import Hypotheses, SequentialTest
from pawnzero.config import SelfplayConfig
from pawnzero.errors import UsageError
from pawnzero.games.base import COMMON_ENDINGS, MAX_PLIES, Game
from pawnzero.games.duplicates import game_key
from pawnzero.games.line import Line
from pawnzero.progress import Progress

FORFEIT = "forfeit"
SIDES = ("white", "black")
"""Names of the sides of player 0 and player 1, in every game."""
_TERMINATIONS = {COMMON_ENDINGS[MAX_PLIES]: "adjudication"}
"""PGN's names of endings whose termination is not "normal"."""
_SEQUENTIAL_GAMES = 64
"""Games played at once when a test may end the match: enough to fill a batch, and few to discard at the decision."""


@dataclass(frozen=True)
class PlayedGame:
    """One finished game of a match.

    number:       index in the match, from 0
    opening:      index of its opening, from 0; the two games of a pair have the same one
    opening_plies: number of moves that the opening gave
    first_side:   0 if the match's first player was player 0 (White), else 1
    line:         the game itself
    ending:       a name of `Game.endings`, or FORFEIT
    forfeit:      how a player forfeited the game; None if neither did
    points:       1, ½ or 0 for the match's first player
    """

    number: int
    opening: int
    opening_plies: int
    first_side: int
    line: Line
    ending: str
    forfeit: Optional[Forfeit]
    points: float

    @cached_property
    def moves(self) -> Tuple[Any, ...]:
        """Key of the starting position and the moves; equal for games that repeat each other, up to symmetry."""
        return game_key(self.line.game, self.line.states[0], self.line.actions)


@dataclass(frozen=True)
class MatchResult:
    """The result of a match of a first player against a second. Scores are in [0, 1]; intervals are 95 %.

    wins, draws, losses:  of the first player; `by_colour` has them by its side (see SIDES)
    score, elo, los, …:   see `pawnzero.arena.stats.Estimate`
    pairs:                pentanomial counts: pairs with 0, ½, 1, 1½ and 2 points, without those that repeat an earlier pair;
                          the interval and `los` are based on them
    distinct_games:       different games, up to symmetry; duplicates: games that repeat an earlier one
    distinct_openings:    different positions after the opening
    endings:              number of games by ending
    adjudicated, forfeits: games stopped at max_plies; games forfeited, `forfeits_by` player
    mean_plies:           mean number of plies per game, opening included
    sprt:                 `SequentialTest.to_json`; None without hypotheses. Outside `sprt`, score, elo and los treat the games
                          like a match of fixed length; those under `sprt` account for the test having ended the match
    left_out:             finished games of pairs after the deciding one; no other figure includes them
    played:               the games (not part of the JSON form)
    """

    game: str
    first: str
    second: str
    games: int
    wins: int
    draws: int
    losses: int
    score: float
    score_low: float
    score_high: float
    elo: Optional[float]
    elo_low: Optional[float]
    elo_high: Optional[float]
    los: float
    pairs: Tuple[int, int, int, int, int]
    pair_variance: float
    by_colour: Dict[str, Dict[str, int]]
    distinct_games: int
    duplicates: int
    distinct_openings: int
    endings: Dict[str, int]
    adjudicated: int
    forfeits: int
    forfeits_by: Dict[str, int]
    mean_plies: float
    max_plies: int
    seed: int
    sprt: Optional[Dict[str, Any]]
    left_out: int
    players: Dict[str, Dict[str, str]]
    played: Tuple[PlayedGame, ...] = dataclasses.field(repr=False)

    @property
    def winrate(self) -> float:
        """The score, under the name used in arena records."""
        return self.score

    def to_json(self) -> Dict[str, Any]:
        """The match as plain values for JSON, without its games."""
        fields = [field.name for field in dataclasses.fields(self) if field.name != "played"]
        return {**{name: getattr(self, name) for name in fields}, "pairs": list(self.pairs), "winrate": self.winrate}


@dataclass
class _Ongoing:
    """A game in progress. `forfeited_by` is the player who forfeited it (0: the match's first, -1: nobody)."""

    number: int
    opening_plies: int
    line: Line
    forfeit: Optional[Forfeit] = None
    forfeited_by: int = -1

    @property
    def first_side(self) -> int:
        return self.number % 2

    @property
    def mover(self) -> int:
        """0 if the match's first player is to move, else 1."""
        return int(self.line.player != self.first_side)

    @property
    def over(self) -> bool:
        return self.line.over or self.forfeited_by >= 0

    def finish(self) -> PlayedGame:
        if self.forfeited_by >= 0:
            points, ending = float(self.forfeited_by), FORFEIT
        else:
            result = self.line.result if self.first_side == 0 else -self.line.result
            points, ending = (1 + result) / 2, self.line.game.endings[self.line.ending]
        return PlayedGame(
            number=self.number,
            opening=self.number // 2,
            opening_plies=self.opening_plies,
            first_side=self.first_side,
            line=self.line,
            ending=ending,
            forfeit=self.forfeit,
            points=points,
        )


def play_match(
    first: Player,
    second: Player,
    *,
    games: int,
    openings: Sequence[Line],
    game: Game,
    max_plies: int = SelfplayConfig.max_plies,
    seed: int = 0,
    progress: Optional[Progress] = None,
    pgn: Optional[Path] = None,
    hypotheses: Optional[Hypotheses] = None,
    before: int = 0,
) -> MatchResult:
    """Play `games` games. Games 2i and 2i + 1 begin with `openings[i]`; the first player is player 0 in the former.

    With `hypotheses`, the match may end earlier, after the pair that decides between them.

    before:   number of games that the two have played already (even), so that random choices differ from those games
    openings: at least half as many as games; these lines are not modified
    seed:     only recorded: openings and players have used it already
    pgn:      file to which the games are appended, even if the match is interrupted; games that a test left out are marked

    Raises UsageError if an opening has `max_plies` plies or more, PawnzeroError if `pgn` cannot be written (checked before the
    first move).
    """
    assert games >= 1, "a match has a game"
    assert len(openings) >= (games + 1) // 2, "fewer openings than pairs"
    progress = progress or Progress()
    if pgn is not None:
        append_games(pgn, [])
    waiting = [_begin(game, number, openings[number // 2], max_plies) for number in range(games)]
    played: List[PlayedGame] = []
    test = None if hypotheses is None else SequentialTest(hypotheses)
    at_once = min(player.room_for(games if test is None else _SEQUENTIAL_GAMES) for player in (first, second))
    progress.start("arena", games, "games")
    try:
        for finished in _play_on(waiting, (first, second), at_once, before):
            played.append(finished)
            score = f"{sum(one.points for one in played) / len(played):.3f}"
            if test is None:
                progress.advance(score=score)
                continue
            test.take(finished.number, finished.points, finished.moves)
            progress.advance(score=score, llr=f"{test.state.llr:+.2f}")
            if test.decided:
                break
    finally:
        played.sort(key=lambda one: one.number)
        counted = 2 * test.passed if test is not None and test.decided else games
        if pgn is not None:
            append_games(pgn, (format_played(one, first, second, one.number < counted) for one in played))
    progress.finish()
    return _summarize(played, counted, test, game, first, second, max_plies, seed)


def _begin(game: Game, number: int, opening: Line, max_plies: int) -> _Ongoing:
    if len(opening.actions) >= max_plies:
        length = len(opening.actions)
        raise UsageError(f"opening {number // 2 + 1} has {length} plies, expected fewer than max_plies, which is {max_plies}")
    line = Line.from_actions(game, opening.actions, opening.states[0], max_plies)
    return _Ongoing(number, len(opening.actions), line)


def _play_on(waiting: List[_Ongoing], players: Tuple[Player, Player], at_once: int, before: int) -> Iterator[PlayedGame]:
    """Play all games, started in order and at most `at_once` at a time; yields each as it finishes."""
    ongoing: List[_Ongoing] = []
    while ongoing or waiting:
        free = at_once - len(ongoing)
        ongoing, waiting = ongoing + waiting[:free], waiting[free:]
        for side, player in enumerate(players):
            _move(player, side, [one for one in ongoing if not one.over and one.mover == side], before)
        for one in ongoing:
            if one.over:
                yield one.finish()
        ongoing = [one for one in ongoing if not one.over]


def _move(player: Player, side: int, turn: List[_Ongoing], before: int) -> None:
    """Let `player` move in the games of `turn`; their numbers are offset by the `before` games of earlier matches."""
    if not turn:
        return
    moves = player.choose([one.line for one in turn], [before + one.number for one in turn])
    assert len(moves) == len(turn), "a player answers for each game"
    for one, move in zip(turn, moves):
        if isinstance(move, Forfeit):
            one.forfeit, one.forfeited_by = move, side
        else:
            one.line.push(move)


def _summarize(
    finished: List[PlayedGame],
    counted: int,
    test: Optional[SequentialTest],
    game: Game,
    first: Player,
    second: Player,
    max_plies: int,
    seed: int,
) -> MatchResult:
    """The result of the games with numbers below `counted`."""
    played = [one for one in finished if one.number < counted]
    telling = [one.points for one in _without_repeats(played)]
    pairs, odd = stats.pair_counts(telling), len(telling) % 2
    score = sum(one.points for one in played) / len(played)
    estimate = stats.estimate(pairs, odd, sum(telling[len(telling) - odd :]), score=score)
    endings = Counter(one.ending for one in played)
    given_up = [one for one in played if one.ending == FORFEIT]
    distinct = len({one.moves for one in played})
    return MatchResult(
        game=game.name,
        first=first.name,
        second=second.name,
        games=len(played),
        **_tally(played),
        **dataclasses.asdict(estimate),
        pairs=pairs,
        by_colour={name: _tally([one for one in played if one.first_side == side]) for side, name in enumerate(SIDES)},
        distinct_games=distinct,
        duplicates=len(played) - distinct,
        distinct_openings=len({one.line.keys[one.opening_plies] for one in played}),
        endings=dict(endings.most_common()),
        adjudicated=endings[game.endings[MAX_PLIES]],
        forfeits=len(given_up),
        forfeits_by={"first": sum(one.points == 0 for one in given_up), "second": sum(one.points == 1 for one in given_up)},
        mean_plies=sum(len(one.line.actions) for one in played) / len(played),
        max_plies=max_plies,
        seed=seed,
        sprt=None if test is None else test.to_json(),
        left_out=len(finished) - len(played),
        players={"first": {"name": first.name, **first.details}, "second": {"name": second.name, **second.details}},
        played=tuple(played),
    )


def _without_repeats(played: List[PlayedGame]) -> List[PlayedGame]:
    """The games without pairs that repeat an earlier pair, and without an odd last game that repeats the first of a pair."""
    seen: Set[Tuple[Any, ...]] = set()
    kept = []
    for place in range(0, len(played), 2):
        pair = played[place : place + 2]
        moves = tuple(one.moves for one in pair)
        if moves not in seen:
            kept += pair
        seen.update((moves, moves[:1]))
    return kept


def _tally(played: List[PlayedGame]) -> Dict[str, int]:
    points = Counter(one.points for one in played)
    return {"wins": points[1.0], "draws": points[0.5], "losses": points[0.0]}


def format_played(one: PlayedGame, first: Player, second: Player, counted: bool = True) -> str:
    """A game as PGN with headers for the players, their nets and limits, the length of the opening, and the ending.

    A game that is not `counted` has a header that says so.
    """
    names = ("White", "Black")
    sides = (first, second) if one.first_side == 0 else (second, first)
    headers = {
        "Event": "pawnzero arena",
        "Site": "?",
        "Date": datetime.now(timezone.utc).strftime("%Y.%m.%d"),
        "Round": f"{one.opening + 1}.{one.number % 2 + 1}",
        **{name: player.name for name, player in zip(names, sides)},
        "Game": one.line.game.name,
        "GivenPlies": str(one.opening_plies),
        **{name + key: value for name, player in zip(names, sides) for key, value in player.details.items()},
        "Termination": one.forfeit.termination if one.forfeit else _TERMINATIONS.get(one.ending, "normal"),
        "Ending": f"{one.ending}: {one.forfeit.reason}" if one.forfeit else one.ending,
        **({} if counted else {"Counted": "no, the test was decided by earlier pairs"}),
    }
    for_first = round(2 * one.points - 1)
    return format_game(one.line.game, headers, one.line, for_first if one.first_side == 0 else -for_first)
