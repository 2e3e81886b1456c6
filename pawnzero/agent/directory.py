"""An agent's directory: the paths of its files, its metadata, and its lock.

    models/AgentA/
      metadata.json               the agent (game, net shape, seed), the settings last used, the iteration in progress
      checkpoints/latest.pt       current net          checkpoints/best.pt     promoted net
      checkpoints/replay.pt       replay buffer        checkpoints/ckpt_000100.pt …  numbered, the last few kept
      experiments/                measurements and logs; iterations.jsonl: the record of each finished iteration

The contents of nets and replay buffer are left to the modules that write them; metadata.json belongs to this one.
"""

from __future__ import annotations

import dataclasses
import os
import sys
import time
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

from pawnzero.agent.metadata import new_metadata, read_iterations, read_metadata
from pawnzero.agent.under_way import UnderWay
from pawnzero.config import Config, ModelConfig, to_json
from pawnzero.errors import PawnzeroError, UsageError
from pawnzero.files import in_shell, linked_to, read_json, set_aside, write_json
from pawnzero.files.journal import Journal
from pawnzero.files.locks import locked
from pawnzero.files.numbered import check_latest, numbered_checkpoints
from pawnzero.games import get_game
from pawnzero.machine.memory import usable_memory
from pawnzero.progress import Progress
from pawnzero.selfplay.records import OUTSIDE_ITERATIONS
from pawnzero.settings import SETTINGS, by_dotted_key, merged, read_shape

_BESIDE = ".*.new"
"""Temporary files of `pawnzero.files.replacing`, left behind by a killed process."""
_ABANDONED = 60.0
"""Age in seconds from which such a file counts as abandoned."""


class Agent:
    """An agent's directory. Get one with `open`, `create` or `open_or_create`."""

    def __init__(self, directory: Path, metadata: Dict[str, Any]) -> None:
        self.directory = directory
        self.metadata = metadata
        self._iterations: Optional[List[Dict[str, Any]]] = None
        self._locks_held = 0

    @staticmethod
    def is_at(directory: Path) -> bool:
        """Whether there is an agent in `directory`."""
        return (Path(directory) / "metadata.json").exists()

    @classmethod
    def open(cls, directory: Path) -> Agent:
        """The agent in `directory`. Raises UsageError if there is none, PawnzeroError if its metadata cannot be read."""
        directory = Path(directory)
        if not cls.is_at(directory):
            if cls.is_at(directory.parent):
                raise UsageError(f"{directory}: no agent here; the agent is {directory.parent}")
            raise UsageError(f"{directory}: no agent here; pawnzero iterate, run and selfplay create one")
        return cls(directory, read_metadata(directory / "metadata.json"))

    @classmethod
    def create(cls, directory: Path, config: Config) -> Agent:
        """Create an agent with `config`'s game, net shape and seed.

        If the directory belongs to an agent that lost its metadata.json, its other files are kept, `config` must have their
        game and net shape, and the agent continues after its last finished iteration.

        Raises UsageError for an unknown game, one whose positions cannot be mirrored as `config` demands, or a net that this
        machine's memory cannot hold, PawnzeroError if the directory cannot be written, is an agent already, or holds other
        files or a net or games that do not fit `config`.
        """
        agent = cls(Path(directory), new_metadata(Path(directory).resolve().name, config))
        game = get_game(config.game)
        if config.model.mirrored:
            game.check_mirrored()
        _check_memory(config.model)
        agent._make_directories()
        with agent.lock():
            if cls.is_at(agent.directory):
                raise PawnzeroError(f"{directory}: already an agent")
            outside = agent._check_what_lies_there()
            finished = read_iterations(agent._log, sys.maxsize)
            if finished:
                agent.metadata["next_iteration"] = finished[-1]["iteration"] + 1
            if outside:
                agent.metadata["games_outside_iterations"] = outside
            write_json(agent.directory / "metadata.json", agent.metadata)
        return agent

    @classmethod
    def open_or_create(cls, directory: Path, config: Config, progress: Optional[Progress] = None) -> Agent:
        """The agent in `directory`, created if there is none.

        Notes to `progress` say if a missing metadata.json was recreated, or if another agent began with the same net.
        """
        if cls.is_at(directory):
            return cls.open(directory)
        agent = cls.create(directory, config)
        number = agent.metadata["next_iteration"]
        if progress is not None and (number or agent.latest.exists()):
            progress.note(f"{agent.name}'s metadata.json was missing and has been recreated; the next iteration is {number}")
        twin = agent._twin()
        if twin and progress is not None:
            progress.note(
                f"{agent.name} starts with the same net as {twin}, from seed {config.seed}: with the same settings both start "
                "with the same games and learn nearly the same; for a different agent give another --seed"
            )
        return agent

    @property
    def name(self) -> str:
        """The directory's name."""
        return self.directory.resolve().name

    @property
    def checkpoints(self) -> Path:
        return self.directory / "checkpoints"

    @property
    def experiments(self) -> Path:
        return self.directory / "experiments"

    @property
    def latest(self) -> Path:
        """The current net, which self-play uses."""
        return self.checkpoints / "latest.pt"

    @property
    def best(self) -> Path:
        """The promoted net; missing until the first promotion."""
        return self.checkpoints / "best.pt"

    def best_or_latest(self) -> Path:
        """The promoted net, or the current one if there is none yet. Raises PawnzeroError if there is neither."""
        for path in (self.best, self.latest):
            if path.exists():
                return path
        raise PawnzeroError(f"{self.directory}: no net yet; `pawnzero iterate {in_shell(self.directory)}` makes one")

    @property
    def replay(self) -> Path:
        return self.checkpoints / "replay.pt"

    @property
    def game(self) -> str:
        """The name of the agent's game."""
        return str(self.metadata["game"])

    @property
    def model(self) -> ModelConfig:
        """The shape of the agent's net."""
        return read_shape(self.metadata["model"], str(self.directory / "metadata.json"))

    @property
    def iterations(self) -> List[Dict[str, Any]]:
        """The records of the finished iterations, oldest first. Raises PawnzeroError if they are invalid."""
        if self._iterations is None:
            self._iterations = read_iterations(self._log, self.metadata["next_iteration"])
        return self._iterations

    @property
    def iterations_lost(self) -> int:
        """The number of finished iterations whose record is missing."""
        return int(self.metadata["next_iteration"]) - len(self.iterations)

    @property
    def _log(self) -> Path:
        return self.experiments / "iterations.jsonl"

    def adopt(self, config: Config, progress: Progress) -> Config:
        """`config` with the agent's own game and net shape, and a note if they differ.

        Raises PawnzeroError if the net to resume from is missing (see `check_latest`), UsageError for an unknown game.
        """
        check_latest(self.checkpoints, trained=bool(self.iterations))
        kept = []
        if config.game != self.game:
            get_game(config.game)
            kept.append(f"plays {self.game}, not {config.game}")
        if config.model != self.model:
            kept.append(f"keeps its net's shape ({_differences(self.model, config.model)})")
        if kept:
            progress.note(f"{self.name} {', and '.join(kept)}; game and net shape can only be set for a new agent")
        return dataclasses.replace(config, game=self.game, model=self.model)

    def check_net(self, game: str, model: ModelConfig) -> None:
        """Raise PawnzeroError for a net of another game or shape than the agent's, or if the agent's own net is missing."""
        check_latest(self.checkpoints, trained=bool(self.iterations))
        if game != self.game:
            raise PawnzeroError(f"{self.directory}: the agent plays {self.game}, but the net plays {game}")
        if model != self.model:
            raise PawnzeroError(f"{self.directory}: the agent's net has another shape ({_differences(self.model, model)})")

    def _twin(self) -> Optional[str]:
        """The name of a neighbouring agent with the same game, net shape and seed, which therefore began with the same net."""
        same = ("game", "model", "seed")
        for path in sorted(self.directory.resolve().parent.glob("*/metadata.json")):
            try:
                other = read_json(path)
            except PawnzeroError:
                continue
            if (
                path.parent.name != self.name
                and isinstance(other, dict)
                and all(other.get(k) == self.metadata[k] for k in same)
            ):
                return path.parent.name
        return None

    def keep_settings(self, config: Config, progress: Progress, used: Sequence[str] = ("",)) -> None:
        """Save the settings used from now on, with a note if they have changed.

        used: prefixes of the dotted keys of the settings in use; the others keep their saved values
        """
        kept = merged(to_json(config), self.metadata.get("config", {}), tuple(used))
        before, after = by_dotted_key(self.metadata.get("config", {})), by_dotted_key(kept)
        changed = [key for key in after if key in before and before[key] != after[key]]
        if changed:
            told = ", ".join(f"{key} {_written(before[key])} → {_written(after[key])}" for key in changed)
            back = sum(key in SETTINGS and after[key] == SETTINGS[key].default for key in changed)
            left_out = f"; {back} of them back to the default: was --config FILE or a flag left out this time?" if back else ""
            progress.note(f"settings changed since {self.name} was last used: {told}{left_out}")
        self.update(config=kept)

    def last_used(self, name: str) -> int:
        """The last used value of an integer setting of the top level; 0 if not known."""
        value = self.metadata.get("config", {}).get(name)
        return value if type(value) is int else 0

    def update(self, **changes: Any) -> None:
        """Replace entries of metadata.json. The caller must hold `lock`."""
        assert self._locks_held, "an agent is written by whoever holds its lock"
        path = self.directory / "metadata.json"
        self.metadata = {**read_metadata(path), **changes}
        write_json(path, self.metadata)

    def finish(self, found: Dict[str, Any], progress: Optional[Progress] = None, **changes: Any) -> None:
        """Record the iteration in progress as finished, with the result `found`; `changes` are entries for `update`.

        A line that it already has is replaced: a kill between the two writes leaves one. A record that goes on to later
        iterations, whose metadata.json an older copy has replaced, is set aside, which one line says.
        """
        finished, log, number = self.iterations, Journal(self._log), found["iteration"]
        lines = list(log.lines())
        before = [line for line in lines if line["iteration"] < number]
        newest = max((line["iteration"] for line in lines), default=number)
        if newest > number:
            aside = set_aside(self._log)
            if progress is not None:
                progress.note(f"{self._log}: went on to iteration {newest}, and this is {number}; it is now {aside.name}")
        if len(before) < len(lines):
            log.replace([*before, found])
        else:
            with log:
                log.add(found)
        self.update(stage=None, next_iteration=number + 1, **changes)
        finished.append(found)

    def keep_what_training_lacks(self, step: int) -> None:
        """Save how many steps an iteration in progress still lacks, before other training advances the net from `step`."""
        under_way = UnderWay.of(self.metadata["stage"])
        if under_way is not None and under_way.keep_lacking(step):
            self.update(stage=under_way.stage(self.metadata["stage"]["name"]))

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Be the only writer until the block ends or the process dies. The lock is re-entrant for the same Agent.

        Raises PawnzeroError that names the process that holds it, or says why the directory cannot be written.
        """
        if self._locks_held:
            self._locks_held += 1
            try:
                yield
            finally:
                self._locks_held -= 1
            return
        with locked(self.directory / ".lock", str(self.directory)):
            self._locks_held = 1
            try:
                self._clear()
                path = self.directory / "metadata.json"
                if path.exists():  # whoever held the lock before may have changed it since
                    self.metadata, self._iterations = read_metadata(path), None
                    try:
                        self._make_folders()
                    except OSError as error:
                        raise PawnzeroError(f"{error.filename}: cannot be created ({error.strerror})") from None
                yield
            finally:
                self._locks_held = 0

    def numbered(self) -> List[Tuple[int, Path]]:
        """(step, path) of the numbered checkpoints, oldest first."""
        return numbered_checkpoints(self.checkpoints) if self.checkpoints.is_dir() else []

    def _clear(self) -> None:
        """Remove temporary files that killed processes have left.

        Ladders and reports write into `experiments` without the lock, and a linked replay file lies in a folder of others, so
        recently written files there may belong to a running process and are kept.
        """
        left = [*self.directory.glob(_BESIDE), *self.checkpoints.glob(_BESIDE)]
        replay = linked_to(self.replay)
        elsewhere = replay.parent.glob(f".{escape(replay.name)}.*.new")
        for path in [*left, *elsewhere, *self.experiments.rglob(_BESIDE)]:
            with suppress(OSError):  # it has just been renamed, or is open in its writer on Windows
                if path in left or time.time() - path.stat().st_mtime > _ABANDONED:
                    path.unlink()

    def _check_what_lies_there(self) -> int:
        """Raise PawnzeroError if the directory has a net or games that do not fit this agent, whose metadata.json was lost.

        Returns the first number not used by a game outside iterations.
        """
        from pawnzero.nets.checkpoint import load_checkpoint
        from pawnzero.replay import ReplayBuffer

        try:
            if self.latest.exists():
                load_checkpoint(self.latest, self.game, self.model)
            with ReplayBuffer(self.replay, game=self.game) as buffer:
                numbers = [game_id - OUTSIDE_ITERATIONS for game_id in buffer.last_game_ids(len(buffer))]
        except PawnzeroError as error:
            raise PawnzeroError(
                f"{error}; metadata.json is missing, and only the settings that the agent was made with can recreate it"
            ) from None
        return max([-1, *numbers]) + 1

    def _make_directories(self) -> None:
        """Create the agent's folders. Raises PawnzeroError if they cannot be created, or the directory holds other files."""
        try:
            if self.directory.is_dir():
                own = {"checkpoints", "experiments", ".lock"}
                left = ".metadata.json."  # of a creation that was interrupted
                names = sorted(os.listdir(str(self.directory)))
                strange = [name for name in names if name not in own and not name.startswith(left)]
                if strange:
                    raise PawnzeroError(
                        f"{self.directory}: not an agent, and {strange[0]} lies here; name an empty or new directory"
                    )
            self._make_folders()
        except OSError as error:
            raise PawnzeroError(f"{self.directory}: an agent cannot be created here ({error.strerror})") from None

    def _make_folders(self) -> None:
        for folder in (self.checkpoints, self.experiments):
            folder.mkdir(parents=True, exist_ok=True)


def _check_memory(shape: ModelConfig) -> None:
    """Raise UsageError if the net's weights and their average, in float32, do not fit into this machine's memory."""
    needed, memory = 2 * 4 * shape.trunk_weights, usable_memory()
    if memory is not None and needed > memory:
        raise UsageError(
            f"model.channels {shape.channels:,} and model.blocks {shape.blocks:,}: the weights and their average need "
            f"{needed / 1e9:,.0f} GB of memory, expected at most this machine's {memory / 1e9:,.0f} GB"
        )


def _written(value: Any) -> str:
    return f"{value:,}" if type(value) is int else str(value)


def _differences(kept: ModelConfig, asked: ModelConfig) -> str:
    before, after = dataclasses.asdict(kept), dataclasses.asdict(asked)
    return ", ".join(f"{key} {before[key]}, not {after[key]}" for key in before if before[key] != after[key])
