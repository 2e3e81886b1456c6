"""Each alarm is raised by its illness, and by nothing that a healthy run shows."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, Dict, List, Sequence

import pytest

from pawnzero.alarms import selfplay_alarms, training_alarms
from pawnzero.config import Config, ModelConfig, SelfplayConfig
from pawnzero.pipeline.iteration import run_iteration
from pawnzero.progress import Progress
from pawnzero.settings import SETTINGS


def games(count: int, drawn: int = 0, **more: Any) -> Dict[str, Any]:
    """The figures of `count` healthy games of which `drawn` were drawn by repetition."""
    healthy = {
        "games": count,
        "draws": drawn,
        "adjudicated": 0,
        "endings": {"checkmate": count - drawn, "repetition": drawn},
        "distinct_openings": count,
        "full_search_share": 1.0,
        "policy_entropy": 1.5,
    }
    return {**healthy, **more}


def names(figures: Dict[str, Any]) -> List[str]:
    return [alarm.name for alarm in selfplay_alarms(figures)]


def test_nearly_all_draws() -> None:
    (alarm,) = selfplay_alarms(games(100, drawn=97, adjudicated=3))
    assert alarm.name == "draws"
    assert "97 of 100 games were drawn, 3 at the ply limit" in alarm.text
    assert "selfplay.random_opening_share" in alarm.text
    (alarm,) = selfplay_alarms(games(100, drawn=97, adjudicated=90))
    assert "selfplay.max_plies" in alarm.text


@pytest.mark.parametrize(
    "figures",
    [
        games(100, drawn=88),  # untrained nets of chess
        games(19, drawn=19),  # too few games to say
        games(20, drawn=18),
        games(100, drawn=97, endings={"board full": 97}),  # tic-tac-toe played well
    ],
)
def test_many_draws_that_are_no_illness(figures: Dict[str, Any]) -> None:
    assert names(figures) == []


def test_draws_of_small_sets_add_up() -> None:
    small = games(10, drawn=10)
    assert not selfplay_alarms(small, [small] * 2)
    (alarm,) = selfplay_alarms(small, [games(500)] + [small] * 9)
    assert "40 of 40 games were drawn" in alarm.text
    assert not selfplay_alarms(small, [small] * 9 + [games(50)])


def test_few_openings() -> None:
    assert names(games(40, distinct_openings=2)) == ["openings"]
    assert names(games(40, distinct_openings=8)) == []
    assert names(games(10, distinct_openings=1)) == []
    (alarm,) = selfplay_alarms(games(40, distinct_openings=2))
    assert alarm.text.endswith("raise selfplay.temperature or selfplay.random_opening_share")
    (alarm,) = selfplay_alarms(games(40, distinct_openings=2, full_search_share=0.24))
    assert alarm.text.endswith("raise selfplay.full_search_share or selfplay.random_opening_share")


def test_a_search_that_settles_on_one_move() -> None:
    assert names(games(40, policy_entropy=0.03)) == ["search_collapse"]
    assert names(games(40, policy_entropy=0.2)) == []  # tic-tac-toe, trained
    assert names(games(40, policy_entropy=None)) == []  # nothing was searched fully


def records(losses: Sequence[float], held_out: Sequence[float], target: float = 1.0, net: float = 1.5) -> List[Dict[str, Any]]:
    return [
        {"step": 100 * n, "loss": loss, "held_out_loss": held, "target_entropy": target, "policy_entropy": net}
        for n, (loss, held) in enumerate(zip(losses, held_out), 1)
    ]


FALLING = (2.0, 1.98, 1.97, 1.8, 1.79, 1.78)
RISING = (2.1, 2.12, 2.11, 2.3, 2.33, 2.31)


def test_a_net_surer_than_its_teacher() -> None:
    (alarm,) = training_alarms(records(FALLING, FALLING, target=1.0, net=0.4))
    assert alarm.name == "policy_collapse"
    assert "0.400 nats of entropy against 1.000" in alarm.text
    assert not training_alarms(records(FALLING, FALLING, target=1.0, net=0.9))
    assert not training_alarms(records(FALLING, FALLING, target=0.0, net=0.0))


def test_games_learned_by_heart() -> None:
    (alarm,) = training_alarms([*records((5.0,), (5.0,)), *records(FALLING, RISING)])
    assert alarm.name == "overfitting"
    assert "from step 100 to 600 the loss on held-out games rose by 0.203 while the training loss fell by 0.193" in alarm.text


@pytest.mark.parametrize(
    ("losses", "held_out"),
    [
        (FALLING, FALLING),
        (RISING, RISING),  # newer games are harder
        (RISING, FALLING),
        (FALLING, (2.1, 2.4, 2.0, 2.3, 2.1, 2.5)),  # scatter
        (FALLING, (2.0, 2.1, 2.2, 2.15, 2.25, 2.35)),  # a rise of twice its standard error
        ((2.0, 1.7, 2.1, 1.9, 1.6, 2.0), RISING),
        (FALLING[:5], RISING[:5]),  # too few to say
    ],
)
def test_no_overfitting(losses: Sequence[float], held_out: Sequence[float]) -> None:
    assert not training_alarms(records(losses, held_out))


def valued(gaps: Sequence[float]) -> List[Dict[str, Any]]:
    """Records whose value has these losses on held-out games above 0.5, which it has on its own."""
    return [
        {**record, "value_loss": 0.5, "held_out_value_loss": 0.5 + gap}
        for record, gap in zip(records((2.0,) * 6, (2.0,) * 6), gaps)
    ]


def test_results_of_single_games_learned_by_heart() -> None:
    (alarm,) = training_alarms(valued((0.24, 0.2, 0.22, 0.25, 0.21, 0.26)))
    assert alarm.name == "value_overfitting"
    assert "the value loss is 0.730 on held-out games but 0.500 on the games trained on, " in alarm.text


@pytest.mark.parametrize(
    "gaps",
    [
        (0.08, 0.06, 0.09, 0.07, 0.08, 0.09),
        (0.5, 0.0, 0.4, -0.1, 0.3, 0.2),  # scatter
        (0.4, 0.4, 0.4, 0.4, 0.4),  # too few to say
        (-0.2, -0.2, -0.2, -0.2, -0.2, -0.2),
    ],
)
def test_no_results_by_heart(gaps: Sequence[float]) -> None:
    assert not training_alarms(valued(gaps))


def test_no_records_and_records_without_held_out_games_raise_nothing() -> None:
    bare = [{name: value for name, value in record.items() if name != "held_out_loss"} for record in records(FALLING, RISING)]
    assert not training_alarms([])
    assert not training_alarms(bare)


def test_records_of_cheap_searches_alone_have_no_policy_and_raise_nothing() -> None:
    of_policy = ("loss", "policy_entropy", "target_entropy")
    assert not training_alarms([{k: v for k, v in record.items() if k not in of_policy} for record in records(FALLING, RISING)])


def test_what_helps_are_settings() -> None:
    ill = [games(100, drawn=97), games(100, drawn=97, adjudicated=90), games(40, distinct_openings=2, policy_entropy=0.03)]
    alarms = [alarm for figures in ill for alarm in selfplay_alarms(figures)]
    alarms += training_alarms(records(FALLING, RISING, target=1.0, net=0.4)) + training_alarms(valued((0.2,) * 6))
    trained = {"policy_collapse", "overfitting", "value_overfitting"}
    assert {alarm.name for alarm in alarms} == {"draws", "openings", "search_collapse"} | trained
    for alarm in alarms:
        words = [word.strip(",;()") for word in alarm.text.split()]
        named = [word for word in words if ("." in word and word[0].isalpha()) or "_" in word]
        assert named
        assert not [word for word in named if word not in SETTINGS]


class Told(Progress):
    def __init__(self) -> None:
        self.notes: List[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def test_an_iteration_says_and_keeps_its_alarms(tmp_path: Path) -> None:
    healthy = Config(
        game="tic_tac_toe",
        mcts_sims=8,
        num_selfplay=40,
        batch_size=16,
        trainer_iters=5,
        replay_capacity=500,
        eval_games=2,
        model=ModelConfig(channels=8, blocks=1),
    )
    told = Told()
    found = run_iteration(tmp_path / "A", healthy, device="cpu", progress=told)
    assert found["alarms"] == []
    assert not [note for note in told.notes if "alarm" in note]
    ill = dataclasses.replace(healthy, selfplay=SelfplayConfig(max_plies=3))
    found = run_iteration(tmp_path / "A", ill, device="cpu", progress=told)
    assert [alarm["name"] for alarm in found["alarms"]] == ["draws"]
    assert [note for note in told.notes if "alarm" in note] == [f"alarm: {found['alarms'][0]['text']}"]
    again = run_iteration(tmp_path / "A", ill, iteration=1, device="cpu")
    assert again["alarms"] == found["alarms"]
