"""The planes and move numbers are lc0's, bit for bit, and the kernel does what a plain reading of the format says."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path
from typing import List

import chess
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pawnzero.games.chess import GAME
from pawnzero.games.chess.policy_map import POLICY_INDEX, POLICY_PLANES
from tests.games.chess import boards
from tests.games.chess.answers import check_numbers, check_planes, check_play, encoded, read_answers
from tests.oracles.lc0 import STARTS, random_game

GOLDEN, LC0_POLICY_INDEX = read_answers(Path(__file__).parent / "golden" / "lc0.npz")


def test_the_golden_games_show_what_is_rare() -> None:
    """What the comparisons below rest on: each of these happens in them."""
    positions = [position for game in GOLDEN for position in game.positions]
    moves = [(board, move) for board, _ in positions for move in board.legal_moves]
    assert sum(repeated for _, repeated in positions) >= 10
    assert {board.turn for board, repeated in positions if repeated} == {chess.WHITE, chess.BLACK}
    for side in chess.COLORS:
        assert any(board.turn == side and board.is_kingside_castling(move) for board, move in moves)
        assert any(board.turn == side and board.is_queenside_castling(move) for board, move in moves)
        assert any(board.turn == side and board.is_en_passant(move) for board, move in moves)
        assert {move.promotion for board, move in moves if board.turn == side} >= {chess.QUEEN, chess.KNIGHT, chess.ROOK}
        assert any(game.positions[0][0].turn == side and game.positions[0][0].has_legal_en_passant() for game in GOLDEN)


def test_planes_are_lc0s() -> None:
    for game in GOLDEN:
        check_planes(game)


def test_move_numbers_are_lc0s() -> None:
    for game in GOLDEN:
        check_numbers(game)


def test_play_by_lc0s_numbers() -> None:
    for game in GOLDEN:
        check_play(game)


def test_policy_head_places_are_lc0s() -> None:
    np.testing.assert_array_equal(POLICY_INDEX, LC0_POLICY_INDEX)
    assert POLICY_INDEX.dtype == np.int32
    assert POLICY_INDEX.max() < POLICY_PLANES * 64


def test_every_move_number_is_the_move_it_names() -> None:
    assert len(boards.MOVE_INDEX) == 1858
    assert boards.MOVE_INDEX["e1h1"] == 103
    assert [boards.MOVE_INDEX[text] for text in ("a1b1", "h8g8", "a7a8q", "a7b8r", "h7h8b")] == [0, 1791, 1792, 1796, 1857]


@settings(deadline=None, max_examples=40)
@given(start=st.sampled_from(STARTS), seed=st.integers(0, 2**32), plies=st.integers(0, 24))
def test_planes_follow_the_format(start: str, seed: int, plies: int) -> None:
    moves: List[str] = random_game(start, plies, random.Random(seed))["moves"]
    game = list(boards.replay(start, moves))
    bits, scalars = encoded(*boards.histories(game))
    for ply in range(len(game)):
        planes, numbers = boards.naive_planes(game, ply)
        assert bits[ply].tolist() == planes
        assert scalars[ply].tolist() == numbers


def test_entries_beyond_the_length_are_not_looked_at() -> None:
    for game in GOLDEN:
        history, repeated, length = boards.histories(game.positions)
        for row, count in enumerate(length):
            history[row, count:] = history[-1, 0]
            repeated[row, count:] = 1
        np.testing.assert_array_equal(encoded(history, repeated, length)[0], game.bits)


def test_scale_divides_the_move_counter_alone() -> None:
    assert GAME.plane_scale.shape == (112,)
    assert GAME.plane_scale.dtype == np.float32
    assert np.flatnonzero(GAME.plane_scale != 1).tolist() == [109]
    assert GAME.plane_scale[109] == pytest.approx(1 / 99)


@pytest.mark.parametrize("setting", ["NUMBA_DISABLE_JIT", "NUMBA_BOUNDSCHECK"])
def test_planes_without_compiler_and_within_bounds(setting: str) -> None:
    environment = dict(os.environ, **{setting: "1"}, PYTHONPATH=os.pathsep.join(filter(None, sys.path)))
    script = "from tests.games.chess.test_encode import test_planes_are_lc0s as test; test()"
    done = subprocess.run([sys.executable, "-W", "error::RuntimeWarning", "-c", script], env=environment, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
