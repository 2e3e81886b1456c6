"""A game at the terminal, move by move, and the commands a person can type."""

from __future__ import annotations

import difflib
from datetime import datetime, timezone
from pathlib import Path
from typing import Callable, Dict, List, Optional, Tuple

import numpy as np

from pawnzero.arena.pgn import append_games, format_game, movetext
from pawnzero.arena.players import Forfeit, Move, Player
from pawnzero.errors import PawnzeroError, UsageError
from pawnzero.games.base import RESIGNATION, Game
from pawnzero.games.line import Line
from pawnzero.play.screen import Screen
from pawnzero.play.thinker import HEADS, Thinker, rows, summary

_SHOWN_MOVES = 5
_SUGGESTIONS = 6


class Session:
    """A game of `person` (0 or 1; None: nobody) against `player`, who plays both sides if there is no person.

    thinker: the player's net, which answers `eval` and `hint`; None if the player has no net
    """

    def __init__(
        self, game: Game, start: np.ndarray, player: Player, person: Optional[int], thinker: Optional[Thinker], screen: Screen
    ) -> None:
        self._game = game
        self._start = start
        self._player = player
        self._person = person
        self._thinker = thinker
        self._screen = screen
        self._turned = game.facing and person == 1
        self._number = 0
        self._leaving = False
        self._line = Line(game, start)
        self._words: Dict[str, Tuple[Callable[[str], None], str]] = {
            "eval": (self._eval, "what the net thinks: win, draw and loss, its best moves, and the line it expects"),
            "hint": (self._hint, "the move it would play for you"),
            "moves": (self._moves, "the moves so far, and the legal ones"),
            "undo": (self._undo, "take your last move back"),
            "flip": (self._flip, "see the board from the other side"),
            "resign": (self._resign, "resign the game"),
            "new": (self._new, "start a new game"),
            "save": (self._save, "save FILE: add the game to a PGN file"),
            "help": (self._help, "this list"),
            "quit": (self._quit, "leave"),
        }

    def run(self) -> None:
        """Play until the person leaves. A game without a person is played once."""
        self._show()
        self._tell_end()
        while not self._leaving:
            if not self._line.over and self._line.player != self._person:
                self._answer()
            elif self._person is None:
                return
            else:
                self._listen()

    def _listen(self) -> None:
        prompt = "game over, what next? " if self._line.over else f"{self._side()} to move: "
        words = self._screen.ask(prompt)
        if words is None:
            self._leaving = True
        elif words:
            name, _, rest = words.partition(" ")
            known = self._words.get(name.lower())
            if known is not None:
                known[0](rest.strip())
            else:
                self._try(words)

    def _answer(self) -> None:
        """Let the player move."""
        with self._screen.busy(f"{self._player.name} is thinking"):
            if self._thinker is not None:
                move: Move = self._thinker.look(self._line).moves[0].action
            else:
                (move,) = self._player.choose([self._line], [self._number])
        if isinstance(move, Forfeit):
            self._screen.say(f"{self._player.name} forfeits the game: {move.reason}")
            self._line.resign()
            self._tell_end()
        else:
            self._make(move)

    def _try(self, text: str) -> None:
        """Play a move typed by the person."""
        if self._line.over:
            self._screen.say(f"{text!r}: the game is over; expected new, undo, save FILE or quit")
            return
        try:
            action = self._game.parse_action(self._line.state, text)
        except UsageError:
            legal = self._legal()
            near = difflib.get_close_matches(text, legal, n=_SUGGESTIONS, cutoff=0.3)
            some = ", ".join([*near, *(name for name in legal if name not in near)][:_SUGGESTIONS])
            more = ", … (type moves for all)" if len(legal) > _SUGGESTIONS else ""
            self._screen.say(f"{text!r} is neither a legal move here nor a command (type help); legal are {some}{more}")
            return
        self._make(action)

    def _make(self, action: int) -> None:
        side, name = self._side(), self._game.describe_action(self._line.state, action)
        self._line.push(action)
        self._screen.say(f"{side}: {name}")
        self._show()
        self._tell_end()

    def _tell_end(self) -> None:
        if self._line.over:
            result = {1: f"{self._game.sides[0]} wins", 0: "a draw", -1: f"{self._game.sides[1]} wins"}[self._line.result]
            self._screen.say(f"{self._game.endings[self._line.ending]}: {result}")

    def _eval(self, _: str) -> None:
        thinker = self._asked()
        if thinker is not None:
            with self._screen.busy("thinking"):
                outlook = thinker.look(self._line)
            self._screen.say(summary(self._line, outlook))
            self._screen.table(HEADS, rows(self._line, outlook, _SHOWN_MOVES))

    def _hint(self, _: str) -> None:
        thinker = self._asked()
        if thinker is not None:
            with self._screen.busy("thinking"):
                outlook = thinker.look(self._line)
            self._screen.say(f"hint: {self._game.describe_action(self._line.state, outlook.moves[0].action)}")

    def _asked(self) -> Optional[Thinker]:
        """The thinker, if it can say something about this position; else None, after telling the person why."""
        if self._thinker is None:
            self._screen.say(f"{self._player.name} does not say what it thinks")
        elif self._line.over:
            self._screen.say("the game is over")
        else:
            return self._thinker
        return None

    def _moves(self, _: str) -> None:
        self._screen.say(f"played: {movetext(self._line) or '–'}")
        self._screen.say(f"legal: {', '.join(self._legal()) or '–'}")

    def _undo(self, _: str) -> None:
        played = self._line.actions
        own = [ply for ply in range(len(played)) if self._game.player(self._line.states[ply]) == self._person]
        if self._line.ending == RESIGNATION and self._line.player == self._person:
            own.append(len(played))
        if not own:
            self._screen.say("there is no move of yours to take back")
            return
        self._line = Line.from_actions(self._game, played[: own[-1]], self._start)
        self._show()

    def _flip(self, _: str) -> None:
        if self._game.facing:
            self._turned = not self._turned
            self._show()
        else:
            self._screen.say(f"both sides see a board of {self._game.name.replace('_', ' ')} the same way")

    def _resign(self, _: str) -> None:
        if self._line.over:
            self._screen.say("the game is over")
        else:
            self._line.resign()
            self._tell_end()

    def _new(self, _: str) -> None:
        self._number += 1
        self._line = Line(self._game, self._start)
        self._show()
        self._tell_end()

    def _save(self, name: str) -> None:
        if not name or "\0" in name:
            self._screen.say("save: expected a file, as in save game.pgn")
            return
        result = self._line.result if self._line.over else None
        try:
            append_games(Path(name), [format_game(self._game, self._headers(), self._line, result)])
        except PawnzeroError as error:
            self._screen.say(str(error))
        else:
            self._screen.say(f"added to {name}")

    def _help(self, _: str) -> None:
        some = ", ".join(self._legal()[:3]) or "–"
        self._screen.say(f"type a move ({some}), or")
        for name, (_do, told) in self._words.items():
            self._screen.say(f"  {name.ljust(7)} {told}")

    def _quit(self, _: str) -> None:
        self._leaving = True

    def _show(self) -> None:
        states = self._line.states
        self._screen.board(self._game, states[-1], states[-2] if len(states) > 1 else None, self._turned)

    def _side(self) -> str:
        return self._game.sides[self._line.player]

    def _legal(self) -> List[str]:
        return sorted(self._game.describe_action(self._line.state, int(action)) for action in self._line.legal)

    def _headers(self) -> Dict[str, str]:
        names = [self._player.name if side != self._person else "person" for side in (0, 1)]
        return {
            "Event": "pawnzero play",
            "Site": "?",
            "Date": datetime.now(timezone.utc).strftime("%Y.%m.%d"),
            "Round": str(self._number + 1),
            "White": names[0],
            "Black": names[1],
            "Game": self._game.name,
            **({"Termination": "normal", "Ending": self._game.endings[self._line.ending]} if self._line.over else {}),
        }
