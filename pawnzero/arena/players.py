"""Players of arena games, by the names that users give: agents, checkpoints, lc0 nets, the random mover, and UCI engines.

A player chooses moves for many games in one batch, or forfeits a game. Its choice in a game depends on that game alone, not on
the others in the batch.
"""

from __future__ import annotations

import abc
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union

import numpy as np

from pawnzero.agent import Agent
from pawnzero.config import SearchConfig
from pawnzero.errors import PawnzeroError, UsageError
from pawnzero.files import in_shell
from pawnzero.formats import LC0_SUFFIX
from pawnzero.games.base import Game
from pawnzero.games.line import Line
from pawnzero.machine.cores import usable_cores
from pawnzero.progress import Progress
from pawnzero.search import Evaluator, Searcher, question_about
from pawnzero.search.evaluator import Appetite, OverlappingEvaluator
from pawnzero.selfplay.in_flight import fitting
from pawnzero.shipped import PREFIX, net_file

UCI_PREFIX = "uci:"
RANDOM = "random"

_STREAM = 0x9A4D
"""Separates the random mover's random numbers from other uses of the same seed."""


@dataclass(frozen=True)
class Forfeit:
    """A player's forfeit of a game, and why (an engine crashed, was too slow, played an illegal move).

    termination: the kind in PGN's terms (PGN standard, 9.8.1): "abandoned", "time forfeit" or "rules infraction"
    """

    reason: str
    termination: str = "abandoned"


Move = Union[int, Forfeit]
"""A legal action, or the forfeit of the game."""


class Player(abc.ABC):
    """Chooses moves. Close it when done, or use it as a context manager.

    name:    display name
    details: further PGN headers of its games: the net, simulations, limits
    """

    name: str
    details: Dict[str, str]

    def room_for(self, games: int) -> int:
        """How many of `games` games it has room for at the same time, 1 or more."""
        return games

    @abc.abstractmethod
    def choose(self, lines: Sequence[Line], numbers: Sequence[int] = ()) -> List[Move]:
        """A move for each line, none of which is over; `numbers` are the games' numbers in their match (0 if not given)."""

    def assess(self, lines: Sequence[Line]) -> Tuple[List[Move], Optional[np.ndarray]]:
        """Moves as of `choose`, and the evaluation of each current position without search.

        The evaluation is WDL [B, 3] float32 for the player to move, or None for a player that gives none.
        """
        return self.choose(lines), None

    def close(self) -> None:  # noqa: B027 - most players hold nothing
        """Release processes and memory. May be called more than once."""

    def __enter__(self) -> Player:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


class RandomPlayer(Player):
    """Plays uniformly random legal moves."""

    def __init__(self, seed: int = 0) -> None:
        self.name = RANDOM
        self.details: Dict[str, str] = {}
        self._seed = seed

    def choose(self, lines: Sequence[Line], numbers: Sequence[int] = ()) -> List[Move]:
        moves: List[Move] = []
        for line, number in zip(lines, numbers or [0] * len(lines)):
            stream = np.random.default_rng([_STREAM, self._seed, number, len(line.actions), line.keys[-1]])
            moves.append(int(stream.choice(line.legal)))
        return moves


class NetPlayer(Player):
    """Plays the most visited move of a search without noise; with 0 simulations, the move with the highest prior."""

    def __init__(
        self,
        game: Game,
        evaluator: Evaluator,
        *,
        name: str,
        simulations: int,
        search: SearchConfig,
        net: str = "",
    ) -> None:
        self.name = name
        self.details = {"Net": net or name, "Simulations": str(simulations)}
        self._game = game
        self.evaluator = evaluator
        self._searcher = Searcher(game, evaluator, search, simulations, threads=_threads(evaluator)) if simulations else None

    def room_for(self, games: int) -> int:
        return games if self._searcher is None else fitting(self._game, self._searcher.simulations, games)

    def choose(self, lines: Sequence[Line], numbers: Sequence[int] = ()) -> List[Move]:
        if not lines:
            return []
        if self._searcher is not None:
            return [int(action) for action in self._searcher.run(lines).action]
        return raw_answers(self._game, self.evaluator, lines)[0]

    def assess(self, lines: Sequence[Line]) -> Tuple[List[Move], np.ndarray]:
        if not lines:
            return [], np.zeros((0, 3), np.float32)
        moves, wdl = raw_answers(self._game, self.evaluator, lines)
        return (moves if self._searcher is None else self.choose(lines)), wdl


def _threads(evaluator: Evaluator) -> int:
    """Number of search threads: one per core if the CPU also evaluates, otherwise just enough to keep the device busy.

    Fewer threads evaluate larger batches.
    """
    appetite = evaluator.appetite if isinstance(evaluator, OverlappingEvaluator) else Appetite()
    return usable_cores() if appetite.questions == 1 else appetite.questions


def raw_answers(game: Game, evaluator: Evaluator, lines: Sequence[Line]) -> Tuple[List[Move], np.ndarray]:
    """Evaluate each line's current position without search: the legal action with the highest logit, and WDL [B, 3] float32."""
    question = question_about(game, lines)
    evaluator.enter_thread(1)
    evaluator.evaluate(question)
    answers = zip(question.legal, question.count, question.logits)
    return [int(legal[np.argmax(logits[:count])]) for legal, count, logits in answers], question.wdl


def game_of(spec: str) -> Optional[str]:
    """The game that an agent or a net's file plays; None for `random` and UCI engines, and if there is no such file."""
    if spec == RANDOM or spec.startswith(UCI_PREFIX):
        return None
    path = net_file(spec)
    if not path.exists():
        return None
    if path.is_dir():
        return Agent.open(path).game
    from pawnzero.formats.load import load_net  # here, since torch takes a while to load

    return load_net(path).game


def best_or_latest(spec: str) -> Tuple[str, str]:
    """`spec` and "", or for an agent without a best net the path of its latest one and a note. Raises as `Agent` does."""
    if not net_file(spec).is_dir():
        return spec, ""
    agent = Agent.open(Path(spec))
    path = agent.best_or_latest()
    return (spec, "") if path == agent.best else (str(path), f"{spec}: no best net yet, so the latest one plays")


def check_player(spec: str) -> None:
    """Raise as `parse_player` does if `spec` does not name a player, without loading or compiling anything."""
    if spec.startswith(UCI_PREFIX):
        from pawnzero.arena.uci_player import parse_uci  # here, since python-chess's engine part takes a while to load

        parse_uci(spec)
    elif spec != RANDOM:
        locate_net(spec)


def parse_player(
    spec: str,
    *,
    game: Game,
    device: str = "auto",
    simulations: int = 64,
    search: Optional[SearchConfig] = None,
    seed: int = 0,
    progress: Optional[Progress] = None,
) -> Player:
    """The player that `spec` names: an agent directory (its best net), a checkpoint file, lc0's weights, ``shipped:GAME``,
    ``random`` or ``uci:COMMAND;OPTION=VALUE;…``.

    device, simulations, search and progress are for nets, seed is for the random mover. Raises UsageError if `spec` does not
    name a player or names one of another game, PawnzeroError for a file or an engine that does not work.
    """
    if spec == RANDOM:
        return RandomPlayer(seed)
    if spec.startswith(UCI_PREFIX):
        from pawnzero.arena.uci_player import (  # here, since python-chess's engine part takes a while to load
            UciPlayer,
            parse_uci,
        )

        return UciPlayer(game, parse_uci(spec))
    name, checkpoint = locate_net(spec)
    return net_player(
        checkpoint,
        name=name,
        game=game,
        device=device,
        simulations=simulations,
        search=search or SearchConfig(),
        progress=progress,
    )


def net_player(
    path: Path,
    *,
    name: str,
    game: Game,
    device: str,
    simulations: int,
    search: SearchConfig,
    progress: Optional[Progress] = None,
) -> NetPlayer:
    """The averaged net of the checkpoint, or the lc0 net, at `path`, playing under `name`. Raises as `parse_player` does."""
    from pawnzero.formats.load import load_net  # here, since torch takes a while to load
    from pawnzero.nets.evaluator import NetEvaluator

    checkpoint = load_net(path)
    if checkpoint.game != game.name:
        raise UsageError(f"{path}: plays {checkpoint.game}, expected a player of {game.name}")
    try:
        evaluator = NetEvaluator(checkpoint.make_net(averaged=True), device=device, progress=progress)
    except UsageError:
        raise
    except PawnzeroError as error:  # names the file, since there may be two players
        raise PawnzeroError(f"{path}: {error}") from None
    net = f"{path} (step {checkpoint.step})"
    return NetPlayer(game, evaluator, name=name, simulations=simulations, search=search, net=net)


def locate_net(spec: str, *, any_player: bool = True) -> Tuple[str, Path]:
    """Name and file of the net that `spec` names: an agent directory's best net, or a file. Raises as `parse_player` does.

    any_player: whether a player without a net would be valid too; decides what the error lists as expected
    """
    path = net_file(spec)
    if spec.startswith(PREFIX):
        return spec, path
    if path.is_dir():
        agent = Agent.open(path)
        if agent.best_or_latest() == agent.best:
            return agent.name, agent.best
        raise PawnzeroError(
            f"{path}: no best net yet; `pawnzero promote {in_shell(path)}` makes one, or name a checkpoint file such as "
            f"{agent.latest}"
        )
    if path.exists():
        folder = path.resolve().parent
        owner = folder.parent if folder.name == "checkpoints" else folder
        return f"{owner.name}/{path.name[: -len(LC0_SUFFIX)] if path.name.lower().endswith(LC0_SUFFIX) else path.stem}", path
    nets = "expected an agent directory, a checkpoint file, lc0's weights (.pb.gz)"
    if any_player:
        expected = f"{nets}, {PREFIX}GAME, {RANDOM} or {UCI_PREFIX}COMMAND;OPTION=VALUE;…"
        raise UsageError(f"player {spec!r}: no such file or directory; {expected}")
    raise UsageError(f"net {spec!r}: no such file or directory; {nets} or {PREFIX}GAME")
