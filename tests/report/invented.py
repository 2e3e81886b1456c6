"""An agent with an invented history, whose games alone are real, and a ladder."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Dict, List

from pawnzero.agent import Agent
from pawnzero.arena.match import play_match
from pawnzero.arena.openings import openings
from pawnzero.arena.players import parse_player
from pawnzero.config import Config, SearchConfig, SelfplayConfig
from pawnzero.files import write_json
from pawnzero.files.journal import Journal
from pawnzero.games import get_game
from pawnzero.pipeline.match_log import append_row
from pawnzero.replay import ReplayBuffer
from pawnzero.search import UniformEvaluator
from pawnzero.selfplay.loop import play_games


def invent(directory: Path, iterations: int, game: str = "connect_four") -> Agent:
    """An agent with so many iterations behind it: invented figures, a real match of random movers, real self-play."""
    config = Config(game=game, mcts_sims=8, replay_capacity=500)
    agent = Agent.create(directory / "Invented", config)
    with agent.lock():
        for number in range(iterations):
            agent.finish(_iteration(number))
    if iterations:
        write_json(agent.experiments / "train.json", [_record(step) for step in range(10, 20 * iterations + 1, 10)])
        for number in range(iterations):
            append_row(agent.experiments / "arena.csv", _match(number))
        _play_match(agent)
    _play_themselves(agent, config)
    return agent


def found_again(agent: Agent, iterations: List[Dict[str, Any]]) -> Agent:
    """The agent whose iterations have found this instead."""
    with Journal(agent.experiments / "iterations.jsonl") as log:
        for found in iterations:
            log.add(found)
    return Agent.open(agent.directory)


def _iteration(number: int) -> Dict[str, Any]:
    return {
        "iteration": number,
        "selfplay": {
            "games": 60,
            "positions": 1200 + number,
            "mean_plies": 20.0 + number / 10,
            "first_player_wins": 30,
            "second_player_wins": 25,
            "draws": 5,
            "draw_rate": 0.0833,
            "adjudicated": 0,
            "endings": {"four in a row": 55, "board full": 5},
            "distinct_openings": 55 - number % 7,
            "nodes_per_second": 4321.0 + number,
        },
        "train": {"step": 20 * (number + 1), "samples_per_second": 900.0},
        "arena": {"mean_plies": 22.0},
        "seconds": 72.0,
        "promoted": number % 2 == 0,
    }


def _record(step: int) -> Dict[str, Any]:
    return {
        "step": step,
        "epoch": step // 20,
        "loss": 2.9,
        "policy_loss": 1.9 * math.exp(-step / 500),
        "value_loss": 0.987654,
        "opponent_policy_loss": 1.25,
        "held_out_policy_loss": 1.95,
        "policy_entropy": 1.8,
        "target_entropy": 1.2,
    }


def _match(number: int) -> Dict[str, Any]:
    return {
        "time": "2026-11-25T03:00:00+00:00",
        "iteration": number,
        "step": 20 * (number + 1),
        "opponent": "untrained net" if number == 0 else "Invented best (step 20)",
        "games": 20,
        "wins": 11,
        "draws": 2,
        "losses": 7,
        "score": 0.6,
        "score_low": 0.41,
        "score_high": 0.76,
        "pairs": [1, 1, 4, 1, 3],
        "threshold": 0.55,
        "promoted": number % 2 == 0,
    }


def _play_themselves(agent: Agent, config: Config) -> None:
    games = play_games(
        get_game(agent.game),
        UniformEvaluator(),
        range(3),
        simulations=4,
        search=SearchConfig(),
        settings=SelfplayConfig(max_plies=30),
        seed=5,
    )
    with ReplayBuffer(agent.replay, config.replay_capacity, agent.game) as buffer:
        for record in games:
            buffer.append(record)


def _play_match(agent: Agent) -> None:
    game = get_game(agent.game)
    players = [
        parse_player("random", game=game, seed=seed, device="cpu", simulations=1, search=SearchConfig()) for seed in (1, 2)
    ]
    pgn = agent.experiments / "last_arena.pgn"
    play_match(*players, games=8, openings=openings(game, 4, seed=3), game=game, max_plies=40, pgn=pgn)


def ladder() -> Dict[str, Any]:
    """A ladder on which step 200 stands some 120 Elo above step 20, as their games say; bounds of ±30 each are invented."""

    def player(name: str, kind: str, elo: Any, step: Any = None) -> Dict[str, Any]:
        spent = {"step": step, "positions": step and 50 * step, "hours": step and step / 1000}
        bounds = {"elo_low": None if elo is None else elo - 30, "elo_high": None if elo is None else elo + 30}
        return {"name": name, "spec": name, "kind": kind, "games": 40, "elo": elo, **bounds, **spent}

    players = [
        player("random", "random", 0.0),
        player("step 200", "checkpoint", 210.0, 200),
        player("step 20", "checkpoint", 90.0, 20),
        player("fairymax & co", "engine", 215.0),
        player("step 500", "checkpoint", None, 500),
    ]
    head = {"format": 1, "game": "connect_four", "simulations": 8, "anchor": {"player": "random", "elo": 0.0}}
    pairings = [pairing("step 200", "step 20", [5, 8, 29, 31, 27]), pairing("step 20", "random", [4, 6, 20, 12, 8])]
    return {**head, "players": players, "pairings": pairings, "updated": "2026-11-25T03:00:00+00:00"}


def pairing(first: str, second: str, pairs: List[int]) -> Dict[str, Any]:
    """What a ladder keeps of the games of two players."""
    won, drawn, lost = 2 * pairs[4] + pairs[3], pairs[3] + 2 * pairs[2] + pairs[1], pairs[1] + 2 * pairs[0]
    games = {"games": 2 * sum(pairs), "wins": won, "draws": drawn, "losses": lost}
    return {"first": first, "second": second, **games, "pairs": pairs}
