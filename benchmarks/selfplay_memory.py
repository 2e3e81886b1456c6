"""Whether self-play's memory stays flat: what the process occupies after some minutes of endless play with a small net.

python benchmarks/selfplay_memory.py --game chess --minutes 1 3 5
"""

from __future__ import annotations

import argparse
import collections
import itertools
import os
import threading
import time
from pathlib import Path

from pawnzero.config import Config
from pawnzero.games import GAME_NAMES, get_game
from pawnzero.nets import make_model
from pawnzero.nets.evaluator import NetEvaluator
from pawnzero.search import leaves_a_tree
from pawnzero.search.tree import bytes_a_tree
from pawnzero.selfplay.in_flight import crew
from pawnzero.selfplay.loop import play_games
from pawnzero.selfplay.table import Workload


def resident() -> float:
    """Resident memory of this process in megabytes (Linux)."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--game", choices=GAME_NAMES, default="chess")
    parser.add_argument("--channels", type=int, default=16)
    parser.add_argument("--blocks", type=int, default=2)
    parser.add_argument("--simulations", type=int, default=Config().mcts_sims)
    parser.add_argument("--minutes", type=float, nargs="+", default=[1.0, 3.0, 5.0], help="after which to look")
    options = parser.parse_args()
    game = get_game(options.game)
    evaluator = NetEvaluator(make_model("cpu", options.channels, options.blocks, game=options.game), "cpu")
    leaves = leaves_a_tree(Config().search, None).usual
    playing = crew(game, options.simulations, evaluator.appetite, leaves=leaves)
    trees = playing.games * bytes_a_tree(game, options.simulations) / 1e6
    shape = f"{options.channels}x{options.blocks}"
    print(f"{options.game}, {shape}, {options.simulations} simulations: {playing.games} games at once")
    print(f"before   {resident():8.1f} MB, to which come {trees:.1f} MB of trees", flush=True)
    config, workload, stop = Config(), Workload(), threading.Event()
    records = play_games(
        game,
        evaluator,
        itertools.count(),
        simulations=options.simulations,
        search=config.search,
        settings=config.selfplay,
        seed=0,
        workload=workload,
        stop=stop,
    )
    player = threading.Thread(target=lambda: collections.deque(records, maxlen=0), daemon=True)
    started = time.monotonic()
    player.start()
    for minutes in options.minutes:
        player.join(max(0.0, started + 60 * minutes - time.monotonic()))
        print(f"{minutes:3.0f} min  {resident():8.1f} MB, {workload.positions:>10,} moves", flush=True)
    stop.set()
    player.join()


if __name__ == "__main__":
    main()
