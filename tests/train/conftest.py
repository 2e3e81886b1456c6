"""What the tests of training share."""

from __future__ import annotations

from pathlib import Path

import pytest
from random_games import fill

from pawnzero.replay import ReplayBuffer


@pytest.fixture
def buffer(tmp_path: Path) -> ReplayBuffer:
    return fill(tmp_path / "replay.pt")
