"""In which format self-play's net answers, and on which positions that is found out."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, List

import numpy as np
import pytest

from pawnzero.agent import Agent
from pawnzero.config import Config, ModelConfig, SelfplayConfig
from pawnzero.games import get_game
from pawnzero.games.line import Line
from pawnzero.nets.evaluator import NetEvaluator
from pawnzero.pipeline import selfplay as module
from pawnzero.pipeline.selfplay import selfplay_stage
from pawnzero.replay import ReplayBuffer
from pawnzero.search.evaluator import question_about

CONFIG = Config(game="tic_tac_toe", mcts_sims=4, replay_capacity=500, model=ModelConfig(channels=8, blocks=1))
FEW = 16


@pytest.fixture
def samples(monkeypatch: pytest.MonkeyPatch) -> List[Any]:
    """What the evaluators were given to be fitted on, in their order; few positions do."""
    given: List[Any] = []

    def noting(*arguments: Any, sample: Any = None, **others: Any) -> NetEvaluator:
        given.append(sample)
        return NetEvaluator(*arguments, **others)

    monkeypatch.setattr(module, "NetEvaluator", noting)
    monkeypatch.setattr(module, "SAMPLE", FEW)
    return given


def test_the_games_before_are_what_it_is_fitted_on(tmp_path: Path, samples: List[Any]) -> None:
    agent = Agent.create(tmp_path / "A", CONFIG)
    selfplay_stage(agent, CONFIG, games=6, device="cpu")
    selfplay_stage(agent, CONFIG, games=6, device="cpu")
    none, sample = samples
    assert none is None  # nothing had been played
    assert len(sample) == FEW
    game = get_game(CONFIG.game)
    played = ReplayBuffer(agent.replay).newest_games(12)[6:]  # the newest first
    stood = [Line.from_actions(game, one.line.actions[:ply]) for one in played for ply in range(len(one.line.actions))]
    known = {question_about(game, [line]).bits.tobytes() for line in stood}
    drawn = [row.tobytes() for row in sample.bits]
    assert set(drawn) <= known
    assert len(set(drawn[: FEW // 2])) > 1
    assert len(set(drawn[FEW // 2 :])) > 1
    assert (sample.count >= 1).all()
    assert all(len(set(row[:count].tolist())) == count for row, count in zip(sample.legal, sample.count))


def test_it_can_be_switched_off(tmp_path: Path, samples: List[Any]) -> None:
    config = dataclasses.replace(CONFIG, selfplay=SelfplayConfig(int8=False))
    agent = Agent.create(tmp_path / "A", config)
    for _ in range(2):
        selfplay_stage(agent, config, games=6, device="cpu")
    assert samples == [None, None]


def test_what_is_left_of_a_stage_is_fitted_on_the_same_positions(tmp_path: Path, samples: List[Any]) -> None:
    agent = Agent.create(tmp_path / "A", CONFIG)
    selfplay_stage(agent, CONFIG, games=6, device="cpu")
    frozen = module.begin_games(agent, CONFIG, module.Progress())
    before = module._sample(agent, CONFIG, frozen, module.Progress())
    selfplay_stage(agent, CONFIG, games=6, device="cpu")
    after = module._sample(agent, CONFIG, frozen, module.Progress())
    assert before is not None
    assert after is not None
    assert np.array_equal(before.bits, after.bits)


@pytest.mark.parametrize(("games", "over"), [(3, 3), (12, 6)])
def test_also_where_the_buffer_is_full_and_its_oldest_positions_are_overwritten(
    tmp_path: Path, samples: List[Any], monkeypatch: pytest.MonkeyPatch, games: int, over: int
) -> None:
    """3 games can overwrite at most 27 of the 100 positions. 12 could overwrite all; the first 6 leave 46 at least."""
    monkeypatch.setattr(module, "_SAMPLED", 2 * FEW)
    config = dataclasses.replace(CONFIG, replay_capacity=100, selfplay=SelfplayConfig(max_plies=9))
    agent = Agent.create(tmp_path / "A", config)
    selfplay_stage(agent, config, games=20, device="cpu")
    config = dataclasses.replace(config, num_selfplay=games)
    frozen = module.begin_games(agent, config, module.Progress())
    before = module._sample(agent, config, frozen, module.Progress())
    selfplay_stage(agent, config, games=over, device="cpu")
    after = module._sample(agent, config, frozen, module.Progress())
    assert len(ReplayBuffer(agent.replay)) == 100
    assert before is not None
    assert after is not None
    assert len({row.tobytes() for row in before.bits}) > FEW // 2
    assert np.array_equal(before.bits, after.bits)


def test_a_stage_whose_positions_were_overwritten_goes_on_without(tmp_path: Path, samples: List[Any]) -> None:
    config = dataclasses.replace(CONFIG, replay_capacity=40)
    agent = Agent.create(tmp_path / "A", config)
    selfplay_stage(agent, config, games=6, device="cpu")
    frozen = module.begin_games(agent, config, module.Progress())
    assert module._sample(agent, config, frozen, module.Progress()) is not None
    selfplay_stage(agent, config, games=4, device="cpu")
    left = 40 - (ReplayBuffer(agent.replay).total - frozen["sample"][1])
    assert 0 < left < FEW  # copies of a few positions would tell little, and that little twice
    assert module._sample(agent, config, frozen, module.Progress()) is None
