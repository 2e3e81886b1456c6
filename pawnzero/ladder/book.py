"""A ladder's file, experiments/ladder.json: its terms, its players and their games.

Players and pairings stay in it for good, even if their checkpoint is gone. All games of a ladder are played on the same terms
(simulations, search, longest game, openings, seed), fixed by its first run: otherwise ratings would not be comparable.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Collection, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from pawnzero.arena.match import MatchResult
from pawnzero.arena.players import RANDOM
from pawnzero.arena.stats import OUTCOMES
from pawnzero.config import Config, SearchConfig
from pawnzero.errors import PawnzeroError, UsageError
from pawnzero.files import reading, write_json
from pawnzero.ladder.contestants import ENGINE, Contestant
from pawnzero.ladder.file import FORMAT, read_ladder
from pawnzero.ladder.ratings import Result, rate
from pawnzero.settings import SETTINGS

_DIGITS = 12
"""Digits of a pair's digest. Among 1,000 pairs of two players, two have the same by chance once in 500 million ladders."""
BUILT_IN = "built-in"


@dataclass(frozen=True)
class Terms:
    """How all games of a ladder are played; `openings` names the file and its digest."""

    simulations: int
    max_plies: int
    seed: int
    openings: str
    search: Dict[str, Any]

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> Terms:
        """The terms in a ladder's file.

        Raises ValueError if a setting has an invalid value, KeyError or TypeError if the settings are another version's.
        """
        terms = cls(**{name: content[name] for name in cls.__annotations__})
        terms.search.setdefault("look_ahead", False)  # ladders from before there was this setting go on as they began
        SearchConfig(**terms.search)
        used = {"mcts_sims": terms.simulations, "selfplay.max_plies": terms.max_plies, "seed": terms.seed}
        for key, value in {**used, **{f"search.{name}": value for name, value in terms.search.items()}}.items():
            try:
                SETTINGS[key].check(value)
            except UsageError as error:
                raise ValueError(f"{key} is {error}") from None
        return terms


def terms_of(config: Config, simulations: Optional[int], openings: Optional[Path]) -> Terms:
    """The terms of a new ladder. Raises UsageError for a file that cannot be read."""
    name = BUILT_IN
    if openings is not None:
        with reading(openings, UsageError):
            name = f"{openings.name} ({hashlib.sha256(openings.read_bytes()).hexdigest()[:8]})"
    sims = config.mcts_sims if simulations is None else simulations
    return Terms(sims, config.selfplay.max_plies, config.seed, name, asdict(config.search))


class Book:
    """The contents of a ladder's file. `terms` are those of the file, if it existed."""

    def __init__(self, path: Path, game: str, terms: Terms) -> None:
        self.path = path
        self.game = game
        self.terms = terms
        self.anchor: Tuple[str, float] = (RANDOM, 0.0)
        self._players: Dict[str, Dict[str, Any]] = {}
        self._pairings: List[Dict[str, Any]] = []

    @classmethod
    def open(cls, path: Path, game: str, terms: Terms, simulations: Optional[int]) -> Book:
        """The ladder at `path`, or a new one on `terms`.

        simulations: the number asked for, or None. Raises UsageError if the ladder was played with another number or with other
        openings, PawnzeroError if the file cannot be used.
        """
        book = cls(path, game, terms)
        if not path.exists():
            return book
        content = read_ladder(path)
        try:
            book._read(content)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise PawnzeroError(f"{path}: not a ladder of this version ({type(error).__name__}: {error})") from None
        other = f"; move {path} away to begin a new ladder"
        if simulations not in (None, book.terms.simulations):
            raise UsageError(f"{path}: played with {book.terms.simulations} simulations, not {simulations}{other}")
        if terms.openings != book.terms.openings:
            raise UsageError(f"{path}: played with the openings {book.terms.openings}, not {terms.openings}{other}")
        return book

    @property
    def search(self) -> SearchConfig:
        """The search settings of nets."""
        return SearchConfig(**self.terms.search)

    def enter(self, one: Contestant) -> Contestant:
        """Add a player to the ladder, or update its entry; returns it under its name on the ladder.

        A net is identified by its step and digest, an engine by its digest. If another net of the same step, or another engine
        of the same name, is on the ladder, the digest is added to the name.
        """
        same = {"kind": one.kind, "step": one.step, "digest": one.digest}
        for name, known in self._players.items():
            if one.digest and {key: known[key] for key in same} == same:
                one = replace(one, name=name)
        if one.digest and one.name in self._players and self._players[one.name]["digest"] != one.digest:
            one = replace(one, name=f"{one.name} ({one.digest})")
        fresh = {name: value for name, value in asdict(one).items() if value is not None}
        self._players[one.name] = {**asdict(one), **self._players.get(one.name, {}), **fresh}
        return one

    def games(self, first: str, second: str) -> int:
        """How many games two players have played on the ladder."""
        pairing = self._find(first, second)
        return 0 if pairing is None else int(pairing["games"])

    def score(self, first: str, second: str) -> float:
        """The share of points that `first` has won against `second`; they must have met."""
        pairing = self._find(first, second)
        assert pairing is not None, "they have met"
        score = (pairing["wins"] + pairing["draws"] / 2) / pairing["games"]
        return float(score if pairing["first"] == first else 1.0 - score)

    def add(self, first: str, second: str, match: MatchResult) -> None:
        """Add the games of a match between two players of the ladder; their number must be even.

        A pair of games identical to an earlier one of this pairing counts as games, but not for the rating.
        """
        assert match.games % 2 == 0, "games of a ladder are pairs"
        pairing = self._find(first, second)
        if pairing is None:
            counts = {"games": 0, "wins": 0, "draws": 0, "losses": 0, "pairs": [0] * OUTCOMES, "digests": []}
            pairing = {"first": first, "second": second, **counts}
            self._pairings.append(pairing)
        same = pairing["first"] == first
        won, lost = (match.wins, match.losses) if same else (match.losses, match.wins)
        more = {"games": match.games, "wins": won, "draws": match.draws, "losses": lost}
        pairing.update({name: pairing[name] + count for name, count in more.items()})
        for pair in zip(match.played[0::2], match.played[1::2]):
            digest = _pair_digest([one.moves for one in (pair if same else pair[::-1])])
            if digest not in pairing["digests"]:
                pairing["digests"].append(digest)
                outcome = round(2 * sum(one.points for one in pair))
                pairing["pairs"][outcome if same else OUTCOMES - 1 - outcome] += 1

    def to_json(self) -> Dict[str, Any]:
        """The whole ladder with its ratings, strongest first; players not connected to the anchor by games have none."""
        name, elo = self.anchor
        results = [Result(one["first"], one["second"], tuple(one["pairs"])) for one in self._pairings]
        ratings = rate(results, name, elo)
        players = []
        for player in self._players.values():
            rating = ratings.get(player["name"])
            found = (None, None, None) if rating is None else (rating.elo, rating.low, rating.high)
            rounded = (None if value is None else round(value, 1) for value in found)
            played = sum(one["games"] for one in self._pairings if player["name"] in (one["first"], one["second"]))
            players.append({**player, "games": played, **dict(zip(("elo", "elo_low", "elo_high"), rounded))})
        players.sort(key=lambda player: (player["elo"] is not None, player["elo"] or 0.0), reverse=True)
        return {
            "format": FORMAT,
            "game": self.game,
            **asdict(self.terms),
            "anchor": {"player": name, "elo": elo},
            "players": players,
            "pairings": self._pairings,
            "updated": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        }

    def write(self) -> Dict[str, Any]:
        """Write the file; returns its contents."""
        found = self.to_json()
        write_json(self.path, found)
        return found

    def names(self) -> Sequence[str]:
        """The players' names."""
        return list(self._players)

    def forget_best(self) -> None:
        """Mark no player as the agent's best net, until `enter` marks one."""
        for player in self._players.values():
            player["best"] = False

    def _find(self, first: str, second: str) -> Optional[Dict[str, Any]]:
        for pairing in self._pairings:
            if {pairing["first"], pairing["second"]} == {first, second}:
                return pairing
        return None

    def _read(self, content: Mapping[str, Any]) -> None:
        """Load the file's contents. Raises KeyError, TypeError, ValueError or AttributeError if they are not a ladder's."""
        if content["game"] != self.game:
            raise ValueError(f"game {content['game']!r}, expected {self.game!r}")
        self.terms = Terms.read(content)
        self._players = _read_players(content["players"])
        self.anchor = (content["anchor"]["player"], float(content["anchor"]["elo"]))
        if self.anchor[0] not in self._players or not math.isfinite(self.anchor[1]):
            raise ValueError(f"the anchor {self.anchor[0]!r} at {self.anchor[1]:g}, expected a player and its rating")
        self._pairings = [_read_pairing(one, self._players) for one in content["pairings"]]


def _read_players(listed: Iterable[Mapping[str, Any]]) -> Dict[str, Dict[str, Any]]:
    """A ladder's players by name, without their ratings."""
    players = {}
    for entry in listed:
        player = {name: entry[name] for name in Contestant.__annotations__}
        for name in ("name", "spec", "kind", "digest"):
            if not isinstance(player[name], str):
                raise ValueError(f"the player {player['name']!r}: {name} {player[name]!r}, expected a text")
        if player["kind"] == ENGINE and not player["digest"]:
            raise ValueError(f"the player {player['name']!r}: digest '', expected an engine's")
        players[player["name"]] = player
    return players


def _read_pairing(entry: Mapping[str, Any], players: Collection[str]) -> Dict[str, Any]:
    """The checked entry of a pairing of two of the `players`. Raises ValueError, KeyError or TypeError for an invalid one."""
    pairing = dict(entry)
    where = f"the pairing of {pairing['first']} and {pairing['second']}"
    games, pairs, digests = pairing["games"], pairing["pairs"], pairing["digests"]
    points = [pairing[name] for name in ("wins", "draws", "losses")]
    for name in ("first", "second"):
        if pairing[name] not in players:
            raise ValueError(f"{where}: {name} {pairing[name]!r}, expected a player of the ladder")
    if not all(isinstance(count, int) and count >= 0 for count in (*points, *pairs)) or len(pairs) != OUTCOMES:
        raise ValueError(f"{where}: games {points} and pairs {pairs}, expected 3 and {OUTCOMES} counts")
    if not games == sum(points) >= 2 * sum(pairs) > 0:
        raise ValueError(f"{where}: {games} games, expected as many as {points} and no fewer than those of the pairs {pairs}")
    if not (isinstance(digests, list) and all(isinstance(digest, str) for digest in digests)):
        raise ValueError(f"{where}: digests {digests!r}, expected texts")
    return pairing


def _pair_digest(moves: Sequence[Tuple[Any, ...]]) -> str:
    """Digest of a pair of games from their `PlayedGame.moves`; first the one with the pairing's first player as player 0."""
    return hashlib.sha256(repr(moves).encode()).hexdigest()[:_DIGITS]
