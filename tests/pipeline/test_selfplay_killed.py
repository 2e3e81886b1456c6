"""Self-play whose process is killed outright goes on, and its figures are those of a run that was never stopped."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict

from pawnzero.agent import Agent
from pawnzero.config import Config, ModelConfig, SelfplayConfig
from pawnzero.machine import remembered
from pawnzero.pipeline.selfplay import selfplay_stage
from pawnzero.progress import Figure, Progress
from pawnzero.replay import ReplayBuffer

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


def start(folder: Path) -> subprocess.Popen[bytes]:
    """Play in a process of its own. All of them know of this machine what the first one found out, its number format too."""
    command = [sys.executable, "-m", "tests.pipeline.test_selfplay_killed", str(folder), str(folder.parent)]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def play(folder: Path) -> Dict[str, Any]:
    with start(folder) as process:
        process.communicate()
    assert process.returncode == 0
    figures: Dict[str, Any] = json.loads(folder.with_suffix(".json").read_text())
    return figures


def play_and_be_killed(folder: Path, after: int) -> None:
    """Kill the process, wherever it may be when it has told of `after` games."""
    with start(folder) as process:
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(after)]
        process.kill()
    assert told == [b"a game\n"] * after
    assert process.returncode != 0


def test_nothing_is_lost_and_nothing_counted_twice(tmp_path: Path) -> None:
    killed = tmp_path / "killed"
    play_and_be_killed(killed, 9)
    assert 9 <= ReplayBuffer(Agent.open(killed).replay).games_stored < GAMES
    figures, whole = play(killed), play(tmp_path / "whole")
    buffer = ReplayBuffer(Agent.open(killed).replay)
    assert buffer.games_stored == len(set(buffer.last_game_ids(20_000))) == figures["games"] == GAMES
    assert len(buffer) == len(ReplayBuffer(Agent.open(tmp_path / "whole").replay))
    for name in set(whole) - set(_OF_THE_CLOCK):
        assert figures[name] == whole[name], name


if __name__ == "__main__":
    place, cache = Path(sys.argv[1]), Path(sys.argv[2])
    remembered.cache_home = lambda: cache
    agent = Agent.open(place) if place.exists() else Agent.create(place, CONFIG)
    found = selfplay_stage(agent, CONFIG, games=GAMES, device="cpu", progress=_Telling())
    place.with_suffix(".json").write_text(json.dumps(found))
