"""Mates in one against python-chess."""

from __future__ import annotations

import random
from typing import List

import chess
import numpy as np
import pytest

from pawnzero.games.base import Game, Positions
from pawnzero.games.chess import GAME

POSITIONS = [
    "6k1/5ppp/8/8/8/8/8/R3K3 w Q - 0 1",
    "r6k/8/8/8/8/8/5PPP/6K1 b - - 0 1",
    "rnbqkbnr/pppp1ppp/8/4p3/6P1/5P2/PPPPP2P/RNBQKBNR b KQkq g3 0 2",
    "7k/5K2/8/8/8/8/6P1/R5R1 w - - 99 1",  # mate comes before the fifty moves
    "8/8/8/8/8/1k6/3p4/K7 b - - 0 1",  # by promotion to a queen or a rook
    "4R1R1/8/8/8/5k2/8/8/4K2R w K - 0 1",  # by castling or by the rook alone
    "5k2/7K/8/1pP4B/8/QN6/3R4/8 w - b6 0 1",  # en passant
    "8/8/R7/Pp4N1/1Q3B1K/8/8/k7 w - b6 0 1",
    "7k/8/6K1/8/8/8/8/5Q2 w - - 0 1",  # some queen moves mate, some stalemate
    "4R3/8/8/8/8/1P1k4/1P6/R3K3 w Q - 0 1",  # by castling and nothing else
    "1N5B/8/1B5k/6pP/K4QQN/4B2R/2R2RR1/8 w - g6 0 1",  # en passant: the captured pawn opens the line
    "k2B4/2K5/1PN4B/1BPp4/4P3/5B1p/1pp5/8 w - d6 0 1",  # by a pawn
    "3Q3B/6P1/8/8/k3N3/1R6/7K/8 w - - 0 1",  # by a knight
    "8/Q7/4k3/1pPR4/6P1/5pP1/B1K5/8 w - b6 0 1",  # by a bishop that another piece uncovers
    "2k5/P1P5/1K6/8/8/8/8/8 w - - 0 1",  # none
]


def mates(board: chess.Board) -> List[str]:
    found = []
    for move in list(board.legal_moves):
        board.push(move)
        if board.is_checkmate():
            found.append(move.uci())
        board.pop()
    return found


def endgames(count: int) -> List[chess.Board]:
    """Random positions of king, queen, rook and a pawn about to promote against a king."""
    rng, boards = random.Random(3), []
    while len(boards) < count:
        board = chess.Board(None)
        for square, symbol in zip([rng.randrange(48, 56), *rng.sample(chess.SQUARES, 4)], "PKkQR"):
            board.set_piece_at(square, chess.Piece.from_symbol(symbol))
        if board.is_valid():
            boards.append(board)
    return boards


def inspected(boards: List[chess.Board]) -> Positions:
    positions = GAME.allocate(len(boards))
    positions.state[:] = [GAME.parse(board.fen()) for board in boards]
    GAME.inspect(positions)
    return positions


def winning(boards: List[chess.Board]) -> int:
    """In how many positions a move mates; they are compared with python-chess."""
    positions = inspected(boards)
    count = 0
    for board, state, action in zip(boards, positions.state, GAME.wins_at_once(positions).tolist()):
        expected = mates(board)
        assert GAME.format_action(state, action) in expected if expected else action == -1, board.fen()
        count += len(expected) > 0
    return count


@pytest.mark.parametrize("fen", POSITIONS)
def test_positions_of_their_own_kind(fen: str) -> None:
    assert winning([chess.Board(fen)]) == (fen != POSITIONS[-1])


def test_random_endgames() -> None:
    assert 200 < winning(endgames(2000)) < 1000


def test_every_move_alone_is_judged_as_by_playing_it() -> None:
    rng, boards = random.Random(7), []
    while len(boards) < 3000:
        board = chess.Board(None)
        for square, symbol in zip(rng.sample(chess.SQUARES, 14), "KkQRRBBNNPPPpp"):
            board.set_piece_at(square, chess.Piece.from_symbol(symbol))
        if board.is_valid():
            boards.append(board)
    whole = inspected(boards)
    alone = GAME.allocate(int(whole.count.sum()))
    alone.state[:] = np.repeat(whole.state, whole.count, axis=0)
    alone.count[:] = 1
    alone.legal[:, 0] = np.concatenate([whole.legal[b, : whole.count[b]] for b in range(len(whole))])
    found = GAME.wins_at_once(alone)
    assert found.tolist() == Game.wins_at_once(GAME, alone).tolist()
    assert (found >= 0).sum() > 1000


def test_only_listed_actions_are_tried() -> None:
    at = GAME.look(GAME.parse("6k1/5ppp/8/8/8/8/8/R3K3 w Q - 0 1"))
    names = [GAME.format_action(at.state[0], action) for action in at.legal[0, : at.count[0]].tolist()]
    others = [action for action, name in zip(at.legal[0].tolist(), names) if name != "a1a8"]
    at.legal[0, : len(others)], at.count[0] = others, len(others)
    assert GAME.wins_at_once(at).tolist() == [-1]
    at.count[0] = 0
    assert GAME.wins_at_once(at).tolist() == [-1]
