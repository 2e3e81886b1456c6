"""What a training sample costs, by the number of rows in the replay file: it should not matter.

Fills files with chess positions of random games in a temporary folder, and prints a table:

    python benchmarks/replay_sampling.py --rows 10000 10000000

A file of 10 million rows takes 3 GB of disk. Samples are timed just after opening the file, while its pages are being mapped,
and again once the whole file has been touched, as soon happens in a training run.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import List

import numpy as np

from pawnzero.games import get_game
from pawnzero.replay import ReplayBuffer, Sampler
from pawnzero.selfplay.records import GameRecord


def random_game(number: int, plies: int = 100) -> GameRecord:
    """A chess game of random moves with random policies."""
    game = get_game("chess")
    rng = np.random.default_rng(number)
    states: List[np.ndarray] = []
    actions: List[int] = []
    policies: List[np.ndarray] = []
    state = game.initial()
    while len(states) < plies:
        look = game.look(state)
        count = int(look.count[0])
        if count == 0:
            break
        states.append(state)
        actions.append(int(look.legal[0, rng.integers(count)]))
        policies.append(rng.dirichlet(np.full(count, 0.3)).astype(np.float32))
        state = game.after(state, actions[-1])
    length = len(states)
    return GameRecord(
        game="chess",
        game_id=number,
        context=0,
        states=np.array(states),
        actions=np.array(actions, np.int16),
        repeated=np.zeros(length, np.uint8),
        policy_start=np.concatenate([[0], np.cumsum([len(policy) for policy in policies])]),
        policy=np.concatenate(policies),
        root_wdl=rng.dirichlet([1.0, 1.0, 1.0], length).astype(np.float32),
        full_search=np.ones(length, np.uint8),
        simulations=np.full(length, 64, np.int32),
        final_state=state,
        ending=2,
        result=0,
    )


def private_memory() -> float:
    """Memory of this process without the mapped file, in MB (Linux; elsewhere 0)."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return sum(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


def microseconds(sampler: Sampler, size: int, seconds: float) -> float:
    """CPU time per sample, in microseconds, over at least `seconds`."""
    steps = 0
    started = time.process_time()
    while time.process_time() - started < seconds:
        sampler.batch(steps, size)
        steps += 1
    return (time.process_time() - started) / (steps * size) * 1e6


def measure(path: Path, rows: int, games: List[GameRecord], size: int, seconds: float) -> str:
    """Measure one line of the table."""
    buffer = ReplayBuffer(path, rows, "chess")
    started = time.process_time()
    number = 0
    while buffer.total < rows:
        buffer.append(replace(games[number % len(games)], game_id=number))
        number += 1
    appending = (time.process_time() - started) / buffer.total * 1e6
    started = time.process_time()
    buffer = ReplayBuffer(path)
    opening = (time.process_time() - started) * 1e3
    sampler = buffer.sampler(seed=0)
    first = microseconds(sampler, size, seconds)
    stored = buffer.games_stored  # reads the whole file, which maps all of it
    memory = private_memory()
    cost = microseconds(sampler, size, seconds)
    grown = private_memory() - memory
    return f"{rows:>12,} {stored:>9,} {appending:>9.2f} {opening:>8.2f} {first:>9.2f} {cost:>9.2f} {grown:>9.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 10_000_000])
    parser.add_argument("--batch", type=int, default=256, help="samples a batch")
    parser.add_argument("--seconds", type=float, default=3.0, help="measured time a figure")
    options = parser.parse_args()
    games = [random_game(number) for number in range(50)]
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder) / "warm.pt", 1000, games, options.batch, 0.1)
        print("CPU time in us. Append: a row. First, sample: a sample, just opened and all mapped. Memory: MB sampling adds.")
        print(f"{'rows':>12} {'games':>9} {'append':>9} {'open ms':>8} {'first':>9} {'sample':>9} {'memory':>9}")
        for rows in options.rows:
            print(measure(Path(folder) / f"{rows}.pt", rows, games, options.batch, options.seconds))


if __name__ == "__main__":
    main()
