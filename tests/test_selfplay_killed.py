"""Self-play whose process is killed outright goes on, and its figures are those of a run that was never stopped."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any, Dict

from pawnzero.agent import Agent
from pawnzero.config import Config, ModelConfig, SelfplayConfig
from pawnzero.progress import Figure, Progress
from pawnzero.replay import ReplayBuffer
from pawnzero.selfplay_stage import selfplay_stage

GAMES = 80
CONFIG = Config(
    game="connect_four",
    mcts_sims=8,
    replay_capacity=20_000,
    model=ModelConfig(channels=8, blocks=1),
    selfplay=SelfplayConfig(games_in_flight=6, full_search_share=0.5, cheap_sims=4, random_opening_share=0.3),
)
_OF_THE_CLOCK = ("seconds", "nodes_per_second", "phases", "simulations", "evaluations")


class _Telling(Progress):
    def advance(self, count: int = 1, **figures: Figure) -> None:
        if count:
            print("a game", flush=True)


def play(folder: Path, progress: Progress) -> Dict[str, Any]:
    agent = Agent.open(folder) if folder.exists() else Agent.create(folder, CONFIG)
    return selfplay_stage(agent, CONFIG, games=GAMES, device="cpu", progress=progress)


def play_and_be_killed(folder: Path, after: int) -> None:
    """Play in a process of its own, which is killed wherever it may be when it has told of `after` games."""
    with subprocess.Popen([sys.executable, "-m", "tests.test_selfplay_killed", str(folder)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(after)]
        process.kill()
    assert told == [b"a game\n"] * after
    assert process.returncode != 0


def test_nothing_is_lost_and_nothing_counted_twice(tmp_path: Path) -> None:
    killed = tmp_path / "killed"
    play_and_be_killed(killed, 9)
    assert 9 <= ReplayBuffer(Agent.open(killed).replay).games_stored < GAMES
    figures, whole = play(killed, Progress()), play(tmp_path / "whole", Progress())
    buffer = ReplayBuffer(Agent.open(killed).replay)
    assert buffer.games_stored == len(set(buffer.last_game_ids(20_000))) == figures["games"] == GAMES
    assert len(buffer) == len(ReplayBuffer(Agent.open(tmp_path / "whole").replay))
    for name in set(whole) - {*_OF_THE_CLOCK, "resignation"}:
        assert figures[name] == whole[name], name


if __name__ == "__main__":
    play(Path(sys.argv[1]), _Telling())
