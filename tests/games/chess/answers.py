"""What the real lc0 answered (a file that tests/oracles/lc0.py wrote), and whether ours is the same."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import List, Tuple

import chess
import numpy as np

from pawnzero.games.base import ONGOING
from pawnzero.games.chess import GAME
from pawnzero.games.chess.actions import INDEX
from tests.games.chess import boards

PROMOTION_CODES = (None, chess.KNIGHT, chess.BISHOP, chess.ROOK, chess.QUEEN)


@dataclass
class AnsweredGame:
    """A game of T positions. bits: [T, 104] uint64, scalars: [T, 8] float32, numbers: the legal moves' by sorted UCI."""

    positions: List[Tuple[chess.Board, bool]]
    moves: List[str]
    bits: np.ndarray
    scalars: np.ndarray
    numbers: List[List[int]]


def read_answers(path: Path) -> Tuple[List[AnsweredGame], np.ndarray]:
    """The games of a file, and lc0's place of each move in its convolutional policy head, [1858] int32."""
    with np.load(str(path), allow_pickle=False) as file:
        answers = {name: file[name] for name in file.files}
    numbers = [part.tolist() for part in np.split(answers["move_numbers"], np.cumsum(answers["count"])[:-1])]
    games = []
    first = 0
    for game in json.loads(str(answers["games"])):
        positions = list(boards.replay(game["start"], game["moves"]))
        here = slice(first, first + len(positions))
        games.append(AnsweredGame(positions, game["moves"], answers["bits"][here], answers["scalars"][here], numbers[here]))
        first = here.stop
    assert first == len(answers["count"])
    return games, answers["policy_index"]


def encoded(history: np.ndarray, repeated: np.ndarray, length: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """`GAME.encode` into arrays that held something else before, so that what is left unwritten shows."""
    bits = np.full((len(length), 104), 0x5A5A, np.uint64)
    scalars = np.full((len(length), 8), np.nan, np.float32)
    GAME.encode(history, repeated, length, bits, scalars)
    return bits, scalars


def check_planes(game: AnsweredGame) -> None:
    bits, scalars = encoded(*boards.histories(game.positions))
    np.testing.assert_array_equal(bits, game.bits)
    np.testing.assert_array_equal(scalars, game.scalars)


def check_numbers(game: AnsweredGame) -> None:
    """Our number of each legal move, by its squares and promotion and by the tests' own list."""
    for (board, _), numbers in zip(game.positions, game.numbers):
        legal = sorted(board.legal_moves, key=lambda move: move.uci())
        assert [boards.move_index(board, move) for move in legal] == numbers, board.fen()
        for move, number in zip(legal, numbers):
            start, end = boards.own_squares(board, move)
            assert INDEX[start, end, PROMOTION_CODES.index(move.promotion)] == number, (board.fen(), move.uci())


def check_play(game: AnsweredGame) -> None:
    """Our rules, playing the moves by lc0's numbers, come to the same positions and legal moves."""
    state = GAME.parse(game.positions[0][0].fen())
    for ply, (board, _) in enumerate(game.positions):
        np.testing.assert_array_equal(state, boards.words(board))
        found = GAME.look(state)
        if found.ending[0] == ONGOING:
            assert sorted(found.legal[0, : found.count[0]].tolist()) == sorted(game.numbers[ply]), board.fen()
        if ply < len(game.moves):
            legal = sorted(move.uci() for move in board.legal_moves)
            state = GAME.after(state, game.numbers[ply][legal.index(game.moves[ply])])
