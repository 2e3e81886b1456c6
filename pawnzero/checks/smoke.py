"""Smoke test of an installation: the integrity checks, then one quick game."""

from __future__ import annotations

import time
from typing import Any, Dict, Optional

from pawnzero.checks.rules import run_checks
from pawnzero.config import Config, SelfplayConfig
from pawnzero.games import get_game
from pawnzero.nets import make_model
from pawnzero.nets.evaluator import NetEvaluator
from pawnzero.progress import Progress
from pawnzero.selfplay.loop import play_games
from pawnzero.selfplay.table import Workload


def smoke(*, device: str = "auto", progress: Optional[Progress] = None) -> Dict[str, Any]:
    """Run the integrity checks, then validate one quick game of a small net against itself.

    Touches no agent; files are written only in the cache folder. Returns figures with `ok`; `faults` lists failed checks and
    what is wrong with the game.
    """
    progress = progress or Progress()
    report = run_checks("quick", progress=progress)
    game = get_game("chess")
    net = make_model("cpu", channels=16, blocks=2)
    config = Config(mcts_sims=16, selfplay=SelfplayConfig(max_plies=60))
    workload = Workload()
    started = time.monotonic()
    progress.start("one quick game", 1, "games")
    (record,) = play_games(
        game,
        NetEvaluator(net, device, progress=progress),
        [0],
        simulations=config.mcts_sims,
        search=config.search,
        settings=config.selfplay,
        seed=config.seed,
        workload=workload,
    )
    progress.advance(1)
    progress.finish()
    faults = [f"check {row.name}: {row.found}, expected {row.expected}" for row in report.rows if not row.ok]
    faults += record.faults(game)
    return {
        "ok": not faults,
        "faults": faults,
        "checks": len(report.rows),
        "plies": len(record),
        "ending": game.endings[record.ending],
        "simulations": workload.simulations,
        "seconds": round(time.monotonic() - started, 3),
    }
