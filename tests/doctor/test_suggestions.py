"""Which settings are suggested for machines that others have."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, Optional

import pytest
from machines import GIB, H200, RX580, machine

from pawnzero.config import to_json
from pawnzero.doctor.suggestions import Use, as_config, suggest
from pawnzero.files import write_json
from pawnzero.settings import load_config

CPU = Use("cpu", "bfloat16", games_in_flight=512, threads=2)
CARD = Use("cuda:0", "bfloat16", games_in_flight=4096, threads=16)


def values(use: Use, speed: Optional[float], **changes: Any) -> Dict[str, float]:
    return {one.setting: one.value for one in suggest(machine(**changes), use, speed)}


@pytest.mark.parametrize(("speed", "net"), [(500.0, (32, 4)), (23_000.0, (64, 6)), (900_000.0, (128, 10))])
def test_the_net_suits_the_measured_speed(speed: float, net: Any) -> None:
    found = values(CPU, speed)
    assert (found["model.channels"], found["model.blocks"]) == net


@pytest.mark.parametrize(
    ("use", "cards", "net"),
    [
        (CPU, (), (64, 6)),
        (replace(CPU, precision="float32"), (), (32, 4)),
        (replace(CARD, precision="float32"), (RX580,), (64, 6)),
        (CARD, (H200,), (128, 10)),
    ],
)
def test_without_a_measurement_the_net_suits_the_hardware(use: Use, cards: Any, net: Any) -> None:
    found = values(use, None, cards=cards)
    assert (found["model.channels"], found["model.blocks"]) == net


@pytest.mark.parametrize(("gigabytes", "batch"), [(4, 32), (6, 64), (8, 128), (24, 256), (139, 512)])
def test_the_batch_suits_the_cards_memory(gigabytes: int, batch: int) -> None:
    assert values(CARD, None, cards=(replace(RX580, memory=gigabytes * GIB),))["batch_size"] == batch


def test_a_cpu_keeps_the_default_batch() -> None:
    assert values(CPU, None, cards=(replace(RX580, device=""),))["batch_size"] == 64


def test_an_iteration_plays_as_many_games_as_fit_at_once_and_no_longer_than_twenty_minutes() -> None:
    assert values(CPU, 23_000.0)["num_selfplay"] == 512
    slow = {one.setting: one for one in suggest(machine(), CPU, 100.0)}["num_selfplay"]
    # 6 times as fast with the net suggested: 614 simulations/s of 120 × 64 a game
    assert slow.value == int(20 * 60 / (120 * 64 / (100.0 * 64**2 * 6 / (32**2 * 4))))
    assert "20 min of self-play" in slow.why
    assert values(CPU, 1.0)["num_selfplay"] == 32


def test_every_suggestion_says_why_and_is_a_setting(tmp_path: Any) -> None:
    suggestions = suggest(machine(cards=(H200,)), CARD, 900_000.0)
    assert all(one.why for one in suggestions)
    write_json(tmp_path / "mine.json", as_config(suggestions))
    config = to_json(load_config(tmp_path / "mine.json"))
    assert config["model"]["channels"] == 128
    assert config["batch_size"] == 512
    assert config["selfplay"]["games_in_flight"] == 4096
    assert config["replay_capacity"] >= 8 * 120 * config["num_selfplay"]
    assert config["trainer"]["replay_ratio"] == 4.0
