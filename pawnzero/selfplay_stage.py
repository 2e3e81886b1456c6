"""How an agent plays its games for training: with its latest net, into its replay buffer, and on after an interruption.

An iteration's games are known by their ids, so those that the buffer holds are not played again.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

from pawnzero.agent import Agent
from pawnzero.config import Config, to_json
from pawnzero.files import read_json, write_json
from pawnzero.games import get_game
from pawnzero.nets.checkpoint import load_checkpoint
from pawnzero.nets.evaluator import NetEvaluator
from pawnzero.nets.resnet import PolicyValueNet
from pawnzero.progress import Progress
from pawnzero.replay import ReplayBuffer
from pawnzero.resign import Outlooks
from pawnzero.search import leaves_a_tree
from pawnzero.selfplay import Workload, play_games
from pawnzero.summary import GamesSummary

_OUTSIDE_ITERATIONS = 1 << 62
"""Ids of games played by `pawnzero selfplay` start here, so that they never meet an iteration's."""
_SAVE_SHARE = 20.0
"""Between two notes of what self-play has found, so many times as long passes as writing one takes."""


def selfplay_stage(
    agent: Agent, config: Config, *, games: int, device: str = "auto", progress: Optional[Progress] = None
) -> Dict[str, Any]:
    """Play games with the agent's latest net into its replay buffer, outside any iteration."""
    progress = progress or Progress()
    with agent.lock():
        config = agent.adopt(config, progress)
        first = int(agent.metadata.get("games_outside_iterations", 0))
        agent.update(games_outside_iterations=first + games, config=to_json(config))
        summary = GamesSummary(get_game(config.game))
        numbers = [_OUTSIDE_ITERATIONS + n for n in range(first, first + games)]
        frozen = freeze(agent, config, games, progress)
        return _play(agent, config, numbers, summary, frozen, device, progress, save=lambda: None)


def iteration_games(
    agent: Agent, config: Config, number: int, frozen: Dict[str, Any], device: str, progress: Progress
) -> Dict[str, Any]:
    """Self-play of an iteration: the games of it that the buffer does not hold yet."""
    summary = GamesSummary(get_game(config.game), agent.metadata.get("selfplay_so_far"))
    ids = [(number << 32) + n for n in range(config.num_selfplay)]
    with open_replay(agent, config, progress) as buffer:
        left = [game_id for game_id in ids if not buffer.contains(game_id)]
    if len(left) < len(ids):
        progress.note(f"{len(ids) - len(left)} of {len(ids)} games were played before the interruption")
    return _play(
        agent, config, left, summary, frozen, device, progress, save=lambda: agent.update(selfplay_so_far=summary.state())
    )


def freeze(agent: Agent, config: Config, games: int, progress: Progress) -> Dict[str, Any]:
    """What adapts from iteration to iteration, as it is to be for the next `games` games.

    archive: first and last sequence number of the positions that games may restart from (none that those games could
    overwrite meanwhile); resign_below: see `Outlooks.threshold`; seed: of the games.
    """
    with open_replay(agent, config, progress) as buffer:
        newest = buffer.total
        first = max(newest - len(buffer) + 1, newest - buffer.capacity + 1 + games * config.selfplay.max_plies)
    threshold = _read_outlooks(agent).threshold(config.selfplay.resign_false_positives) if config.selfplay.resign else 0.0
    archive = [first, newest] if 1 <= first <= newest else None
    return {"archive": archive, "resign_below": threshold, "seed": config.seed}


def _play(
    agent: Agent,
    config: Config,
    numbers: List[int],
    summary: GamesSummary,
    frozen: Dict[str, Any],
    device: str,
    progress: Progress,
    save: Callable[[], None],
) -> Dict[str, Any]:
    """Play the games `numbers` into the replay buffer and add them to `summary`, whose figures are returned.

    `save` is called now and then, and at the end.
    """
    outlooks = _read_outlooks(agent)
    if numbers:
        evaluator = NetEvaluator(latest_net(agent), device, progress=progress)
        progress.note(f"self-play with {evaluator.description}")
        progress.start("self-play", len(numbers), "games")
        _play_with(evaluator, agent, config, numbers, summary, outlooks, frozen, progress, save)
        progress.finish()
    return {**summary.to_json(), "resignation": outlooks.to_json(frozen["resign_below"])}


def _play_with(
    evaluator: NetEvaluator,
    agent: Agent,
    config: Config,
    numbers: List[int],
    summary: GamesSummary,
    outlooks: Outlooks,
    frozen: Dict[str, Any],
    progress: Progress,
    save: Callable[[], None],
) -> None:
    game, workload = get_game(config.game), Workload()
    saved = started = time.monotonic()
    cost = 0.0
    before = summary.positions

    def tick() -> None:
        progress.advance(0, positions=before + workload.positions, draws=f"{summary.draw_rate:.0%}")

    with open_replay(agent, config, progress) as buffer:
        try:
            for record in play_games(
                game,
                evaluator,
                numbers,
                simulations=config.mcts_sims,
                search=config.search,
                settings=config.selfplay,
                seed=frozen["seed"],
                leaves=leaves_a_tree(config.search, config.num_selfplay),
                archive=buffer.archive(frozen["archive"]) if frozen["archive"] else None,
                resign_below=frozen["resign_below"],
                workload=workload,
                tick=tick,
            ):
                buffer.append(record)
                summary.add(record)
                outlooks.add(record, game)
                progress.advance(1, positions=before + workload.positions, draws=f"{summary.draw_rate:.0%}")
                if time.monotonic() - saved > _SAVE_SHARE * cost:
                    saved = time.monotonic()
                    save()
                    cost = time.monotonic() - saved
        finally:
            summary.spent(workload, time.monotonic() - started)
            save()
            write_json(_outlooks_file(agent), outlooks.state())


def _outlooks_file(agent: Agent) -> Path:
    return agent.experiments / "resignation.json"


def _read_outlooks(agent: Agent) -> Outlooks:
    path = _outlooks_file(agent)
    return Outlooks(read_json(path) if path.exists() else None)


def open_replay(agent: Agent, config: Config, progress: Progress) -> ReplayBuffer:
    """The agent's replay buffer, of the configured capacity."""
    buffer = ReplayBuffer(agent.replay, capacity=config.replay_capacity, game=config.game)
    if buffer.capacity != config.replay_capacity:
        progress.note(f"replay buffer resized from {buffer.capacity} to {config.replay_capacity} positions")
        buffer.resize(config.replay_capacity)
    return buffer


def untrained_net(agent: Agent) -> PolicyValueNet:
    """The net that the agent starts from."""
    return PolicyValueNet(agent.model, agent.game, agent.metadata["seed"])


def latest_net(agent: Agent) -> PolicyValueNet:
    """The net that plays an agent's self-play: the latest one's averaged weights, or the untrained one."""
    if not agent.latest.exists():
        return untrained_net(agent)
    return load_checkpoint(agent.latest, game=agent.game, model=agent.model).make_net(averaged=True)
