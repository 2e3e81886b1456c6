"""UCI engines as players, in child processes. An engine that fails forfeits its game, and never ends the match.

An engine is named ``uci:COMMAND;OPTION=VALUE;…``. ``nodes=``, ``depth=`` and ``movetime=`` (ms) limit the search of a move
(DEFAULT_NODES nodes if there is no limit); any other OPTION is the engine's own. Several processes search in parallel. Games
share processes, so the engine's memory is cleared before each move (``ucinewgame``): a move then depends on its own game alone.
"""

from __future__ import annotations

import asyncio
import difflib
import logging
import os
import shlex
import shutil
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Coroutine, Dict, List, NamedTuple, Optional, Sequence, Tuple, TypeVar, Union

import chess
import chess.engine

from pawnzero.arena.players import UCI_PREFIX, Forfeit, Move, Player
from pawnzero.errors import PawnzeroError, UsageError
from pawnzero.games.base import Game
from pawnzero.games.line import Line
from pawnzero.machine.cores import usable_cores

GAMES = ("chess",)
"""Games that UCI engines play."""
DEFAULT_NODES = 1000
LIMITS = ("nodes", "depth", "movetime")
EXTRA_PATH = "/usr/games"
"""Where Debian installs chess engines; not always on the PATH."""

START_SECONDS = 20.0
"""Time limit for a process to start, and again for it to identify itself (``uciok``)."""
READY_SECONDS = 120.0
"""Time limit for it to become ready after that (``readyok``): it may have to load a large net, or to compile."""
MOVE_SECONDS = 60.0
"""How long an engine may be silent while it searches a move. Under `movetime`, how much longer than that a move may take."""
QUIT_SECONDS = 2.0

_FAULTS = (chess.engine.EngineError, asyncio.TimeoutError, OSError, PawnzeroError)
"""Exceptions raised when an engine fails."""

T = TypeVar("T")

logging.getLogger("chess.engine").addHandler(
    logging.NullHandler()
)  # otherwise its warnings about engines' output would reach the terminal


@dataclass(frozen=True)
class UciSpec:
    """A parsed ``uci:…``: the command's words, the limits of a move (see LIMITS), the engine's own options."""

    command: Tuple[str, ...]
    limits: Dict[str, int]
    options: Dict[str, str]


class _Protocol(chess.engine.UciProtocol):
    """UCI, and when the engine was last heard from (`time.monotonic`)."""

    heard = 0.0

    def pipe_data_received(self, fd: int, data: Union[bytes, str]) -> None:
        self.heard = time.monotonic()
        super().pipe_data_received(fd, data)


class _Engine(NamedTuple):
    transport: asyncio.SubprocessTransport
    protocol: _Protocol

    @property
    def alive(self) -> bool:
        return not self.protocol.returncode.done()


def parse_uci(text: str) -> UciSpec:
    """Parse ``uci:COMMAND;OPTION=VALUE;…`` and find the command. Raises UsageError that names what is wrong."""
    assert text.startswith(UCI_PREFIX)
    command, *settings = text[len(UCI_PREFIX) :].split(";")
    limits: Dict[str, int] = {}
    options: Dict[str, str] = {}
    for setting in settings:
        name, equals, value = (part.strip() for part in setting.partition("="))
        if not setting.strip():
            continue
        if not name or not equals:
            raise UsageError(f"player {text!r}: {setting.strip()!r}, expected OPTION=VALUE")
        if name not in LIMITS:
            options[name] = value
        elif value.isdecimal() and int(value) > 0:
            limits[name] = int(value)
        else:
            raise UsageError(f"player {text!r}: {name} is {value!r}, expected an integer of at least 1")
    return UciSpec(_find_command(text, command), limits or {"nodes": DEFAULT_NODES}, options)


def _find_command(text: str, command: str) -> Tuple[str, ...]:
    try:
        words = shlex.split(command, posix=os.name == "posix")
    except ValueError as error:
        raise UsageError(f"player {text!r}: the command cannot be read ({error})") from None
    if not words:
        raise UsageError(f"player {text!r}: no command, expected {UCI_PREFIX}COMMAND;OPTION=VALUE;…")
    found = shutil.which(words[0]) or (
        shutil.which(words[0], path=EXTRA_PATH) if os.path.basename(words[0]) == words[0] else None
    )
    if found is None:
        quoted = "; a path with spaces has to be in quotes" if len(words) > 1 and os.path.basename(words[0]) != words[0] else ""
        raise UsageError(f"player {text!r}: engine {words[0]!r} not found on the PATH or in {EXTRA_PATH}{quoted}")
    return (found, *words[1:])


class UciPlayer(Player):
    """A UCI engine in at most `processes` processes (by default one per usable core).

    Raises UsageError if engines cannot play the game or this one does not know an option, PawnzeroError if it does not start.
    """

    def __init__(
        self, game: Game, spec: UciSpec, *, move_seconds: float = MOVE_SECONDS, processes: Optional[int] = None
    ) -> None:
        if game.name not in GAMES:
            raise UsageError(f"player {spec.command[0]!r}: UCI engines play {', '.join(GAMES)}, not {game.name}")
        self._game = game
        self._spec = spec
        limits = spec.limits
        seconds = limits["movetime"] / 1000 if "movetime" in limits else None
        self._limit = chess.engine.Limit(nodes=limits.get("nodes"), depth=limits.get("depth"), time=seconds)
        self._move_seconds = move_seconds + (seconds or 0.0)
        self._processes = processes or usable_cores()
        self._idle: List[_Engine] = []
        self._closed = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="uci-engines", daemon=True)
        self._thread.start()
        try:
            first = self._await(self._first())
        except BaseException:
            self.close()
            raise
        settings = {**spec.options, **{name: str(value) for name, value in limits.items()}}
        described = ", ".join(f"{name}={value}" for name, value in settings.items())
        self.name = f"{first} ({described})"
        self.details = {"Engine": shlex.join(spec.command), "Limits": described}

    def choose(self, lines: Sequence[Line], numbers: Sequence[int] = ()) -> List[Move]:
        return self._await(self._choose_all(lines))

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._await(self._quit_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _await(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _first(self) -> str:
        """Start the first process; returns the name by which the engine identifies itself."""
        self._slots = asyncio.Semaphore(self._processes)
        try:
            engine = await self._start()
        except UsageError:
            raise
        except _FAULTS as error:
            raise PawnzeroError(f"engine {self._spec.command[0]}: does not start as a UCI engine ({_reason(error)})") from None
        self._idle.append(engine)
        return engine.protocol.id.get("name", os.path.basename(self._spec.command[0]))

    async def _start(self) -> _Engine:
        """Start a process and set its options. Raises one of _FAULTS, or UsageError for an option."""
        popen = _Protocol.popen(list(self._spec.command), stderr=subprocess.DEVNULL)
        transport, protocol = await _within(START_SECONDS, "process", popen)
        try:
            await _within(START_SECONDS, "uciok", protocol.initialize())
            _check_options(self._spec, protocol)
            await protocol.configure(dict(self._spec.options))
            await _within(READY_SECONDS, "readyok", protocol.ping())
        except BaseException:
            await _end(transport, protocol)
            raise
        return _Engine(transport, protocol)

    async def _choose_all(self, lines: Sequence[Line]) -> List[Move]:
        return list(await asyncio.gather(*(self._choose(line) for line in lines)))

    async def _choose(self, line: Line) -> Move:
        """A move for one game. If the engine fails, it forfeits the game and its process is ended."""
        async with self._slots:
            engine = self._take_idle()
            try:
                if engine is None:
                    engine = await self._start_or_again()
                move = (await self._play(engine.protocol, _board(line))).move
                if move is None:
                    raise chess.engine.EngineError(f"gave no move in {self._game.format(line.state)}")
                action = self._game.parse_action(line.state, move.uci())
            except _FAULTS as error:
                if engine is not None:
                    await _end(*engine)
                return Forfeit(_reason(error), "abandoned" if engine is None else _termination(error))
            except asyncio.CancelledError:  # the match is interrupted
                if engine is not None:
                    await _end(*engine)
                raise
            self._idle.append(engine)
            return action

    async def _play(self, protocol: _Protocol, board: chess.Board) -> chess.engine.PlayResult:
        """The engine's move. Raises asyncio.TimeoutError if it is silent for too long, or misses its own time limit by far.

        A search to a given depth or number of nodes may take any time, as long as the engine tells of it.
        """
        asked = time.monotonic()
        play = asyncio.ensure_future(protocol.play(board, self._limit, game=object()))
        try:
            while not play.done():
                since = asked if self._limit.time is not None else max(asked, protocol.heard)
                left = since + self._move_seconds - time.monotonic()
                if left <= 0.0:
                    raise asyncio.TimeoutError
                await asyncio.wait({play}, timeout=left)
            return play.result()
        finally:
            play.cancel()

    async def _start_or_again(self) -> _Engine:
        """`_start`, with one retry if it fails; none if it took too long, which would happen again."""
        try:
            return await self._start()
        except (chess.engine.EngineError, OSError):
            return await self._start()

    def _take_idle(self) -> Optional[_Engine]:
        """An idle process, or None; those that died while idle are dropped."""
        while self._idle:
            engine = self._idle.pop()
            if engine.alive:
                return engine
        return None

    async def _quit_all(self) -> None:
        """End all processes: first cancel all pending moves, which ends the processes at work, then quit the idle ones."""
        working = asyncio.all_tasks() - {asyncio.current_task()}
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)
        for engine in self._idle:
            with suppress(*_FAULTS):  # it has ended already, or is ended below
                await asyncio.wait_for(engine.protocol.quit(), QUIT_SECONDS)
            await _end(*engine)
        self._idle.clear()


async def _within(seconds: float, what: str, work: Coroutine[Any, Any, T]) -> T:
    """Await `work` for at most `seconds`. Raises PawnzeroError that names the limit if it takes longer."""
    try:
        return await asyncio.wait_for(work, seconds)
    except asyncio.TimeoutError:
        raise PawnzeroError(f"no {what} within {seconds:g} s") from None


async def _end(transport: asyncio.SubprocessTransport, protocol: chess.engine.UciProtocol) -> None:
    """End a process and wait for its end, so that it is not reported to an event loop that is closed by then."""
    transport.close()
    with suppress(asyncio.TimeoutError):
        await asyncio.wait_for(asyncio.shield(protocol.returncode), QUIT_SECONDS)


def _reason(error: BaseException) -> str:
    if isinstance(error, asyncio.TimeoutError):
        return "no answer in time"
    if isinstance(error, chess.engine.EngineTerminatedError):
        return f"the engine ended: {error}"
    return " ".join(str(error).split())


def _termination(error: BaseException) -> str:
    """The kind of a failure in the middle of a game, in PGN's terms."""
    if isinstance(error, asyncio.TimeoutError):
        return "time forfeit"
    died = isinstance(error, (chess.engine.EngineTerminatedError, OSError))
    return "abandoned" if died else "rules infraction"


def _check_options(spec: UciSpec, protocol: chess.engine.UciProtocol) -> None:
    """Raise UsageError for an option that the engine does not know, or with a value that it does not accept."""
    for name, value in spec.options.items():
        place = f"engine {spec.command[0]}"
        if name not in protocol.options:
            near = difflib.get_close_matches(name, [*protocol.options, *LIMITS], n=3)
            others = f"the limits are {', '.join(LIMITS)}, its own options are those it lists when sent uci"
            raise UsageError(f"{place}: no option {name!r}; " + (f"near ones are {', '.join(near)}" if near else others))
        option = protocol.options[name]
        if option.is_managed():
            raise UsageError(f"{place}: option {name!r} is set by the arena itself")
        if option.type == "check" and value not in ("true", "false"):
            raise UsageError(f"{place}: option {name!r} is {value!r}, expected true or false")
        try:
            option.parse(value)
        except chess.engine.EngineError as error:
            raise UsageError(f"{place}: {error}") from None


def _board(line: Line) -> chess.Board:
    """The line as a python-chess board with its start and all moves, so that the engine sees repetitions."""
    game = line.game
    board = chess.Board(game.format(line.states[0]))
    for state, action in zip(line.states, line.actions):
        board.push(chess.Move.from_uci(game.format_action(state, action)))
    return board
