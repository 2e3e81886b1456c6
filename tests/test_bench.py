"""The bench: what it measures is in full swing, and nothing is compiled meanwhile."""

from __future__ import annotations

import time
from typing import List

import pytest
import torch

from pawnzero import bench
from pawnzero.config import SearchConfig, SelfplayConfig
from pawnzero.errors import PawnzeroError
from pawnzero.games import get_game
from pawnzero.search import Question, UniformEvaluator
from pawnzero.selfplay.loop import play_games
from pawnzero.selfplay.table import Mark, Workload
from pawnzero.train.loop import SAVE_EVERY


def test_every_game_has_moved_before_selfplay_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds: List[float] = []
    marks = Workload.marks.fget
    assert marks is not None

    def look(workload: Workload) -> List[Mark]:
        rounds.append(workload.rounds)
        return marks(workload)  # type: ignore[no-any-return]

    monkeypatch.setattr(Workload, "marks", property(look))
    found = bench.selfplay_speed(UniformEvaluator(), SearchConfig(), games=256, threads=2, simulations=64, seconds=0.05)
    assert rounds[0] >= 1.0  # choosing, making and recording a move have run, and so are compiled
    assert found["simulations"] > 0
    assert sum(found["phases"].values()) == pytest.approx(1.0)


def test_a_wave_that_is_longer_than_the_measurement_is_counted_whole() -> None:
    class Slow(UniformEvaluator):
        def evaluate(self, question: Question) -> None:
            time.sleep(0.2)
            super().evaluate(question)

    found = bench.selfplay_speed(Slow(), SearchConfig(leaves_per_tree=1), games=20, threads=2, simulations=1, seconds=0.05)
    assert 0.0 < found["evaluated"] <= 20 / 0.2  # both threads sleep: what they asked for in that time, no more


def test_rounds_are_those_of_the_table_furthest_behind() -> None:
    settings = SelfplayConfig(max_plies=6)
    for threads in (1, 3):
        workload, seen = Workload(), []
        playing = {"simulations": 4, "search": SearchConfig(), "settings": settings, "seed": 0, "threads": threads}
        for _ in play_games(get_game("connect_four"), UniformEvaluator(), range(9), workload=workload, **playing):  # type: ignore[arg-type]
            seen.append((workload.rounds, workload.positions))
        assert all(rounds <= positions / 9 for rounds, positions in seen)
        if threads == 1:  # of several threads a fast one may take a slow one's games
            assert seen[-1] == (6.0, 54)
    assert Workload().rounds == 0.0


def test_what_breaks_selfplay_is_not_reported_as_a_speed() -> None:
    class Broken(UniformEvaluator):
        def evaluate(self, question: Question) -> None:
            raise PawnzeroError("out of memory")

    with pytest.raises(PawnzeroError, match="out of memory"):
        bench.selfplay_speed(Broken(), SearchConfig(), games=2, threads=1, simulations=2, seconds=0.1)


class Card:
    """A card whose memory holds so many positions, in the place of a net's evaluator."""

    device, input_dtype = torch.device("cpu"), torch.float32

    def __init__(self, holds: int, max_batch: int = 8192) -> None:
        self.holds, self.max_batch = holds, max_batch
        self.asked: List[int] = []

    def forward(self, planes: torch.Tensor) -> None:
        self.asked.append(len(planes))
        if len(planes) > self.holds:
            raise RuntimeError("CUDA out of memory. Tried to allocate 268.00 MiB (GPU 0; 1.95 GiB total capacity)")


def test_the_net_is_measured_up_to_the_batch_that_memory_holds() -> None:
    card = Card(holds=300)
    speed, batch = bench.net_speed(card, seconds=0.02)  # type: ignore[arg-type]
    assert speed > 0.0
    assert batch in (64, 128, 256)
    assert max(card.asked) == 512  # nothing larger than what failed
    with pytest.raises(PawnzeroError, match="cpu: out of memory for a batch of 64 positions"):
        bench.net_speed(Card(holds=8), seconds=0.02)  # type: ignore[arg-type]


def test_what_was_measured_stays_where_memory_is_gone_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    speeds = iter([100.0, 300.0, 200.0, 0.0, 0.0])
    monkeypatch.setattr(bench, "_speed_in", lambda evaluator, batch, seconds: next(speeds))
    assert bench.net_speed(Card(holds=8192)) == (300.0, 128)  # type: ignore[arg-type]


@pytest.mark.parametrize(("max_batch", "largest"), [(200, 128), (16, 16)])
def test_no_batch_is_measured_that_play_would_split(max_batch: int, largest: int) -> None:
    card = Card(holds=8192, max_batch=max_batch)
    bench.net_speed(card, seconds=0.02)  # type: ignore[arg-type]
    assert max(card.asked) == largest


def test_training_is_measured_over_whole_save_intervals() -> None:
    for speed in (0.5, 24.0, 25.0, 26.0, 1000.0):
        steps = bench.training_steps(speed)
        assert steps % SAVE_EVERY == 0
        assert steps >= speed * bench._TURN_SECONDS
    assert bench.training_steps(0.5) == SAVE_EVERY
