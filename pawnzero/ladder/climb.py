"""Decides which games a ladder needs, and plays those that are missing.

Not every pair of players meets. The pairings, in this order:

* each unchanging player, from the random mover up, meets the next,
* each net meets the next one by training steps,
* each net meets the unchanging players from the weakest up, and stops after the first against which it scores less than
  HOPELESS of the points: games against still stronger ones would say little.

Games of earlier runs count, so a ladder that is run again plays only what is missing: new checkpoints, new engines, more games
per pairing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

from pawnzero.agent import Agent
from pawnzero.arena.match import format_played, play_match
from pawnzero.arena.openings import openings
from pawnzero.arena.pgn import append_games
from pawnzero.arena.players import Player, net_player, parse_player
from pawnzero.config import Config
from pawnzero.errors import UsageError
from pawnzero.files.locks import locked
from pawnzero.games import get_game
from pawnzero.games.line import Line
from pawnzero.ladder.book import Book, terms_of
from pawnzero.ladder.contestants import CHECKPOINT, Contestant, engines, keep_nets, random_mover
from pawnzero.ladder.file import LADDER_FILE
from pawnzero.progress import Progress

HOPELESS = 0.1
CHECKPOINTS = 12
_OPENINGS = 500
"""Least number of openings to draw, so that later games of a pairing continue with the next ones of the same list."""

Pairing = Tuple[Contestant, Contestant]


def play_ladder(
    agent: Agent,
    config: Config,
    *,
    games: int = 20,
    simulations: Optional[int] = None,
    checkpoints: int = CHECKPOINTS,
    wanted_engines: Optional[str] = None,
    anchor: Optional[str] = None,
    anchor_elo: Optional[float] = None,
    openings_file: Optional[Path] = None,
    device: str = "auto",
    progress: Optional[Progress] = None,
) -> Dict[str, Any]:
    """Play the missing games of the agent's ladder and rate all players. Returns the contents of experiments/ladder.json.

    games:       per pairing, earlier ones included; an odd number is rounded up
    checkpoints: maximum number of the agent's nets that play in this run (see `keep_nets`)
    wanted_engines: see `contestants.engines`
    anchor, anchor_elo: the player whose rating is fixed, and that rating; None: those of the ladder, which for a new one are
                 the random mover and 0. A new anchor without a rating is fixed at 0

    The file is written after each pairing. The ladder may be played while the agent trains. Raises UsageError for an unknown
    anchor or engine and for terms that differ from the ladder's (see `Book.open`), PawnzeroError if the agent has no net.
    """
    progress = progress or Progress()
    with locked(agent.experiments / ".ladder.lock", f"the ladder of {agent.directory}"):
        terms = terms_of(config, simulations, openings_file)
        book = Book.open(agent.experiments / LADDER_FILE, agent.game, terms, simulations)
        game = get_game(agent.game)
        entered = [book.enter(one) for one in (random_mover(), *engines(game, wanted_engines, progress))]
        steady = list({one.name: one for one in entered}.values())  # an engine may be named twice
        book.forget_best()
        nets = [book.enter(one) for one in keep_nets(agent, checkpoints)]
        if anchor is not None:
            if anchor not in book.names():
                raise UsageError(f"anchor {anchor!r}, expected a player of the ladder: {', '.join(book.names())}")
            book.anchor = (anchor, 0.0)
        if anchor_elo is not None:
            book.anchor = (book.anchor[0], anchor_elo)
        pairs = (games + 1) // 2
        terms = book.terms
        starts = openings(game, max(_OPENINGS, pairs), terms.seed, openings_file, max_plies=terms.max_plies)
        most = most_pairings(len(steady), len(nets))
        for number, (first, second) in enumerate(pairings(steady, nets, book), 1):
            done = book.games(first.name, second.name) // 2
            if done < pairs:
                progress.note(f"pairing {number} of {most}: {first.name} against {second.name}")
                _play(agent, book, (first, second), starts[done:pairs], 2 * done, device, progress)
        return book.write()


def pairings(steady: Sequence[Contestant], nets: Sequence[Contestant], book: Book) -> Iterator[Pairing]:
    """Yield who meets whom. Play each pairing before requesting the next, which may depend on its score."""
    yield from zip(steady[1:], steady)
    yield from zip(nets[1:], nets)
    for net in nets:
        for one in steady:
            yield net, one
            if book.score(net.name, one.name) < HOPELESS:
                break


def most_pairings(steady: int, nets: int) -> str:
    """The number of pairings, as far as it is known before the games: "12", or "at most 12"."""
    most = max(0, steady - 1) + max(0, nets - 1) + nets * steady
    return str(most) if steady <= 1 else f"at most {most}"


def _play(agent: Agent, book: Book, pairing: Pairing, starts: List[Line], before: int, device: str, progress: Progress) -> None:
    """Play two games from each opening in `starts` and add them to the ladder; `before`: games the pairing already has."""
    first, second = (_player(agent, book, one, device, progress) for one in pairing)
    with first, second:
        match = play_match(
            first,
            second,
            games=2 * len(starts),
            openings=starts,
            game=get_game(book.game),
            max_plies=book.terms.max_plies,
            seed=book.terms.seed,
            progress=progress,
            before=before,
        )
    games = (format_played(one, first, second) for one in match.played)
    append_games(agent.experiments / "ladder" / "games.pgn", games)  # only now, since an interrupted match is played again
    book.add(pairing[0].name, pairing[1].name, match)
    book.write()


def _player(agent: Agent, book: Book, one: Contestant, device: str, progress: Progress) -> Player:
    game, terms = get_game(book.game), book.terms
    if one.kind != CHECKPOINT:
        return parse_player(one.spec, game=game, seed=terms.seed)
    return net_player(
        agent.directory / one.spec,
        name=f"{agent.name} {one.name}",
        game=game,
        device=device,
        simulations=terms.simulations,
        search=book.search,
        progress=progress,
    )
