"""The dialogue with a chess program: commands in, replies out, and a search in between.

One thread reads. The other handles a command if there is one and otherwise runs one wave of the search, so they share nothing
but the queue and a command is answered within a wave. Input that cannot be understood is answered by an ``info string``.
"""

from __future__ import annotations

import os
import time
from queue import Empty
from typing import TYPE_CHECKING, Callable, Dict, Iterable, List, Optional, Sequence, Tuple, Union

from pawnzero import __version__
from pawnzero.config import SearchConfig
from pawnzero.engine.limits import parse_go
from pawnzero.engine.options import Options
from pawnzero.engine.reader import queued
from pawnzero.errors import PawnzeroError, UsageError

if TYPE_CHECKING:  # imported at run time only when needed, because it takes long
    from pawnzero.engine.kept import Kept
    from pawnzero.engine.net import EngineNet
    from pawnzero.engine.thinking import Known, Thinking
    from pawnzero.games.base import Game
    from pawnzero.games.line import Line

_WARMING_SIMULATIONS = 32

Tell = Callable[[str], None]


class Session:
    """An engine called `name` that answers lines with lines.

    load:   makes the net when it is first needed, for a number of threads (see `net.load_net`)
    search: the settings that the options start from
    write:  receives each line of output
    """

    def __init__(self, name: str, load: Callable[[int, Tell], EngineNet], search: SearchConfig, write: Tell) -> None:
        self._name = name
        self._load = load
        self._search = search
        self._write = write
        self._options = Options(search)
        self._net: Optional[EngineNet] = None
        self._threads = 0
        self._kept: Optional[Kept] = None
        self._line: Optional[Line] = None
        self._refused = ""
        self._thinking: Optional[Union[Thinking, Known]] = None
        self._debug = False
        self._commands: Dict[str, Callable[[List[str]], None]] = {
            "uci": self._uci,
            "isready": self._isready,
            "setoption": self._setoption,
            "ucinewgame": self._ucinewgame,
            "position": self._position,
            "go": self._go,
            "stop": self._stop,
            "ponderhit": self._ponderhit,
            "debug": self._set_debug,
        }

    def run(self, lines: Iterable[str]) -> None:
        """Serve commands until ``quit`` or the end of `lines`. Raises PawnzeroError if the net cannot be loaded."""
        queue = queued(lines)
        while True:
            try:
                line = queue.get(block=self._thinking is None or self._thinking.resting)
            except Empty:
                self._think()
                continue
            if line is None or line.split()[:1] == ["quit"]:
                break
            self._obey(line.split())
            self._answer_if_over()
        self._stop([])

    def _think(self) -> None:
        """Run one wave of the search."""
        assert self._thinking is not None
        self._say(self._thinking.advance())
        self._answer_if_over()

    def _answer_if_over(self) -> None:
        if self._thinking is not None and self._thinking.over:
            self._say(self._thinking.last_words())
            if self._debug:
                self._tell(self._thinking.figures())
            self._thinking = None

    def _obey(self, words: List[str]) -> None:
        """Run the first word that is a command and skip unknown words before it, as the protocol demands.

        Ignore empty lines.
        """
        at = next((place for place, word in enumerate(words) if word in self._commands), None)
        if at is None:
            if words:
                self._tell(f"{' '.join(words)!r} is not a known command")
            return
        try:
            self._commands[words[at]](words[at + 1 :])
        except UsageError as error:
            self._tell(str(error))

    def _uci(self, _: List[str]) -> None:
        self._say([f"id name pawnzero {__version__} ({self._name})", "id author the pawnzero authors"])
        self._say(option.declaration() for option in self._options.declared)
        self._write("uciok")

    def _isready(self, _: List[str]) -> None:
        if self._thinking is None:
            self._ready()
        self._write("readyok")

    def _setoption(self, words: List[str]) -> None:
        self._options.set(words)

    def _ucinewgame(self, _: List[str]) -> None:
        self._line, self._refused = None, ""
        self._kept = None

    def _set_debug(self, words: List[str]) -> None:
        self._debug = words[:1] == ["on"]

    def _position(self, words: List[str]) -> None:
        from pawnzero.engine.place import parse_place

        self._line, self._refused = None, " ".join(["position", *words])
        self._line, complaint = parse_place(self._game(), words)
        self._refused = ""
        if complaint:
            self._tell(complaint)

    def _go(self, words: List[str]) -> None:
        began = time.monotonic()
        if self._thinking is not None:
            raise UsageError("go: a search is running already; expected stop before it")
        limits, complaints = parse_go(words)
        for complaint in complaints:
            self._tell(complaint)
        net = self._ready()
        from pawnzero.engine.kept import Kept
        from pawnzero.engine.place import any_move
        from pawnzero.engine.thinking import Known, Thinking
        from pawnzero.games.line import Line

        if self._refused:
            self._tell(f"go: there is no position to search, because {self._refused!r} was refused")
            self._thinking = Known(limits, None)
            return
        line = self._line or Line(net.game)
        if line.over:
            lost = int(net.game.ending_values[line.ending]) < 0
            self._write(f"info depth 0 score {'mate' if lost else 'cp'} 0")
            self._thinking = Known(limits, any_move(line, limits.searchmoves))
            return
        only = self._only(net.game, line, limits.searchmoves)
        self._kept = self._kept or Kept()
        seed = int.from_bytes(os.urandom(8), "little")
        while self._thinking is None:
            try:
                self._thinking = Thinking(
                    net, line, limits, self._options, self._search, only, self._kept, began=began, seed=seed
                )
            except MemoryError:
                if self._options["Hash"] == 1:
                    self._tell("no memory for a Hash of 1 MB; a move is played without a search")
                    allowed = [net.game.format_action(line.state, action) for action in only]
                    self._thinking = Known(limits, allowed[0] if allowed else any_move(line))
                    return
                smaller = self._options["Hash"] // 2
                self._tell(f"no memory for a Hash of {self._options['Hash']} MB; it becomes {smaller} MB")
                self._options.set(["name", "Hash", "value", str(smaller)])

    def _only(self, game: Game, line: Line, texts: Sequence[str]) -> Tuple[int, ...]:
        """The actions that `searchmoves` allows; empty if all are allowed."""
        found = []
        for text in texts:
            try:
                found.append(game.parse_action(line.state, text))
            except UsageError as error:
                self._tell(f"searchmoves: {error}")
        if texts and not found:
            self._tell("searchmoves: none of them can be played, so all moves are searched")
        return tuple(dict.fromkeys(found))

    def _stop(self, _: List[str]) -> None:
        """Answer at once (after one wave if there was none yet): the next line may be another `go`."""
        if self._thinking is not None:
            self._thinking.stop()
            self._answer_if_over()
        while self._thinking is not None:
            self._think()

    def _ponderhit(self, _: List[str]) -> None:
        if self._thinking is not None:
            self._thinking.ponder_hit()

    def _game(self) -> Game:
        from pawnzero.games import get_game

        return get_game("chess")

    def _ready(self) -> EngineNet:
        """The loaded net; it is loaded again if `Threads` has changed."""
        threads = self._options["Threads"]
        if self._net is None or self._threads != threads:
            try:
                self._net = self._load(threads, self._tell)
                self._warm(self._net)
            except PawnzeroError as error:
                self._tell(f"error: {error}")
                raise PawnzeroError(str(error)) from None  # not a UsageError: the engine cannot continue
            self._threads = threads
            self._kept = None
        return self._net

    def _warm(self, net: EngineNet) -> None:
        """Search a little, so that the first move's clock pays for no compiling or loading."""
        from pawnzero.games.line import Line
        from pawnzero.search.position import PositionSearch

        search = PositionSearch(Line(net.game), net.evaluator, self._search, room=_WARMING_SIMULATIONS, leaves=net.leaves)
        search.run()
        search.read()

    def _tell(self, text: str) -> None:
        self._write("info string " + " ".join(text.split()))

    def _say(self, lines: Iterable[str]) -> None:
        for line in lines:
            self._write(line)
