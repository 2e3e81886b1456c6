"""After going back to an earlier checkpoint the numbers above it are of a run that was given up, and no advice leads there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pawnzero.errors import PawnzeroError
from pawnzero.files.numbered import check_latest, numbered_path
from pawnzero.nets import make_model
from pawnzero.nets.checkpoint import Checkpoint, save_checkpoint
from pawnzero.nets.latest_and_best import load_latest


def _given_up(folder: Path) -> None:
    """Checkpoints of step 300, and then of step 130."""
    net = make_model("cpu", channels=8, blocks=1, game="tic_tac_toe")
    for written, step in enumerate((300, 130)):
        checkpoint = Checkpoint("tic_tac_toe", net.shape, step, 0, net.state_dict(), net.state_dict(), None)
        save_checkpoint(numbered_path(folder, step), checkpoint)
        os.utime(str(numbered_path(folder, step)), (1000.0 + written, 1000.0 + written))


def test_where_latest_is_missing_the_one_that_was_written_last_is_named(tmp_path: Path) -> None:
    _given_up(tmp_path)
    with pytest.raises(PawnzeroError, match=r"copy ckpt_000130\.pt to latest\.pt to go on from step 130"):
        check_latest(tmp_path)


def test_where_latest_is_damaged_too(tmp_path: Path) -> None:
    _given_up(tmp_path)
    (tmp_path / "latest.pt").write_bytes(b"damaged")
    shape = make_model("cpu", channels=8, blocks=1, game="tic_tac_toe").shape
    with pytest.raises(PawnzeroError, match=r"copy ckpt_000130\.pt over it to go on from step 130"):
        load_latest(tmp_path, "tic_tac_toe", shape)
