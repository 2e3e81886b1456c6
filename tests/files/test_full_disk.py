"""A full disk is told in one line that names the file, or harms nobody."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from numba.core.caching import FunctionCache

from pawnzero import native
from pawnzero.errors import PawnzeroError
from pawnzero.files.journal import Journal
from pawnzero.files.locks import locked

FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(sys.platform != "linux", reason="/dev/full is Linux's")


@needs_full
def test_a_journal_names_its_file() -> None:
    with pytest.raises(PawnzeroError, match="/dev/full: cannot be written"), Journal(FULL) as journal:
        journal.add({"game": 1})


@needs_full
def test_a_lock_is_held_though_nobody_can_read_by_whom() -> None:
    with locked(FULL, "it"), pytest.raises(PawnzeroError, match="it: in use by process"), locked(FULL, "it"):
        pass


def test_a_kernel_that_cannot_be_kept_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def save(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(FunctionCache, "save_overload", save)
    native._Cache.__new__(native._Cache).save_overload(None, None)


@needs_full
def test_what_is_told_beside_a_json_result_costs_it_nothing() -> None:
    command = [sys.executable, "-m", "pawnzero", "arena", "random", "random", "--game", "tic_tac_toe", "--games", "4", "--json"]
    with FULL.open("w") as full:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=full, text=True)
    assert (done.returncode, json.loads(done.stdout)["games"]) == (0, 4)
