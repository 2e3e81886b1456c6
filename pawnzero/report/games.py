"""The games that can be replayed on the page: some of the last match, and the newest self-play game."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Optional, Tuple

from pawnzero.agent import Agent
from pawnzero.arena.pgn import RESULTS, WrittenGame, given_plies, moves_of, movetext, read_games
from pawnzero.errors import PawnzeroError
from pawnzero.games import get_game
from pawnzero.games.base import Game
from pawnzero.games.drawing import drawing
from pawnzero.games.line import Line
from pawnzero.replay import ReplayBuffer

_FROM_ARENA = 2


@dataclass(frozen=True)
class ShownGame:
    """A game to step through.

    title, story: who played, and how it ended
    line:         the game
    given:        number of moves at the beginning that were given, not chosen by a player
    outlook:      for each move, the WDL that the search expected before it, for the first side; None where it is not known;
                  may be empty
    """

    title: str
    story: str
    line: Line
    given: int
    outlook: List[Optional[Tuple[float, float, float]]]

    def to_json(self) -> Dict[str, Any]:
        """Data for the page's script: positions as symbols (one more than moves), `given` and `outlook`."""
        return {
            "positions": [" ".join(drawing(self.line.game, state).men) for state in self.line.states],
            "given": self.given,
            "outlook": [share and [round(part, 3) for part in share] for share in self.outlook],
        }

    @property
    def moves(self) -> List[str]:
        """The moves in the game's notation."""
        return moves_of(movetext(self.line))


def shown_games(agent: Agent, missing: List[str]) -> List[ShownGame]:
    """The games to show; adds a sentence to `missing` for what could not be read."""
    game = get_game(agent.game)
    found: List[ShownGame] = []
    for source in (_of_arena, _of_selfplay):
        try:
            found.extend(source(agent, game))
        except PawnzeroError as error:
            missing.append(f"{error}.")
    if not found:
        missing.append("No game to replay: neither a match nor self-play has produced one yet.")
    return found


def _of_arena(agent: Agent, game: Game) -> Iterator[ShownGame]:
    """The first game of each result in the last match, decisive results before draws, at most _FROM_ARENA."""
    path = agent.experiments / "last_arena.pgn"
    if not path.exists():
        return
    firsts: Dict[str, WrittenGame] = {}
    for written in read_games(path):
        firsts.setdefault(written.headers.get("Result", ""), written)
    if not firsts:
        raise PawnzeroError(f"{path}: holds no game")
    ordered = [firsts[result] for result in (RESULTS[1], RESULTS[-1], RESULTS[0]) if result in firsts]
    for written in ordered[:_FROM_ARENA]:
        tags = written.headers
        line = written.replay(game)
        yield ShownGame(
            title=f"{tags.get('White', '?')} against {tags.get('Black', '?')}",
            story=_story(tags["Result"], tags.get("Ending", ""), line),
            line=line,
            given=given_plies(written.headers) or 0,
            outlook=[],
        )


def _of_selfplay(agent: Agent, game: Game) -> Iterator[ShownGame]:
    """The newest self-play game."""
    if not agent.replay.exists():
        return
    with ReplayBuffer(agent.replay, game=game.name) as buffer:
        for stored in buffer.newest_games(1):
            yield ShownGame(
                title="The newest game of self-play",
                story=_story(RESULTS[stored.result], game.endings[stored.line.ending], stored.line),
                line=stored.line,
                given=stored.context,
                outlook=[_for_first(game, state, wdl) for state, wdl in zip(stored.line.states, stored.root_wdl)],
            )


def _for_first(game: Game, state: Any, wdl: Any) -> Optional[Tuple[float, float, float]]:
    """The mover's WDL converted to the first side's view; None if there was no search (all zeros)."""
    win, draw, loss = (float(share) for share in wdl)
    if not win + draw + loss:
        return None
    return (win, draw, loss) if game.player(state) == 0 else (loss, draw, win)


def _story(result: str, ending: str, line: Line) -> str:
    told = f"{result} after {len(line.actions)} plies"
    return f"{told}: {ending}" if ending else told
