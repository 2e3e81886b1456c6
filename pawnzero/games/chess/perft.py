"""Perft: the number of leaves of the tree of legal moves to a given depth, the standard test of move generation.

Draws do not end the game here: as usual, the count follows legal moves alone. The moves of the last ply are counted, not
played.
"""

from __future__ import annotations

from typing import Iterator, Optional, Union

import numpy as np

from pawnzero.errors import UsageError
from pawnzero.games.chess.moves import generate, play
from pawnzero.games.chess.text import MAX_LEGAL, parse_position
from pawnzero.native import kernel
from pawnzero.progress import Progress

_MAX_DEPTH = 20
_PIECE = 6
"""Plies counted in one kernel call, half a second from the starting position: interrupts are handled between calls."""


@kernel
def _count_leaves(stack: np.ndarray, legal: np.ndarray, depth: int) -> np.int64:
    """Count the leaves below row `depth` of `stack` [D, S]; lower rows are scratch, as is `legal` [D, M]."""
    if depth == 1:
        return generate(stack, depth, None, depth)[0]
    count = generate(stack, depth, legal, depth)[0]
    total = np.int64(0)
    for i in range(count):
        play(stack, depth, legal[depth, i], stack, depth - 1)
        total += _count_leaves(stack, legal, depth - 1)
    return total


def _count(stack: np.ndarray, legal: np.ndarray, depth: int) -> int:
    """`_count_leaves` in kernel calls of at most `_PIECE` plies."""
    if depth <= _PIECE:
        return int(_count_leaves(stack, legal, depth))
    count, _ = generate(stack, depth, legal, depth)
    total = 0
    for action in legal[depth, :count].copy():
        play(stack, depth, int(action), stack, depth - 1)
        total += _count(stack, legal, depth - 1)
    return total


def _by_first_move(state: np.ndarray, depth: int) -> Iterator[int]:
    """Yield the number of leaves below each legal action, counting lazily."""
    stack = np.zeros((depth + 1, len(state)), np.uint64)
    legal = np.zeros((depth + 1, MAX_LEGAL), np.int16)
    stack[depth] = state
    count, _ = generate(stack, depth, legal, depth)
    for action in legal[depth, :count].copy():
        play(stack, depth, int(action), stack, depth - 1)
        yield _count(stack, legal, depth - 1) if depth > 1 else 1


def check_depth(depth: int) -> None:
    """Raise UsageError for a depth too large ever to finish. Compiles nothing."""
    if not 0 <= depth <= _MAX_DEPTH:
        raise UsageError(f"perft depth {depth}: expected 0 to {_MAX_DEPTH}")


def perft(position: Union[str, np.ndarray], depth: int, progress: Optional[Progress] = None) -> int:
    """Count the sequences of `depth` legal moves from `position`: a FEN, "startpos", or a state [S] uint64.

    progress: updated after each first move, unless the count takes only a moment

    Raises UsageError for text that is not a position and for a depth too large ever to finish.
    """
    check_depth(depth)
    state = parse_position(position) if isinstance(position, str) else position
    if depth == 0:
        return 1
    progress = (depth > _PIECE and progress) or Progress()
    progress.start(f"perft {depth}", sum(_by_first_move(state, 1)), "moves")
    total = 0
    for leaves in _by_first_move(state, depth):
        total += leaves
        progress.advance(1, nodes=total)
    progress.finish()
    return total
