"""How well does a recipe learn, for how much computing? Iterates an agent and judges its latest net on the way.

  python tools/learning_curve.py /tmp/Four --config configs/connect_four.json --core-minutes 20 --points 5 --out four.json

Computing is measured as this process's CPU time over all threads, without judging: unlike wall-clock time it hardly depends on
what else the machine does. The curve has a point for the untrained net and `--points` more, evenly spaced. The same command
resumes an interrupted run; a kill loses the count of the time since the last iteration, nothing else.
"""

from __future__ import annotations

import argparse
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

from pawnzero.agent import Agent
from pawnzero.arena.players import NetPlayer
from pawnzero.cli.options import natural, positive
from pawnzero.config import Config, to_json
from pawnzero.errors import PawnzeroError, UsageError
from pawnzero.files import read_json, write_json
from pawnzero.games import get_game
from pawnzero.judge import judge, sample_positions, solver_for
from pawnzero.machine.processor import processor
from pawnzero.nets.evaluator import NetEvaluator
from pawnzero.pipeline.iteration import run_iteration
from pawnzero.pipeline.selfplay import latest_net
from pawnzero.settings import assignment, load_config

TRAINED = ("step", "policy_loss", "value_loss", "policy_kl", "held_out_policy_loss", "held_out_value_loss")
PLAYED = ("draw_rate", "mean_plies", "distinct_openings", "seconds")
FIGURES = ("positions", "mistakes", "mistake_rate", "informative_mistake_rate", "fastest_win_rate", "value_sign_accuracy")


class Judge:
    """Judges an agent's latest net, always on the same positions."""

    def __init__(self, game: str, count: int, seed: int, sims: List[int]) -> None:
        self.game = get_game(game)
        self.solver = solver_for(self.game)
        self.sims = sims
        self.lines = self.solver.all_lines() or sample_positions(self.solver, count, seed)

    def look(self, agent: Agent, config: Config) -> Dict[str, Any]:
        """FIGURES by number of simulations ("0": the raw policy), and the mistake rate of each phase."""
        evaluator = NetEvaluator(latest_net(agent), "cpu")
        found: Dict[str, Any] = {}
        for sims in self.sims:
            player = NetPlayer(self.game, evaluator, name="latest", simulations=sims, search=config.search)
            figures = judge(player, self.lines, self.solver).to_json()
            found[str(sims)] = {name: figures[name] for name in FIGURES}
            found[str(sims)]["phases"] = {name: part["mistake_rate"] for name, part in figures["phases"].items()}
        return found


class Curve:
    """An agent's learning curve in a file, which is written after each iteration."""

    def __init__(self, file: Path, place: Path, config: Config, critic: Judge, judged: Dict[str, Any]) -> None:
        """Go on with the curve in `file`, or judge the untrained net as the first point of a new one.

        Raises UsageError if the file is of another recipe or judged otherwise, or if it is missing and the agent has learned.
        """
        self.file, self.place, self.config, self.critic = file, place, config, critic
        told = {"agent": str(place.resolve()), "config": to_json(config), "judged": judged}
        if file.exists():
            self.found = self._read(told)
            Agent.open(place)
            return
        agent = Agent.open_or_create(place, config)
        if agent.latest.exists():
            raise UsageError(f"{place}: has learned already, and {file}, which would hold its curve, does not exist")
        self.found = {
            "date": date.today().isoformat(),
            "machine": f"{processor().name}, Python {sys.version.split()[0]}",
            **told,
            "points": [{"core_minutes": 0.0, "minutes": 0.0, "iteration": 0, "positions": 0, **critic.look(agent, config)}],
            "so_far": {"seconds": 0.0, "wall": 0.0},
        }
        write_json(file, self.found)

    def _read(self, told: Dict[str, Any]) -> Dict[str, Any]:
        found = read_json(self.file)
        if not isinstance(found, dict) or not {*told, "points", "so_far"} <= found.keys():
            raise UsageError(f"{self.file}: not a learning curve; name another file")
        for key, value in told.items():
            if found[key] != value:
                raise UsageError(f'{self.file}: was begun with another "{key}"; name another file and another agent')
        return found

    @property
    def seconds(self) -> float:
        return float(self.found["so_far"]["seconds"])

    def go_on(self, core_minutes: float, points: int) -> None:
        """Iterate the agent until it has used its core-minutes and has no iteration under way; judge it on the way."""
        while self.seconds < 60.0 * core_minutes or Agent.open(self.place).metadata["stage"] is not None:
            self._iterate()
            if self.seconds >= 60.0 * core_minutes * min(1.0, len(self.found["points"]) / points):
                self._judge()
        if Agent.open(self.place).iterations and not self._judged_last():
            self._judge()  # an interruption came between the last iteration and its judgement

    def _judged_last(self) -> bool:
        _, *others = self.found["points"]
        return bool(others) and others[-1]["iteration"] == Agent.open(self.place).iterations[-1]["iteration"]

    def _iterate(self) -> None:
        """Run an iteration, or the rest of one; the time of an interrupted one counts too."""
        so_far, began, began_wall = self.found["so_far"], time.process_time(), time.perf_counter()
        try:
            run_iteration(self.place, self.config, device="cpu", use_amp=True)
        finally:
            so_far["seconds"] += time.process_time() - began
            so_far["wall"] += time.perf_counter() - began_wall
            write_json(self.file, self.found)

    def _judge(self) -> None:
        agent = Agent.open(self.place)
        found = agent.iterations[-1]
        point = {
            "core_minutes": round(self.seconds / 60.0, 2),
            "minutes": round(self.found["so_far"]["wall"] / 60.0, 2),
            "iteration": found["iteration"],
            "positions": sum(one["selfplay"]["positions"] for one in agent.iterations),
            "train": {name: found["train"][name] for name in TRAINED},
            "selfplay": {name: found["selfplay"][name] for name in PLAYED},
            **self.critic.look(agent, self.config),
        }
        self.found["points"].append(point)
        write_json(self.file, self.found)
        rates = ", ".join(f"{sims} sims {100 * point[str(sims)]['mistake_rate']:.2f} %" for sims in self.critic.sims)
        print(f"{point['core_minutes']:.1f} core-minutes, {point['positions']:,} positions: mistakes {rates}", flush=True)


def _draw(args: argparse.Namespace) -> None:
    config = load_config(args.config, dict(map(assignment, args.set)))
    config.check_selfplay()
    critic = Judge(config.game, args.count, args.judge_seed, args.sims)
    judged = {"count": len(critic.lines), "seed": args.judge_seed, "sims": args.sims}
    Curve(args.out, args.agent, config, critic, judged).go_on(args.core_minutes, args.points)


def main(argv: Optional[Sequence[str]] = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("agent", type=Path, help="its directory; it is created")
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="the recipe")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="settings that differ from the file's")
    parser.add_argument("--core-minutes", type=positive, required=True, metavar="X", help="how long to iterate")
    parser.add_argument("--points", type=natural(1), default=5, metavar="N", help="how often to judge (default: 5)")
    parser.add_argument("--count", type=int, default=600, metavar="N", help="positions to judge (connect four; default: 600)")
    parser.add_argument("--judge-seed", type=int, default=1, metavar="N", help="which sample of positions (default: 1)")
    parser.add_argument("--sims", type=int, nargs="+", default=[0, 64], metavar="N", help="simulations (default: 0 64)")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the curve")
    try:
        _draw(parser.parse_args(argv))
    except PawnzeroError as error:
        parser.exit(error.exit_code, f"error: {error}\n")
    except KeyboardInterrupt:
        parser.exit(130, "interrupted; the same command resumes\n")


if __name__ == "__main__":
    main()
