"""How well does a recipe learn, for how much computing? Iterates an agent and judges its latest net on the way.

  python tools/learning_curve.py /tmp/Four --config configs/connect_four.json --core-minutes 20 --points 5 --out four.json

Computing is measured as this process's CPU time over all threads, without judging: unlike wall-clock time it hardly depends on
what else the machine does. The curve has a point for the untrained net and `--points` more, evenly spaced. The same command
resumes an interrupted run.
"""

from __future__ import annotations

import argparse
import platform
import time
from datetime import date
from pathlib import Path
from typing import Any, Dict, List

from pawnzero.agent import Agent
from pawnzero.config import Config, to_json
from pawnzero.errors import UsageError
from pawnzero.files import read_json, write_json
from pawnzero.games import get_game
from pawnzero.judge import judge, sample_positions, solver_for
from pawnzero.nets.evaluator import NetEvaluator
from pawnzero.pipeline import run_iteration
from pawnzero.players import NetPlayer
from pawnzero.selfplay_stage import latest_net
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("agent", type=Path)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="settings that differ from the file's")
    parser.add_argument("--core-minutes", type=float, required=True)
    parser.add_argument("--points", type=int, default=5)
    parser.add_argument("--count", type=int, default=600, help="positions to judge (connect four)")
    parser.add_argument("--judge-seed", type=int, default=1, help="which sample of positions")
    parser.add_argument("--sims", type=int, nargs="*", default=[0, 64])
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()

    try:
        overrides = dict(map(assignment, args.set))
        config = load_config(args.config, overrides)
    except UsageError as error:
        parser.error(str(error))
    critic = Judge(config.game, args.count, args.judge_seed, args.sims)
    agent = Agent.open_or_create(args.agent, config)
    curve: Dict[str, Any] = (
        read_json(args.out)
        if args.out.exists()
        else {
            "date": date.today().isoformat(),
            "machine": f"{platform.processor() or platform.machine()}, {platform.python_version()}",
            "config": to_json(config),
            "judged": {"count": len(critic.lines), "seed": args.judge_seed},
            "points": [{"core_minutes": 0.0, "minutes": 0.0, "iteration": 0, "positions": 0, **critic.look(agent, config)}],
        }
    )
    last = curve["points"][-1]
    so_far = curve.setdefault(
        "so_far", {"seconds": 60.0 * last["core_minutes"], "wall": 60.0 * last["minutes"], "positions": last["positions"]}
    )
    while so_far["seconds"] < 60.0 * args.core_minutes:
        due = 60.0 * args.core_minutes * len(curve["points"]) / args.points
        began, began_wall = time.process_time(), time.perf_counter()
        found = run_iteration(args.agent, config, device="cpu", use_amp=True)
        so_far["seconds"] += time.process_time() - began
        so_far["wall"] += time.perf_counter() - began_wall
        so_far["positions"] += found["selfplay"]["positions"]
        if so_far["seconds"] >= min(due, 60.0 * args.core_minutes):
            point = {
                "core_minutes": round(so_far["seconds"] / 60.0, 2),
                "minutes": round(so_far["wall"] / 60.0, 2),
                "iteration": found["iteration"],
                "positions": so_far["positions"],
                "train": {name: found["train"][name] for name in TRAINED},
                "selfplay": {name: found["selfplay"][name] for name in PLAYED},
                **critic.look(Agent.open(args.agent), config),
            }
            curve["points"].append(point)
            rates = ", ".join(f"{sims} sims {100 * point[str(sims)]['mistake_rate']:.2f} %" for sims in args.sims)
            print(f"{point['core_minutes']:.1f} core-minutes, {so_far['positions']:,} positions: mistakes {rates}", flush=True)
        write_json(args.out, curve)


if __name__ == "__main__":
    main()
