"""Other work beside training is told to the owner once, and nothing is said where there is none."""

from __future__ import annotations

from pathlib import Path
from typing import List

import pytest

from pawnzero.config import Config, ModelConfig
from pawnzero.progress import Progress
from pawnzero.train import crowding, train
from pawnzero.train.crowding import Crowding
from tests.train.random_games import fill


def write(tasks: Path, **threads: str) -> None:
    for name, text in threads.items():
        (tasks / name).mkdir(parents=True, exist_ok=True)
        (tasks / name / "schedstat").write_text(text)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any time is long enough, and nothing has been told."""
    monkeypatch.setattr(crowding, "_SECONDS", 0.0)
    monkeypatch.setattr(crowding, "_told", False)


def test_the_share_is_of_all_threads_since_it_was_made(tmp_path: Path) -> None:
    write(tmp_path, a="1000 5000 7\n", b="0 0 0\n", gone="10 10 1\n")
    counted = Crowding(tmp_path)
    assert counted.waiting() == 0.0
    (tmp_path / "gone" / "schedstat").unlink()
    write(tmp_path, a="1500 5100 9\n", b="100 0 1\n", new="200 100 3\n", odd="nothing\n")
    assert counted.waiting() == pytest.approx(200 / 1000)


def test_a_system_that_does_not_tell(tmp_path: Path, at_once: None) -> None:
    counted = Crowding(tmp_path / "nowhere")
    assert counted.waiting() == 0.0
    assert counted.look() is None


def test_it_is_told_after_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowding, "_told", False)
    write(tmp_path, a="0 0 0")
    counted = Crowding(tmp_path)
    write(tmp_path, a="600 400 3")
    assert counted.look() is None, "a moment ago it began"


def test_it_is_told_once(tmp_path: Path, at_once: None) -> None:
    write(tmp_path, a="0 0 0")
    counted = Crowding(tmp_path)
    write(tmp_path, a="9000 100 3")
    assert counted.look() is None
    write(tmp_path, a="9600 500 3")
    told = counted.look()
    assert told is not None
    assert "waited 40% of the time" in told, "since the last look"
    write(tmp_path, a="9700 5000 3")
    assert counted.look() is None
    assert Crowding(tmp_path).look() is None


class _Notes(Progress):
    def __init__(self) -> None:
        self.notes: List[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def _trained(folder: Path) -> List[str]:
    folder.mkdir()
    progress, buffer = _Notes(), fill(folder / "replay.pt")
    config = Config(game="tic_tac_toe", batch_size=8, model=ModelConfig(channels=8, blocks=1))
    train(buffer, config, checkpoints=folder, until_step=2, device="cpu", progress=progress)
    return [note for note in progress.notes if "waited" in note]


def test_training_tells_it(tmp_path: Path, at_once: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowding, "MOST_WAITING", 1.0)
    assert _trained(tmp_path / "quiet") == []
    monkeypatch.setattr(crowding, "MOST_WAITING", -1.0)
    assert len(_trained(tmp_path / "crowded")) == 1
