"""Chess positions and moves by way of python-chess: an independent second opinion on state words, planes and indices.

Written from the rules and from the layout in docs/architecture.md, slowly and plainly; no kernel is used.
"""

from __future__ import annotations

from typing import Dict, Iterator, List, Sequence, Tuple

import chess
import numpy as np

PIECES = (chess.PAWN, chess.KNIGHT, chess.BISHOP, chess.ROOK, chess.QUEEN, chess.KING)


def turned(square: int, side: chess.Color) -> int:
    """The square as `side` sees it: the same for White, ranks reversed for Black."""
    return square if side == chess.WHITE else square ^ 56


def bitboard(squares: Sequence[int], side: chess.Color) -> int:
    """One bit for each square, as `side` sees them."""
    return sum(1 << turned(square, side) for square in squares)


def has_legal_en_passant(board: chess.Board) -> bool:
    return any(board.is_en_passant(move) for move in board.legal_moves)


def words(board: chess.Board) -> np.ndarray:
    """The position's eight state words, [8] uint64."""
    us, them = board.turn, not board.turn
    numbers = [bitboard([*board.pieces(kind, us), *board.pieces(kind, them)], us) for kind in PIECES]
    numbers.append(bitboard([square for kind in PIECES for square in board.pieces(kind, us)], us))
    meta = int(board.has_kingside_castling_rights(us))
    meta |= int(board.has_queenside_castling_rights(us)) << 1
    meta |= int(board.has_kingside_castling_rights(them)) << 2
    meta |= int(board.has_queenside_castling_rights(them)) << 3
    if board.ep_square is not None and has_legal_en_passant(board):
        meta |= (1 + chess.square_file(board.ep_square)) << 4
    meta |= min(board.halfmove_clock, 255) << 8
    meta |= int(us == chess.BLACK) << 16
    meta |= board.fullmove_number << 32
    return np.array([*numbers, meta], np.uint64)


def all_moves() -> List[str]:
    """lc0's 1858 moves in its order, as UCI texts from the mover's side.

    From each square in turn all squares a queen or a knight could reach on an empty board; then the promotions
    other than to a knight, which has no number of its own.
    """
    moves = []
    for start in chess.SQUARES:
        reach = set()
        for piece in (chess.QUEEN, chess.KNIGHT):
            board = chess.Board(None)
            board.set_piece_at(start, chess.Piece(piece, chess.WHITE))
            reach |= set(board.attacks(start))
        moves += [chess.square_name(start) + chess.square_name(end) for end in sorted(reach)]
    for file in range(8):
        for end in range(max(0, file - 1), min(7, file + 1) + 1):
            for piece_letter in "qrb":
                moves.append(chess.square_name(48 + file) + chess.square_name(56 + end) + piece_letter)
    return moves


MOVE_INDEX: Dict[str, int] = {move: index for index, move in enumerate(all_moves())}


def own_squares(board: chess.Board, move: chess.Move) -> Tuple[int, int]:
    """From and to as the mover sees them; castling goes to the rook."""
    start, end = turned(move.from_square, board.turn), turned(move.to_square, board.turn)
    if board.is_castling(move):
        end = chess.H1 if board.is_kingside_castling(move) else chess.A1
    return start, end


def move_index(board: chess.Board, move: chess.Move) -> int:
    """lc0's number of a legal move."""
    text = "".join(chess.square_name(square) for square in own_squares(board, move))
    if move.promotion is not None and move.promotion != chess.KNIGHT:
        text += chess.piece_symbol(move.promotion)
    return MOVE_INDEX[text]


def same_position(board: chess.Board) -> Tuple[object, ...]:
    """Equal for positions that are the same by the rules of repetition."""
    men = tuple(sorted((square, piece.symbol()) for square, piece in board.piece_map().items()))
    en_passant = board.ep_square if has_legal_en_passant(board) else None
    return men, board.turn, board.clean_castling_rights(), en_passant


def replay(start_fen: str, moves: Sequence[str]) -> Iterator[Tuple[chess.Board, bool]]:
    """Each position of a game and whether it stood before in it, the first position included."""
    board = chess.Board(start_fen)
    seen = {same_position(board)}
    yield board.copy(stack=False), False
    for text in moves:
        board.push_uci(text)
        known = same_position(board)
        yield board.copy(stack=False), known in seen
        seen.add(known)


def histories(game: Sequence[Tuple[chess.Board, bool]]) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What `encode` takes for every position of a game: history [T, 8, 8], repeated [T, 8], length [T]."""
    states = [words(board) for board, _ in game]
    history = np.zeros((len(game), 8, 8), np.uint64)
    repeated = np.zeros((len(game), 8), np.uint8)
    length = np.zeros(len(game), np.int16)
    for ply in range(len(game)):
        length[ply] = min(ply + 1, 8)
        for back in range(length[ply]):
            history[ply, back] = states[ply - back]
            repeated[ply, back] = game[ply - back][1]
    return history, repeated, length


def naive_planes(game: Sequence[Tuple[chess.Board, bool]], ply: int) -> Tuple[List[int], List[float]]:
    """lc0's 104 bit planes and 8 numbers of the position at `ply`, from the description of the format."""
    board = game[ply][0]
    us, them = board.turn, not board.turn
    planes: List[int] = []
    for back in range(8):
        past, repeated = game[max(0, ply - back)]
        if back > ply:
            if past.board_fen() == chess.STARTING_BOARD_FEN and past.turn and past.castling_rights == 0x8100000000000081:
                planes += [0] * 13
                continue
            past = before_double_step(past)
        planes += [bitboard(list(past.pieces(kind, side)), us) for side in (us, them) for kind in PIECES]
        planes.append((1 << 64) - 1 if repeated else 0)
    rights = [
        board.has_queenside_castling_rights(us),
        board.has_kingside_castling_rights(us),
        board.has_queenside_castling_rights(them),
        board.has_kingside_castling_rights(them),
    ]
    return planes, [*map(float, rights), float(us == chess.BLACK), float(board.halfmove_clock), 0.0, 1.0]


def before_double_step(board: chess.Board) -> chess.Board:
    """The board with the pawn back at home whose double step allows an en-passant capture, if one does."""
    passed = board.ep_square
    if passed is None or not has_legal_en_passant(board):
        return board
    board = board.copy(stack=False)
    forward = -8 if board.turn else 8  # the way the player went who has just moved
    pawn = board.remove_piece_at(passed + forward)
    board.set_piece_at(passed - forward, pawn)
    return board
