"""Converts python-chess's boards and moves for a net: board → planes, move ↔ action index, as in `pawnzero.games.chess`."""

from __future__ import annotations

from typing import List

import chess
import numpy as np

from pawnzero.errors import UsageError
from pawnzero.games.chess import GAME


def board_to_planes(board: chess.Board) -> np.ndarray:
    """[112, 8, 8] float32: the board and the earlier positions of its move stack, seen from the side to move.

    Plane 109 is the unscaled counter of the 50-move rule; nets multiply the planes by `GAME.plane_scale`.
    """
    past = GAME.allocate(len(board.move_stack) + 1)
    past.state[:] = _states(board)
    GAME.inspect(past)
    keys = past.key.tolist()
    repeated = np.array([key in keys[:index] for index, key in enumerate(keys)], np.uint8)
    known = min(GAME.history, len(keys))
    history = np.zeros((1, GAME.history, GAME.state_words), np.uint64)
    history[0, :known] = past.state[::-1][:known]
    marks = np.zeros((1, GAME.history), np.uint8)
    marks[0, :known] = repeated[::-1][:known]
    bits, scalars = np.zeros((1, GAME.bit_planes), np.uint64), np.zeros((1, GAME.scalar_planes), np.float32)
    GAME.encode(history, marks, np.array([known], np.int16), bits, scalars)
    squares = bits[0, :, np.newaxis] >> np.arange(64, dtype=np.uint64) & np.uint64(1)
    planes = np.concatenate([squares, np.repeat(scalars[0, :, np.newaxis], 64, axis=1)])
    return planes.astype(np.float32).reshape(-1, 8, 8)


def move_to_index(board: chess.Board, move: chess.Move) -> int:
    """The action index (0 to 1857) of a legal move. Raises UsageError for one that is not legal."""
    return GAME.parse_action(GAME.parse(board.fen()), move.uci())


def index_to_move(board: chess.Board, index: int) -> chess.Move:
    """The legal move with this action index. Raises UsageError for an index that is not legal on this board."""
    if index not in legal_indices(board):
        raise UsageError(f"action {index} is not legal in {board.fen()}")
    return chess.Move.from_uci(GAME.format_action(GAME.parse(board.fen()), index))


def legal_indices(board: chess.Board) -> List[int]:
    """The action indices of all legal moves, in the order that stored policies follow."""
    here = GAME.look(GAME.parse(board.fen()))
    legal: List[int] = here.legal[0, : here.count[0]].tolist()
    return legal


def _states(board: chess.Board) -> List[np.ndarray]:
    """The positions of the board's move stack, oldest first, each [8] uint64."""
    states = [GAME.parse(board.root().fen())]
    for move in board.move_stack:
        states.append(GAME.after(states[-1], GAME.parse_action(states[-1], move.uci())))
    return states
