"""An agent whose metadata.json is gone: made again around what is left, and only as the agent that it was."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from pawnzero.agent import Agent
from pawnzero.config import ModelConfig
from pawnzero.errors import PawnzeroError
from pawnzero.nets.checkpoint import Checkpoint, save_checkpoint
from pawnzero.nets.resnet import PolicyValueNet
from pawnzero.replay import ReplayBuffer
from pawnzero.selfplay.records import OUTSIDE_ITERATIONS
from tests.agent.test_agent import SMALL
from tests.iterations import Notes
from tests.pipeline.test_iterations_record import found
from tests.train.random_games import fill, random_record


def test_lost_metadata_is_made_again_around_the_other_files(tmp_path: Path) -> None:
    agent = Agent.create(tmp_path / "A", SMALL)
    fill(agent.replay, games=1)
    content = agent.replay.read_bytes()
    (agent.directory / "metadata.json").unlink()
    assert Agent.open_or_create(tmp_path / "A", SMALL).replay.read_bytes() == content


def test_lost_metadata_goes_on_after_the_last_finished_iteration_and_says_so(tmp_path: Path) -> None:
    agent, notes = Agent.create(tmp_path / "A", SMALL), Notes()
    with agent.lock():
        for number in range(3):
            agent.finish(found(number))
    (agent.directory / "metadata.json").unlink()
    again = Agent.open_or_create(tmp_path / "A", SMALL, notes)
    assert again.iterations == [found(0), found(1), found(2)]
    assert notes.texts == ["A's metadata.json was missing and has been recreated; the next iteration is 3"]


def test_lost_metadata_counts_the_games_outside_iterations(tmp_path: Path) -> None:
    agent = Agent.create(tmp_path / "A", SMALL)
    assert "games_outside_iterations" not in agent.metadata
    with ReplayBuffer(agent.replay, capacity=500, game=SMALL.game) as buffer:
        for game_id in (1, OUTSIDE_ITERATIONS + 6, OUTSIDE_ITERATIONS + 4):
            buffer.append(random_record(game_id))
    (agent.directory / "metadata.json").unlink()
    assert Agent.open_or_create(tmp_path / "A", SMALL).metadata["games_outside_iterations"] == 7


@pytest.mark.parametrize("left", ["games", "net"])
def test_lost_metadata_is_not_made_again_for_another_game(tmp_path: Path, left: str) -> None:
    agent = Agent.create(tmp_path / "A", SMALL)
    if left == "games":
        fill(agent.replay, games=1)
    else:
        weights = PolicyValueNet(SMALL.model, SMALL.game).state_dict()
        save_checkpoint(agent.latest, Checkpoint(SMALL.game, SMALL.model, 5, 1, weights, weights))
    (agent.directory / "metadata.json").unlink()
    with pytest.raises(PawnzeroError, match="tic_tac_toe"):
        Agent.create(tmp_path / "A", dataclasses.replace(SMALL, game="connect_four"))
    if left == "net":
        with pytest.raises(PawnzeroError, match=r"a net of .*, expected 16 channels"):
            Agent.create(tmp_path / "A", dataclasses.replace(SMALL, model=ModelConfig(channels=16, blocks=1)))
    Agent.create(tmp_path / "A", SMALL)
