"""Is one recipe better than another? Trains agents by both, from several seeds, and lets them play matches.

  python tools/compare_recipes.py /tmp/Sims --config configs/chess_small.json --core-minutes 20 --seeds 1 2 3 \\
      --arm recipe --arm fewer mcts_sims=16

Two runs of one recipe differ, in chess by some 100 Elo after a dozen iterations, so one run of each says little. The first arm
is what the others are compared with. Each arm trains an agent for each seed, FOLDER/ARM_SEED, until it has used the
core-minutes (CPU time of all threads, with the matches of its iterations). The agents take turns, so that what else the machine
does slows down all of them. Then the latest net of each arm's agent plays against that of the first arm's with the same seed.

The result is the mean of the seeds' Elo differences with Student's 95 % interval, which contains the luck of both runs. It is
wide: if the differences of three seeds have a standard deviation of 100 Elo, it is ±248. With --from, all agents begin as
copies of one agent, and differ less.

FOLDER/comparison.json holds everything. The same command resumes an interrupted comparison; more core-minutes, arms or seeds
add to a finished one.
"""

from __future__ import annotations

import argparse
import math
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from statistics import mean, stdev
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from pawnzero.agent import Agent
from pawnzero.arena import play_match
from pawnzero.config import Config, to_json
from pawnzero.errors import PawnzeroError, UsageError, positive
from pawnzero.files import read_json, write_json
from pawnzero.games import get_game
from pawnzero.openings import openings
from pawnzero.pipeline import run_iteration
from pawnzero.players import net_player
from pawnzero.processor import processor
from pawnzero.ratings import Result, rate
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


def mean_difference(by_seed: Sequence[float]) -> Tuple[float, Optional[float], Optional[float]]:
    """The mean of the seeds' Elo differences and its 95 % interval, which one seed alone does not have."""
    center, seeds = mean(by_seed), len(by_seed)
    if seeds == 1:
        return center, None, None
    margin = STUDENT[seeds - 2] * stdev(by_seed) / math.sqrt(seeds)
    return center, center - margin, center + margin


class Comparison:
    """A comparison in a folder, and what it has found so far."""

    def __init__(
        self, folder: Path, config_file: Path, arms: Sequence[Arm], seeds: Sequence[int], origin: Optional[Path]
    ) -> None:
        """Raises UsageError if the folder holds another comparison or a setting is wrong."""
        self.folder, self.arms, self.seeds, self.origin = folder, arms, seeds, origin
        self.configs: Dict[str, Config] = {arm.name: load_config(config_file, arm.changed) for arm in arms}
        self.file = folder / "comparison.json"
        self.found: Dict[str, Any] = {
            "date": date.today().isoformat(),
            "machine": f"{processor().name}, Python {sys.version.split()[0]}",
            "config": to_json(load_config(config_file)),
            "from": None if origin is None else str(origin.resolve()),
            "arms": {},
            "agents": {},
            "matches": {},
        }
        if self.file.exists():
            self._go_on(read_json(self.file))
        self.found["arms"].update({arm.name: dict(arm.changed) for arm in arms})

    def _go_on(self, before: Any) -> None:
        if not isinstance(before, dict) or not self.found.keys() <= before.keys():
            raise UsageError(f"{self.file}: not a comparison's file; move it away or give another folder")
        for key in ("config", "from"):
            if before[key] != self.found[key]:
                raise UsageError(f'{self.file}: its "{key}" is another one; give another folder')
        for arm in self.arms:
            if before["arms"].get(arm.name, arm.changed) != arm.changed:
                raise UsageError(f"{self.file}: its arm {arm.name} is {before['arms'][arm.name]}; give another name or folder")
        self.found = before

    def _save(self) -> None:
        write_json(self.file, self.found)

    def _config(self, arm: str, seed: int) -> Config:
        return replace(self.configs[arm], seed=seed)

    def _place(self, arm: str, seed: int) -> Path:
        return self.folder / f"{arm}_{seed}"

    def train(self, core_minutes: float) -> None:
        """Iterate the agents in turns, always the one that has used least, until each has used its core-minutes."""
        for arm in self.arms:
            for seed in self.seeds:
                self._begin(arm.name, seed)
        self._compile()
        while True:
            used, arm_name, seed = min(
                (self._agent(arm.name, seed)["core_minutes"], arm.name, seed) for seed in self.seeds for arm in self.arms
            )
            if used >= core_minutes:
                return
            self._iterate(arm_name, seed)
            now = self._agent(arm_name, seed)
            print(
                f"{arm_name}, seed {seed}: {now['iterations']} iterations, {now['core_minutes']:.1f} core-minutes", flush=True
            )

    def _compile(self) -> None:
        """Run a short iteration by each recipe, so that compiling kernels is not counted as some agent's training."""
        for config in self.configs.values():
            with tempfile.TemporaryDirectory() as folder:
                short = replace(config, num_selfplay=2, mcts_sims=2, trainer_iters=1, replay_capacity=1000, eval_games=2)
                short = replace(short, trainer=replace(short.trainer, replay_ratio=0.0))
                run_iteration(Path(folder) / "compiles", short, device="cpu", use_amp=True)

    def _agent(self, arm: str, seed: int) -> Dict[str, Any]:
        fresh = {"core_minutes": 0.0, "iterations": 0, "positions": 0, "evaluations": 0, "step": 0}
        agent: Dict[str, Any] = self.found["agents"].setdefault(self._place(arm, seed).name, fresh)
        return agent

    def _begin(self, arm: str, seed: int) -> None:
        place = self._place(arm, seed)
        if self.origin is None or place.exists():
            return
        with Agent.open(self.origin).lock():
            half = place.with_name(f".{place.name}")
            shutil.rmtree(half, ignore_errors=True)
            shutil.copytree(self.origin, half)
        half.rename(place)

    def _iterate(self, arm: str, seed: int) -> None:
        """Run an iteration; the time of an interrupted one counts too."""
        agent, began = self._agent(arm, seed), time.process_time()
        try:
            done = run_iteration(self._place(arm, seed), self._config(arm, seed), device="cpu", use_amp=True)
            agent["iterations"] += 1
            agent["positions"] += done["selfplay"]["positions"]
            agent["evaluations"] += done["selfplay"]["evaluations"]
            agent["step"] = done["train"]["step"]
        finally:
            agent["core_minutes"] += (time.process_time() - began) / 60.0
            self._save()

    def play(self, games: int, simulations: int) -> None:
        """Play the matches whose nets, games or simulations are not those of a match that was played."""
        for seed in self.seeds:
            for arm in self.arms[1:]:
                names = [self._place(one, seed).name for one in (arm.name, self.arms[0].name)]
                terms = {
                    "steps": [self.found["agents"][one]["step"] for one in names],
                    "games": games,
                    "simulations": simulations,
                }
                played = self.found["matches"].get(" ".join(names), {})
                if any(played.get(key) != value for key, value in terms.items()):
                    pairs = self._match(names, self._config(self.arms[0].name, seed), games, simulations)
                    self.found["matches"][" ".join(names)] = {**terms, "pairs": pairs}
                    self._save()

    def _match(self, names: Sequence[str], config: Config, games: int, simulations: int) -> List[int]:
        """The pentanomial counts of a match between two agents' latest nets, on the terms of `config`."""
        game, max_plies = get_game(config.game), config.selfplay.max_plies
        first, second = (
            net_player(
                Agent.open(self.folder / name).latest,
                name=name,
                game=game,
                device="cpu",
                simulations=simulations,
                search=config.search,
            )
            for name in names
        )
        starts = openings(game, (games + 1) // 2, config.seed, max_plies=max_plies)
        with first, second:
            match = play_match(first, second, games=games, openings=starts, game=game, max_plies=max_plies, seed=config.seed)
        return list(match.pairs)

    def differences(self) -> Dict[str, Any]:
        """For each arm but the first: Elo (with the match's interval) against it by seed, and their mean with its interval."""
        found = {}
        for arm in self.arms[1:]:
            by_seed = {}
            for seed in self.seeds:
                first, second = (self._place(one, seed).name for one in (arm.name, self.arms[0].name))
                pairs = tuple(self.found["matches"][f"{first} {second}"]["pairs"])
                rating = rate([Result(first, second, pairs)], second)[first]
                by_seed[str(seed)] = [round(value, 1) for value in (rating.elo, rating.low, rating.high)]
            middle = mean_difference([elo for elo, _, _ in by_seed.values()])
            found[arm.name] = {"by_seed": by_seed, "mean": [None if value is None else round(value, 1) for value in middle]}
        return found

    def report(self) -> None:
        """Print the differences and save them."""
        self.found["differences"] = self.differences()
        self._save()
        for name, found in self.found["differences"].items():
            print(f"{name} against {self.arms[0].name}, Elo (95 % interval):")
            for seed, (elo, low, high) in found["by_seed"].items():
                print(f"  seed {seed:>4}  {elo:+5.0f} ({low:+.0f} to {high:+.0f}), by the games of this match")
            elo, low, high = found["mean"]
            if low is None:
                print("  one seed: two runs of one recipe may differ as much; give more --seeds")
            else:
                print(f"  mean       {elo:+5.0f} ({low:+.0f} to {high:+.0f}), by the {len(found['by_seed'])} seeds")


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
    parser.add_argument("--core-minutes", type=float, required=True, metavar="X", help="training of each agent")
    parser.add_argument("--from", dest="origin", type=Path, metavar="AGENT", help="begin with copies of this agent")
    parser.add_argument("--games", type=int, default=200, metavar="N", help="of each match (default: 200)")
    parser.add_argument("--sims", type=int, default=64, metavar="N", help="simulations a move in matches (default: 64)")
    args = parser.parse_args(argv)
    try:
        if not 0.0 < args.core_minutes < math.inf:
            raise UsageError(f"--core-minutes {args.core_minutes:g}: expected more than 0")
        positive(args.games, "--games")
        positive(args.sims, "--sims")
        if len(args.arm) < 2:
            raise UsageError("one arm, expected --arm twice or more")
        if len(set(args.seeds)) < len(args.seeds) or len(args.seeds) > MOST_SEEDS:
            raise UsageError(f"--seeds {' '.join(map(str, args.seeds))}: expected up to {MOST_SEEDS} different ones")
        arms = [Arm.read(words) for words in args.arm]
        if len({arm.name for arm in arms}) < len(arms):
            raise UsageError("two arms have the same name")
        comparison = Comparison(args.folder, args.config, arms, args.seeds, args.origin)
        comparison.train(args.core_minutes)
        comparison.play(args.games, args.sims)
        comparison.report()
    except PawnzeroError as error:
        parser.exit(error.exit_code, f"error: {error}\n")
    except KeyboardInterrupt:
        parser.exit(130, "interrupted; the same command resumes\n")


if __name__ == "__main__":
    main()
