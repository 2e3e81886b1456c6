"""The players of a ladder: an agent's nets, of which copies without training state are kept, the random mover, and engines."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from pawnzero.agent import Agent
from pawnzero.arena.players import RANDOM, UCI_PREFIX, parse_player
from pawnzero.errors import PawnzeroError, UsageError
from pawnzero.files import in_shell
from pawnzero.games.base import Game
from pawnzero.nets.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from pawnzero.progress import Progress

CHECKPOINT, ENGINE = "checkpoint", "engine"
"""Kinds of players; that of the random mover is its name, RANDOM."""

ENGINES: Mapping[str, Sequence[str]] = {
    "fairy-stockfish": tuple(f"Skill Level={level};nodes=1000" for level in (-20, -5, -2)),
    "stockfish": tuple(f"Skill Level={level};nodes=1000" for level in (0, 1, 4, 10, 20)),
}
"""Engines of a chess ladder, if installed: the settings of each player by program, weakest first."""
NO_ENGINES = "none"

_DIGITS = 8
_KEPT = re.compile(rf"step_(\d{{6,}})_([0-9a-f]{{{_DIGITS}}})\.pt")


@dataclass(frozen=True)
class Contestant:
    """A player of a ladder.

    name:      as shown; nets of the same step, or engines of the same name, share it until `Book.enter` makes it unique
    spec:      as `pawnzero arena` takes it; a net's path is relative to the agent's directory
    kind:      CHECKPOINT, ENGINE or RANDOM
    step:      training steps of a net
    positions, hours: self-play positions and time that the agent had spent by that step; None if not known
    digest:    of a net's weights, which together with the step identifies it; for an engine see `engine_digest`
    best:      whether this is the agent's current best net
    """

    name: str
    spec: str
    kind: str
    step: Optional[int] = None
    positions: Optional[int] = None
    hours: Optional[float] = None
    digest: str = ""
    best: bool = False


def keep_nets(agent: Agent, most: int) -> List[Contestant]:
    """Choose at most `most` of the agent's nets, including its best one, and keep a copy of each in experiments/ladder.

    The nets are the agent's numbered checkpoints, its best net, and those that earlier runs kept; oldest first. If there are
    more than `most`, the chosen ones are spread evenly over the steps, and of several nets of one step only the best net or
    else the one kept last can be chosen. Raises PawnzeroError if there is none, or one cannot be read.
    """
    folder = agent.experiments / "ladder"
    kept = _kept(folder)
    numbered = dict(agent.numbered())
    best = load_checkpoint(agent.best, game=agent.game) if agent.best.exists() else None
    best_key = (best.step, _digest(best)) if best is not None else None
    best_steps = [best.step] if best is not None else []
    for step in _with({*numbered, *(step for step, _ in kept)}, best_steps, most):
        if step in numbered:
            try:
                _keep(folder, load_checkpoint(numbered[step], game=agent.game))
            except PawnzeroError:
                if numbered[step].exists():  # otherwise training has deleted it since
                    raise
    if best is not None:
        _keep(folder, best)
    kept = _kept(folder)
    if not kept:
        raise PawnzeroError(f"{agent.directory}: no checkpoint to rate; `pawnzero train {in_shell(agent.directory)}` makes one")
    chosen = list(kept)
    if len(kept) > most:
        one_a_step = dict(sorted(kept, key=lambda key: (key == best_key, kept[key].stat().st_mtime)))
        chosen = [(step, one_a_step[step]) for step in _with(one_a_step, best_steps, most)]
    return [_net(agent, step, digest, kept[step, digest], best_key) for step, digest in sorted(chosen)]


def _with(steps: Iterable[int], wanted: Sequence[int], most: int) -> List[int]:
    """At most `most` of the steps, sorted, the `wanted` ones among them."""
    even = spread(sorted({*steps, *wanted}), most)
    if set(wanted) <= set(even):
        return even
    return sorted([*spread(sorted(set(steps) - set(wanted)), most - len(wanted)), *wanted])


def spread(steps: Sequence[int], most: int) -> List[int]:
    """At most `most` of the sorted `steps`: the first, the last, and those nearest to evenly spaced points between."""
    if len(steps) <= most:
        return list(steps)
    places = np.linspace(steps[-1], steps[0], most).tolist()
    return sorted({min(steps, key=lambda step: abs(step - place)) for place in places})


def random_mover() -> Contestant:
    """The player that moves at random."""
    return Contestant(RANDOM, RANDOM, RANDOM)


def engines(game: Game, wanted: Optional[str], progress: Progress) -> List[Contestant]:
    """The engines of a ladder: those of ENGINES that are installed, weakest first, or those that `wanted` names, in its order.

    wanted: comma-separated names of programs in ENGINES and ``uci:…`` players, or "none"; None: all of ENGINES for chess, and
    none for other games. A note to `progress` names each program of ENGINES that is missing. Raises UsageError for any other
    name, and what `parse_player` raises for an engine that `wanted` names.
    """
    if wanted == NO_ENGINES or (wanted is None and game.name != "chess"):
        return []
    found = []
    for name in list(ENGINES) if wanted is None else [part.strip() for part in wanted.split(",")]:
        if not (name in ENGINES or name.startswith(UCI_PREFIX)):
            raise UsageError(
                f"engine {name!r}, expected {NO_ENGINES}, {', '.join(ENGINES)} or {UCI_PREFIX}COMMAND;OPTION=VALUE;…"
            )
        specs = [f"{UCI_PREFIX}{name};{settings}" for settings in ENGINES[name]] if name in ENGINES else [name]
        try:
            found += [_engine(game, spec) for spec in specs]
        except UsageError as error:
            if wanted is not None:
                raise
            progress.note(f"playing without {name}: {error} (on Debian: apt-get install {name})")
    return found


def _engine(game: Game, spec: str) -> Contestant:
    """An engine, named as it identifies itself."""
    with parse_player(spec, game=game) as player:
        return Contestant(player.name, spec, ENGINE, digest=engine_digest(player.name, spec))


def engine_digest(name: str, spec: str) -> str:
    """Digest that identifies an engine: of its own name, its program's file name and its arguments.

    The name tells versions apart and includes limits and options; the arguments may decide what plays under that name
    (``lc0 --weights=FILE``).
    """
    command = spec[len(UCI_PREFIX) :].split(";")[0]
    try:
        program, *arguments = shlex.split(command, posix=os.name == "posix")
    except ValueError:  # an unclosed quote, or nothing, in a spec that was edited by hand
        program, arguments = command, []
    words = "\n".join((name, os.path.basename(program), *arguments))
    return hashlib.sha256(words.encode("utf-8", "surrogateescape")).hexdigest()[:_DIGITS]


def _net(agent: Agent, step: int, digest: str, path: Path, best: Optional[Tuple[int, str]]) -> Contestant:
    known = not agent.iterations_lost
    positions, hours = spent_until(agent.iterations, agent.metadata["stage"], step) if known else (None, None)
    spec = path.relative_to(agent.directory).as_posix()
    return Contestant(f"step {step}", spec, CHECKPOINT, step, positions, hours, digest, (step, digest) == best)


def spent_until(
    iterations: Sequence[Mapping[str, Any]], stage: Optional[Mapping[str, Any]], step: int
) -> Tuple[Optional[int], Optional[float]]:
    """Self-play positions and hours that the agent had spent when its training made `step`.

    Of the iteration that made the step, the hours after its self-play count in proportion to the steps made; at its last step
    the whole iteration counts. Hours are None if no finished iteration made the step, or (before its last step) if the
    iteration did not record how long its self-play took. Positions are None only if no finished iteration made the step and
    the current one has not finished its self-play.
    """
    positions, seconds, begun = 0, 0.0, 0
    for found in iterations:
        positions += found["selfplay"]["positions"]
        last = found["train"]["step"]
        if last > step:
            playing = found["selfplay"].get("seconds")
            if playing is None:
                return positions, None
            share = (step - begun) / (last - begun)
            seconds += (1.0 - share) * min(playing, found["seconds"]) + share * found["seconds"]
            return positions, round(seconds / 3600, 4)
        seconds, begun = seconds + found["seconds"], last
        if last == step:
            return positions, round(seconds / 3600, 4)
    under_way = (stage or {"found": {}})["found"].get("selfplay")
    return (positions + under_way["positions"] if under_way else None), None


def _kept(folder: Path) -> Dict[Tuple[int, str], Path]:
    """Paths of the kept copies, by step and digest."""
    matches = ((_KEPT.fullmatch(path.name), path) for path in (folder.iterdir() if folder.is_dir() else ()))
    return {(int(match.group(1)), match.group(2)): path for match, path in matches if match}


def _keep(folder: Path, checkpoint: Checkpoint) -> None:
    """Write a copy of the net with the averaged weights and no training state, unless it exists already."""
    path = folder / f"step_{checkpoint.step:06d}_{_digest(checkpoint)}.pt"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        save_checkpoint(path, replace(checkpoint, net=checkpoint.averaged, training=None))


def _digest(checkpoint: Checkpoint) -> str:
    """The first digits of the SHA-256 of the averaged weights, with which the net plays."""
    digest = hashlib.sha256()
    for name, tensor in sorted(checkpoint.averaged.items()):
        digest.update(name.encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()[:_DIGITS]
