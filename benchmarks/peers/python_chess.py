"""python-chess: perft, counting the last ply's moves without playing them. Settings: depth, seconds."""

from __future__ import annotations

from typing import Any, Tuple

from turn import Measure, Settings, repeat, take_turn


def set_up(settings: Settings) -> Tuple[Measure, Settings]:
    import chess

    board = chess.Board()

    def work() -> int:
        return perft(board, settings["depth"])

    assert perft(board, 3) == 8902, "startpos to depth 3"
    return repeat(work), {"peer": f"python-chess {chess.__version__}", "how": f"depth {settings['depth']}, 1 process"}


def perft(board: Any, depth: int) -> int:
    if depth == 1:
        return board.legal_moves.count()
    leaves = 0
    for move in board.legal_moves:
        board.push(move)
        leaves += perft(board, depth - 1)
        board.pop()
    return leaves


if __name__ == "__main__":
    take_turn(set_up, "pip install chess")
