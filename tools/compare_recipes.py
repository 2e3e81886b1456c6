"""Is one recipe better than another? Trains agents by both, from several seeds, and lets them play matches.

  python tools/compare_recipes.py /tmp/Sims --config configs/chess_small.json --core-minutes 20 --seeds 1 2 3 \\
      --arm recipe --arm fewer mcts_sims=16

Two runs of one recipe differ, in chess by some 100 Elo after a dozen iterations, so one run of each says little. The first arm
is what the others are compared with. Each arm trains an agent for each seed, FOLDER/ARM_SEED, until the iteration in which it
has used up the core-minutes (CPU time of all threads, with the matches of its iterations). The agents take turns, so that what
else the machine does slows down all of them. Then the latest net of each arm's agent plays against that of the first arm's with
the same seed, both on the first arm's terms (search.*, selfplay.max_plies).

The result is the mean of the seeds' Elo differences with Student's 95 % interval, which contains the luck of both runs. It is
wide: if the differences of three seeds have a standard deviation of 100 Elo, it is ±248. Choose the number of seeds beforehand;
adding some until the interval looks good makes it worthless. With --from, all agents begin as copies of one agent. They differ
less, and the result is about what becomes of that agent.

FOLDER/comparison.json holds everything. The same command resumes an interrupted comparison; with arms or seeds added, or more
core-minutes, it adds to a finished one. A kill loses the count of the time since an agent's last iteration, nothing else.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import shutil
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from statistics import mean, stdev
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

from pawnzero.agent import Agent
from pawnzero.arena.match import play_match
from pawnzero.arena.openings import openings
from pawnzero.arena.players import net_player
from pawnzero.cli.options import natural, positive
from pawnzero.config import Config, to_json
from pawnzero.errors import PawnzeroError, UsageError
from pawnzero.files import read_json, write_json
from pawnzero.files.locks import locked
from pawnzero.games import get_game
from pawnzero.ladder.ratings import Result, rate
from pawnzero.machine.processor import processor
from pawnzero.pipeline.iteration import run_iteration
from pawnzero.settings import assignment, load_config

STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)
"""97.5 % quantiles of Student's t distribution with 1, 2, … degrees of freedom."""
MOST_SEEDS = len(STUDENT) + 1


@dataclass(frozen=True)
class Arm:
    """A recipe under comparison: the settings in which it differs from the file's. Its name is part of its agents' names."""

    name: str
    changed: Mapping[str, Any]

    @classmethod
    def read(cls, words: Sequence[str]) -> Arm:
        """The arm in ["fewer", "mcts_sims=16"]. Raises UsageError for a name or an assignment that cannot be one."""
        name, *assignments = words
        if not name.replace("-", "").isalnum():
            raise UsageError(f'arm "{name}", expected a name of letters, digits and hyphens, then KEY=VALUE …')
        changed = dict(map(assignment, assignments))
        if "seed" in changed:
            raise UsageError(f"arm {name} sets seed, expected it in --seeds alone")
        return cls(name, changed)


@dataclass(frozen=True)
class Run:
    """One arm's agent of one seed, in the folder `place`."""

    arm: Arm
    seed: int
    config: Config
    place: Path

    @property
    def name(self) -> str:
        return self.place.name

    @property
    def agent(self) -> Agent:
        return Agent.open(self.place)


def mean_difference(by_seed: Sequence[float]) -> Tuple[float, Optional[float], Optional[float]]:
    """The mean of the seeds' Elo differences and its 95 % interval, which one seed alone does not have."""
    center, seeds = mean(by_seed), len(by_seed)
    if seeds == 1:
        return center, None, None
    margin = STUDENT[seeds - 2] * stdev(by_seed) / math.sqrt(seeds)
    return center, center - margin, center + margin


class Comparison:
    """A comparison in a folder: what it has found so far is `found`, the contents of comparison.json."""

    def __init__(
        self, folder: Path, config_file: Path, arms: Sequence[Arm], seeds: Sequence[int], origin: Optional[Agent]
    ) -> None:
        """Raises UsageError for settings that do not fit, and if the folder holds another comparison or other agents."""
        self.folder, self.file, self.origin = folder, folder / "comparison.json", origin
        self.rows = [[self._run(config_file, arm, seed) for arm in arms] for seed in seeds]
        self.runs = [run for row in self.rows for run in row]
        _check_alike(self.runs, origin)
        self.found: Dict[str, Any] = {
            "date": date.today().isoformat(),
            "machine": f"{processor().name}, Python {sys.version.split()[0]}",
            "config": to_json(load_config(config_file)),
            "from": None if origin is None else str(origin.directory.resolve()),
            "from_latest": None if origin is None else _digest(origin),
            "core_minutes": 0.0,
            "arms": {},
            "agents": {},
            "matches": {},
        }
        if self.file.exists():
            self._go_on(read_json(self.file))
        begun = 0 if origin is None else origin.metadata["next_iteration"]
        for run in self.runs:
            self.found["arms"][run.arm.name] = dict(run.arm.changed)
            if run.name not in self.found["agents"]:
                if run.place.exists():
                    raise UsageError(f"{run.place}: not an agent of this comparison; give another folder")
                self.found["agents"][run.name] = {"begun": begun, "core_minutes": 0.0}

    def _run(self, config_file: Path, arm: Arm, seed: int) -> Run:
        try:
            config = load_config(config_file, {**arm.changed, "seed": seed})
            config.check_selfplay()
        except UsageError as error:
            raise UsageError(f"arm {arm.name}: {error}") from None
        return Run(arm, seed, config, self.folder / f"{arm.name}_{seed}")

    def _go_on(self, before: Any) -> None:
        if not isinstance(before, dict) or not self.found.keys() <= before.keys():
            raise UsageError(f"{self.file}: not a comparison's file; move it away or give another folder")
        for key in ("machine", "config", "from"):
            if before[key] != self.found[key]:
                raise UsageError(f'{self.file}: was begun with another "{key}"; give another folder')
        for run in self.runs:
            known = before["arms"].get(run.arm.name, run.arm.changed)
            if known != run.arm.changed:
                raise UsageError(f"{self.file}: its arm {run.arm.name} is {known}; give another name or folder")
        self.found = before

    def train(self, core_minutes: float) -> None:
        """Iterate the agents in turns, always the one that has used least, until each has used its core-minutes.

        Raises UsageError for less than an earlier call had: some agents would have trained for longer than others.
        """
        if core_minutes < self.found["core_minutes"]:
            raise UsageError(f"--core-minutes {core_minutes:g}: expected the {self.found['core_minutes']:g} of before, or more")
        self.found["core_minutes"] = core_minutes
        with self._origin_to_copy():
            write_json(self.file, self.found)
            for run in self.runs:
                self._copy_origin(run)
        left = [run for run in self.runs if not self._done(run)]
        if left:
            _compile(self.runs)
        while left:
            run = min(left, key=lambda one: float(self._used(one)))
            self._iterate(run)
            print(f"{run.arm.name}, seed {run.seed}: {self._spent(run)}", flush=True)
            left = [run for run in left if not self._done(run)]

    def _used(self, run: Run) -> float:
        return float(self.found["agents"][run.name]["core_minutes"])

    def _done(self, run: Run) -> bool:
        """Whether the agent has used its time and has no iteration under way."""
        enough = self._used(run) >= self.found["core_minutes"]
        return enough and Agent.is_at(run.place) and run.agent.metadata["stage"] is None

    @contextmanager
    def _origin_to_copy(self) -> Iterator[None]:
        """Lock the agent that all others are copies of, if some are still to be made.

        Raises UsageError if it has an iteration under way, or has learned since the first ones were made.
        """
        if self.origin is None or all(run.place.exists() for run in self.runs):
            yield
            return
        with self.origin.lock():
            if self.origin.metadata["stage"] is not None:
                raise UsageError(f"{self.origin.directory}: an iteration is under way; finish it first (`pawnzero iterate`)")
            if _digest(self.origin) != self.found["from_latest"]:
                raise UsageError(f"{self.origin.directory}: has learned since {self.file} was begun; give another folder")
            yield

    def _copy_origin(self, run: Run) -> None:
        if self.origin is None or run.place.exists():
            return
        half = run.place.with_name(f".{run.name}")
        shutil.rmtree(half, ignore_errors=True)
        try:
            shutil.copytree(self.origin.directory, half)
            half.rename(run.place)
        except (OSError, shutil.Error) as error:
            raise PawnzeroError(f"{run.place}: {self.origin.directory} cannot be copied there ({error})") from None

    def _iterate(self, run: Run) -> None:
        """Run an iteration, or the rest of one; the time of an interrupted one counts too."""
        began = time.process_time()
        try:
            run_iteration(run.place, run.config, device="cpu", use_amp=True)
        finally:
            self.found["agents"][run.name]["core_minutes"] += (time.process_time() - began) / 60.0
            write_json(self.file, self.found)

    def _spent(self, run: Run) -> str:
        done = [one for one in run.agent.iterations if one["iteration"] >= self.found["agents"][run.name]["begun"]]
        positions = sum(one["selfplay"]["positions"] for one in done)
        return f"{len(done)} iterations, {positions:,} positions, {self._used(run):.1f} core-minutes"

    def play(self, games: int, simulations: int) -> None:
        """Play the matches whose nets, games or simulations are not those of a match that was played."""
        for base, *others in self.rows:
            for run in others:
                terms = {"nets": [_digest(run.agent), _digest(base.agent)], "games": games, "simulations": simulations}
                played = self.found["matches"].get(f"{run.name} {base.name}", {})
                if any(played.get(key) != value for key, value in terms.items()):
                    pairs = _match(run, base, games, simulations)
                    self.found["matches"][f"{run.name} {base.name}"] = {**terms, "pairs": pairs}
                    write_json(self.file, self.found)

    def differences(self) -> Dict[str, Any]:
        """For each arm but the first: Elo (with the match's interval) against it by seed, and their mean with its interval."""
        by_arm: Dict[str, Dict[str, List[float]]] = {}
        for base, *others in self.rows:
            for run in others:
                pairs = tuple(self.found["matches"][f"{run.name} {base.name}"]["pairs"])
                rating = rate([Result(run.name, base.name, pairs)], base.name)[run.name]
                elo = [round(value, 1) for value in (rating.elo, rating.low, rating.high)]
                by_arm.setdefault(run.arm.name, {})[str(run.seed)] = elo
        found = {}
        for name, by_seed in by_arm.items():
            middle = mean_difference([elo for elo, _, _ in by_seed.values()])
            found[name] = {"by_seed": by_seed, "mean": [None if value is None else round(value, 1) for value in middle]}
        return found

    def report(self) -> None:
        """Print what the agents spent and the differences, and save these."""
        self.found["differences"] = self.differences()
        write_json(self.file, self.found)
        for run in self.runs:
            print(f"{run.name}: {self._spent(run)}")
        for name, found in self.found["differences"].items():
            print(f"{name} against {self.runs[0].arm.name}, Elo (95 % interval):")
            for seed, (elo, low, high) in found["by_seed"].items():
                print(f"  seed {seed:>4}  {elo:+5.0f} ({low:+.0f} to {high:+.0f}), by the games of this match")
            elo, low, high = found["mean"]
            if low is None:
                print("  one seed: two runs of one recipe may differ as much; give more --seeds")
            else:
                print(f"  mean       {elo:+5.0f} ({low:+.0f} to {high:+.0f}), by the {len(found['by_seed'])} seeds")


def _check_alike(runs: Sequence[Run], origin: Optional[Agent]) -> None:
    """Raise UsageError for arms of different games, and for a game or a net that copies of `origin` would not have."""
    for run in runs:
        if run.config.game != runs[0].config.game:
            raise UsageError(f"arm {run.arm.name} plays {run.config.game}, expected {runs[0].config.game} like the first arm")
        if origin is not None and (run.config.game, run.config.model) != (origin.game, origin.model):
            raise UsageError(f"arm {run.arm.name} has another game or net than {origin.directory}, whose copies keep theirs")


def _compile(runs: Sequence[Run]) -> None:
    """Run a short iteration by each recipe, so that compiling kernels is not counted as some agent's training."""
    for config in {run.arm.name: run.config for run in runs}.values():
        with tempfile.TemporaryDirectory() as folder:
            short = replace(config, num_selfplay=2, trainer_iters=1, replay_capacity=1000, eval_games=2)
            short = replace(short, trainer=replace(short.trainer, replay_ratio=0.0))
            run_iteration(Path(folder) / "compiles", short, device="cpu", use_amp=True)


def _digest(agent: Agent) -> str:
    """Identifies the agent's latest net. Raises PawnzeroError if it has none."""
    try:
        return hashlib.sha256(agent.latest.read_bytes()).hexdigest()[:16]
    except OSError as error:
        raise PawnzeroError(f"{agent.latest}: cannot be read ({error.strerror})") from None


def _match(run: Run, base: Run, games: int, simulations: int) -> List[int]:
    """The pentanomial counts of a match between two agents' latest nets, on the terms of `base`."""
    config = base.config
    game, max_plies = get_game(config.game), config.selfplay.max_plies
    first, second = (
        net_player(one.agent.latest, name=one.name, game=game, device="cpu", simulations=simulations, search=config.search)
        for one in (run, base)
    )
    starts = openings(game, games // 2, config.seed, max_plies=max_plies)
    with first, second:
        match = play_match(first, second, games=games, openings=starts, game=game, max_plies=max_plies, seed=config.seed)
    return list(match.pairs)


def _compare(args: argparse.Namespace) -> None:
    if args.games < 2 or args.games % 2:
        raise UsageError(f"--games {args.games}: expected an even number from 2 on")
    if len(args.arm) < 2:
        raise UsageError("one arm, expected --arm twice or more")
    if len(set(args.seeds)) < len(args.seeds) or len(args.seeds) > MOST_SEEDS:
        raise UsageError(f"--seeds {' '.join(map(str, args.seeds))}: expected up to {MOST_SEEDS} different ones")
    arms = [Arm.read(words) for words in args.arm]
    if len({arm.name for arm in arms}) < len(arms):
        raise UsageError("two arms have the same name")
    try:
        args.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PawnzeroError(f"{args.folder}: cannot be made ({error.strerror})") from None
    with locked(args.folder / ".lock", str(args.folder)):
        origin = None if args.origin is None else Agent.open(args.origin)
        comparison = Comparison(args.folder, args.config, arms, args.seeds, origin)
        comparison.train(args.core_minutes)
        comparison.play(args.games, args.sims)
        comparison.report()


def main(argv: Optional[Sequence[str]] = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the agents and comparison.json are kept")
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="the settings that all arms begin with")
    parser.add_argument(
        "--arm",
        nargs="+",
        action="append",
        required=True,
        metavar=("NAME", "KEY=VALUE"),
        help="a recipe: its name, and the settings in which it differs; the others are compared with the first arm",
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], metavar="N", help="(default: 1 2 3)")
    parser.add_argument("--core-minutes", type=positive, required=True, metavar="X", help="training of each agent")
    parser.add_argument("--from", dest="origin", type=Path, metavar="AGENT", help="begin with copies of this agent")
    parser.add_argument("--games", type=int, default=200, metavar="N", help="of each match (default: 200)")
    parser.add_argument("--sims", type=natural(1), default=64, metavar="N", help="simulations a move in matches (default: 64)")
    try:
        _compare(parser.parse_args(argv))
    except PawnzeroError as error:
        parser.exit(error.exit_code, f"error: {error}\n")
    except KeyboardInterrupt:
        parser.exit(130, "interrupted; the same command resumes\n")


if __name__ == "__main__":
    main()
