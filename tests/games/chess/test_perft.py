"""Perft: published counts, and the same kernels interpreted and with bounds checks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import chess
import pytest

from pawnzero.checks.rules import PERFT
from pawnzero.errors import UsageError
from pawnzero.games.chess import GAME
from pawnzero.games.chess.perft import perft

SMALL = """
from pawnzero.checks.rules import PERFT
from pawnzero.games.chess import GAME
from pawnzero.games.chess.perft import perft
fens = [fen for fen, *_ in PERFT.values()]
print([perft(fen, {depth}) for fen in fens])
line = [GAME.parse("rnbqkbnr/ppp1pppp/8/8/3p4/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1"), GAME.parse("7k/P7/8/8/8/8/8/K7 w - - 99 9")]
print([GAME.format(GAME.after(state, GAME.parse_action(state, move))) for state, move in zip(line, ("e2e4", "a7a8r"))])
print([int(key) for state in line for key in GAME.look(state).key])
"""


@pytest.mark.parametrize("name", PERFT)
def test_published_counts(name):
    fen, (depth, leaves), _ = PERFT[name]
    assert perft(fen, depth) == leaves
    assert perft(GAME.parse(fen), depth) == leaves


@pytest.mark.parametrize("name", ["startpos", "position 4"])
def test_the_same_seen_from_black(name):
    fen, (depth, leaves), _ = PERFT[name]
    assert perft(chess.Board(fen).mirror().fen(), depth) == leaves


def test_depth_0_1_and_no_moves():
    assert perft("startpos", 0) == 1
    assert perft("startpos", 1) == 20
    mate = "rnb1kbnr/pppp1ppp/8/4p3/6Pq/5P2/PPPPP2P/RNBQKBNR w KQkq - 1 3"
    assert perft(mate, 0) == 1
    assert perft(mate, 3) == 0


def test_draws_do_not_end_the_count():
    assert perft("8/8/4k3/8/8/3K4/8/8 w - - 120 90", 2) > 0


@pytest.mark.parametrize("depth", [-1, 21])
def test_depths_that_cannot_be_counted(depth):
    with pytest.raises(UsageError, match=f"perft depth {depth}"):
        perft("startpos", depth)
    with pytest.raises(UsageError, match="no chess position"):
        perft("8/8/8/8/8/8/8/8 w - - 0 1", 1)


def printed(depth, **settings):
    """What SMALL prints in a process of its own with these environment variables."""
    root = Path(__file__).parents[3]
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONWARNINGS": "ignore::RuntimeWarning", **settings}
    command = [sys.executable, "-c", SMALL.format(depth=depth)]
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return done.stdout.decode()


def test_kernels_without_compilation():
    assert printed(2, NUMBA_DISABLE_JIT="1") == printed(2)


def test_kernels_with_bounds_checks():
    assert printed(3, NUMBA_BOUNDSCHECK="1") == printed(3)
