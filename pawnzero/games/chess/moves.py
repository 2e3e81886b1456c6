"""Legal move generation and making moves: kernels over rows of state words.

A state is the eight words of `state.py`, always from the view of the player to move. Kernels take the whole batch and a row
number, because passing a view of one row would cost two atomic reference-count updates per call.
"""

from __future__ import annotations

from typing import Optional, Tuple

import numpy as np

from pawnzero.bits import byteswap, lowest, popcount
from pawnzero.games.chess import actions
from pawnzero.games.chess.attacks import (
    BETWEEN,
    EIGHT,
    FILE_A,
    FILE_H,
    KING,
    KNIGHT,
    LINE,
    ONE,
    PAWN,
    ZERO,
    all_attacks,
    bishop_attacks,
    opponent_pawns_attack,
    rook_attacks,
)
from pawnzero.games.chess.state import (
    BISHOPS,
    BLACK,
    CASTLING,
    CLOCK,
    CLOCK_SHIFT,
    EN_PASSANT,
    EN_PASSANT_SHIFT,
    KINGS,
    KINGSIDE,
    KNIGHTS,
    META,
    NUMBER,
    NUMBER_SHIFT,
    PAWNS,
    QUEENS,
    QUEENSIDE,
    ROOKS,
    US,
)
from pawnzero.native import inner_kernel, kernel

_AHEAD, _TWO_AHEAD, _LEFT, _RIGHT = np.int64(8), np.int64(16), np.int64(7), np.int64(9)
"""How far pawns move. Typed, because numba would compile another copy of the callee for each plain number."""
_NONE, _KING_HOME = np.int64(0), np.int64(4)

_TWO, _THREE = np.uint64(2), np.uint64(3)
_RANK_3, _RANK_8 = np.uint64(0xFF0000), np.uint64(0xFF << 56)
_KINGSIDE_PATH, _QUEENSIDE_PATH = np.uint64(0b01100000), np.uint64(0b00001110)
_KINGSIDE_WALK, _QUEENSIDE_WALK = np.uint64(0b01100000), np.uint64(0b00001100)
_KINGSIDE_ROOK, _QUEENSIDE_ROOK = np.uint64(1 << 7 | 1 << 5), np.uint64(1 << 0 | 1 << 3)
_KINGSIDE_KING, _QUEENSIDE_KING = np.uint64(1 << 4 | 1 << 6), np.uint64(1 << 4 | 1 << 2)
_OWN_KING, _OWN_KING_ROOK, _OWN_QUEEN_ROOK = np.uint64(1 << 4), np.uint64(1 << 7), np.uint64(1)
_THEIR_KING_ROOK, _THEIR_QUEEN_ROOK = np.uint64(1 << 63), np.uint64(1 << 56)

_FROM, _TO, _PROMOTION, _INDEX = actions.FROM, actions.TO, actions.PROMOTION, actions.PLAIN_INDEX
_FIRST_PROMOTION = actions.FIRST_PROMOTION
_KINGSIDE_ACTION, _QUEENSIDE_ACTION = actions.KINGSIDE_CASTLING, actions.QUEENSIDE_CASTLING


@inner_kernel
def _list(legal: Optional[np.ndarray], row: int, n: np.int64, origin: np.int64, targets: np.uint64) -> np.int64:
    """Append the moves of the piece on `origin` to `targets`; return the new number of actions. `legal` None: only count.

    A row holds the legal actions of every position that a real game can reach; a constructed position with more loses the
    surplus.
    """
    if legal is None:
        return n + popcount(targets)
    while targets and n < legal.shape[1]:
        legal[row, n] = _INDEX[64 * origin + lowest(targets)]
        n += 1
        targets &= targets - ONE
    return n


@inner_kernel
def _list_shifted(legal: Optional[np.ndarray], row: int, n: np.int64, targets: np.uint64, shift: np.int64) -> np.int64:
    """Like `_list`, for pawns that each come from ``target - shift``."""
    if legal is None:
        return n + popcount(targets)
    while targets and n < legal.shape[1]:
        square = lowest(targets)
        legal[row, n] = _INDEX[64 * (square - shift) + square]
        n += 1
        targets &= targets - ONE
    return n


@inner_kernel
def _list_promotions(legal: Optional[np.ndarray], row: int, n: np.int64, targets: np.uint64, shift: np.int64) -> np.int64:
    """Like `_list_shifted`, for pawns that reach the last rank: promotions to queen, rook, bishop and knight."""
    if legal is None:
        return n + 4 * popcount(targets)
    while targets and n + 4 <= legal.shape[1]:
        square = lowest(targets)
        first = _FIRST_PROMOTION + 3 * (2 * (square - shift - 48) + square - 56)
        legal[row, n] = first
        legal[row, n + 1] = first + 1
        legal[row, n + 2] = first + 2
        legal[row, n + 3] = _INDEX[64 * (square - shift) + square]
        n += 4
        targets &= targets - ONE
    return n


@inner_kernel
def _list_pawns(
    legal: Optional[np.ndarray],
    row: int,
    n: np.int64,
    pawns: np.uint64,
    them: np.uint64,
    empty: np.uint64,
    target: np.uint64,
) -> np.int64:
    """Append the moves of the mover's `pawns` that end on `target`, without en passant."""
    push = (pawns << EIGHT) & empty
    double = ((push & _RANK_3) << EIGHT) & empty & target
    push &= target
    left = ((pawns & ~FILE_A) << np.uint64(7)) & them & target
    right = ((pawns & ~FILE_H) << np.uint64(9)) & them & target
    if (push | left | right) & _RANK_8:
        n = _list_promotions(legal, row, n, push & _RANK_8, _AHEAD)
        n = _list_promotions(legal, row, n, left & _RANK_8, _LEFT)
        n = _list_promotions(legal, row, n, right & _RANK_8, _RIGHT)
    n = _list_shifted(legal, row, n, push & ~_RANK_8, _AHEAD)
    n = _list_shifted(legal, row, n, double, _TWO_AHEAD)
    n = _list_shifted(legal, row, n, left & ~_RANK_8, _LEFT)
    return _list_shifted(legal, row, n, right & ~_RANK_8, _RIGHT)


@inner_kernel
def _en_passant_pawns(states: np.ndarray, row: int, file: np.int64) -> np.uint64:
    """The mover's pawns that may legally capture the pawn that has just advanced two squares on `file`, as a bitboard.

    Apart from that pawn only a slider can be giving check, since the mover's king was not attacked before the double step.
    """
    pawns, us = states[row, PAWNS], states[row, US]
    target, taken = ONE << np.uint64(40 + file), ONE << np.uint64(32 + file)
    candidates = opponent_pawns_attack(target) & pawns & us
    if candidates == ZERO:
        return ZERO
    diagonal, straight = states[row, BISHOPS] | states[row, QUEENS], states[row, ROOKS] | states[row, QUEENS]
    occupied = pawns | states[row, KNIGHTS] | diagonal | straight | states[row, KINGS]
    them = (occupied ^ us) & ~taken
    king = lowest(states[row, KINGS] & us)
    takers = ZERO
    while candidates:
        pawn = candidates & (~candidates + ONE)
        candidates ^= pawn
        after = (occupied ^ pawn ^ taken) | target
        if not them & ((bishop_attacks(king, after) & diagonal) | (rook_attacks(king, after) & straight)):
            takers |= pawn
    return takers


@kernel
def generate(states: np.ndarray, row: int, legal: Optional[np.ndarray], legal_row: int) -> Tuple[np.int64, np.bool_]:
    """Generate the legal actions of one position in the order of this version: [B, S] uint64, row → (count, whether in check).

    legal [B, M] int16, whose row `legal_row` is filled; or None to count only. Ignores draws.
    """
    pawns, knights, kings = states[row, PAWNS], states[row, KNIGHTS], states[row, KINGS]
    diagonal, straight = states[row, BISHOPS] | states[row, QUEENS], states[row, ROOKS] | states[row, QUEENS]
    us, meta = states[row, US], states[row, META]
    occupied = pawns | knights | diagonal | straight | kings
    them, own_king = occupied ^ us, kings & us
    king = lowest(own_king)
    danger = all_attacks(them, occupied ^ own_king, pawns, knights, diagonal, straight, kings)
    in_check = danger & own_king != ZERO
    n = _list(legal, legal_row, _NONE, king, KING[king] & ~us & ~danger)

    # Opposing sliders that attack the king if our pieces are ignored: with none of ours between they check, with one they pin.
    checkers = them & ((KNIGHT[king] & knights) | (PAWN[king] & pawns))
    pinned = ZERO
    snipers = them & ((bishop_attacks(king, them) & diagonal) | (rook_attacks(king, them) & straight))
    while snipers:
        shield = BETWEEN[king, lowest(snipers)] & us
        if shield == ZERO:
            checkers |= snipers & (~snipers + ONE)
        elif shield & (shield - ONE) == ZERO:
            pinned |= shield
        snipers &= snipers - ONE

    target = ~us
    if in_check:
        if checkers & (checkers - ONE):
            return n, in_check
        target = checkers | BETWEEN[king, lowest(checkers)]

    n = _list_pawns(legal, legal_row, n, pawns & us & ~pinned, them, ~occupied, target)
    pieces = knights & us & ~pinned
    while pieces:
        square = lowest(pieces)
        n = _list(legal, legal_row, n, square, KNIGHT[square] & target)
        pieces &= pieces - ONE
    pieces = diagonal & us & ~pinned
    while pieces:
        square = lowest(pieces)
        n = _list(legal, legal_row, n, square, bishop_attacks(square, occupied) & target)
        pieces &= pieces - ONE
    pieces = straight & us & ~pinned
    while pieces:
        square = lowest(pieces)
        n = _list(legal, legal_row, n, square, rook_attacks(square, occupied) & target)
        pieces &= pieces - ONE

    while pinned:
        square = lowest(pinned)
        piece = pinned & (~pinned + ONE)
        line = LINE[king, square] & target
        if piece & pawns:
            n = _list_pawns(legal, legal_row, n, piece, them, ~occupied, line)
        if piece & diagonal:
            n = _list(legal, legal_row, n, square, bishop_attacks(square, occupied) & line)
        if piece & straight:
            n = _list(legal, legal_row, n, square, rook_attacks(square, occupied) & line)
        pinned ^= piece

    en_passant = np.int64((meta >> EN_PASSANT_SHIFT) & EN_PASSANT)
    if en_passant:
        takers = _en_passant_pawns(states, row, en_passant - 1)
        while takers:
            n = _list(legal, legal_row, n, lowest(takers), ONE << np.uint64(39 + en_passant))
            takers &= takers - ONE

    if not in_check:
        if meta & KINGSIDE and not (_KINGSIDE_PATH & occupied or _KINGSIDE_WALK & danger):
            n = _list(legal, legal_row, n, _KING_HOME, _OWN_KING_ROOK)
        if meta & QUEENSIDE and not (_QUEENSIDE_PATH & occupied or _QUEENSIDE_WALK & danger):
            n = _list(legal, legal_row, n, _KING_HOME, _OWN_QUEEN_ROOK)
    return n, in_check


@inner_kernel
def _lost_rights(touched: np.uint64) -> np.uint64:
    """The castling rights (bits of `meta`, before the board is flipped) that end when a piece leaves or enters `touched`."""
    lost = ZERO
    if touched & (_OWN_KING | _OWN_KING_ROOK):
        lost |= KINGSIDE
    if touched & (_OWN_KING | _OWN_QUEEN_ROOK):
        lost |= QUEENSIDE
    if touched & _THEIR_KING_ROOK:
        lost |= KINGSIDE << _TWO
    if touched & _THEIR_QUEEN_ROOK:
        lost |= QUEENSIDE << _TWO
    return lost


@inner_kernel
def _moved(board: np.uint64, origin: np.int64, source: np.uint64, destination: np.uint64, square: np.int64) -> np.uint64:
    """`board` after a move from `origin` (bit `source`) to `square` (bit `destination`), whichever piece moves or is taken."""
    return (board & ~(source | destination)) | (((board >> np.uint64(origin)) & ONE) << np.uint64(square))


@kernel
def play(states: np.ndarray, row: int, action: int, out: np.ndarray, out_row: int) -> None:
    """Play a legal action and write the new position, from the next player's view, to row `out_row` of `out` [B, S]."""
    origin, square, promotion = np.int64(_FROM[action]), np.int64(_TO[action]), np.int64(_PROMOTION[action])
    source, destination = ONE << np.uint64(origin), ONE << np.uint64(square)
    pawns, knights, bishops = states[row, PAWNS], states[row, KNIGHTS], states[row, BISHOPS]
    rooks, queens, kings = states[row, ROOKS], states[row, QUEENS], states[row, KINGS]
    us, meta = states[row, US], states[row, META]
    them = (pawns | knights | bishops | rooks | queens | kings) ^ us
    clock = ((meta >> CLOCK_SHIFT) & CLOCK) + ONE
    double = False

    if us & destination:  # castling: the king captures its own rook
        if square > origin:
            kings, rooks, us = kings ^ _KINGSIDE_KING, rooks ^ _KINGSIDE_ROOK, us ^ _KINGSIDE_KING ^ _KINGSIDE_ROOK
        else:
            kings, rooks, us = kings ^ _QUEENSIDE_KING, rooks ^ _QUEENSIDE_ROOK, us ^ _QUEENSIDE_KING ^ _QUEENSIDE_ROOK
    else:
        is_pawn, capture = pawns & source != ZERO, them & destination != ZERO
        pawns = _moved(pawns, origin, source, destination, square)
        knights = _moved(knights, origin, source, destination, square)
        bishops = _moved(bishops, origin, source, destination, square)
        rooks = _moved(rooks, origin, source, destination, square)
        queens = _moved(queens, origin, source, destination, square)
        kings = _moved(kings, origin, source, destination, square)
        us ^= source | destination
        them &= ~destination
        if is_pawn or capture:
            clock = ZERO
        if is_pawn:
            if square >= 56:
                pawns ^= destination
                if promotion == actions.QUEEN:
                    queens |= destination
                elif promotion == actions.ROOK:
                    rooks |= destination
                elif promotion == actions.BISHOP:
                    bishops |= destination
                else:
                    knights |= destination
            elif not capture and (square - origin) & 1:  # a pawn changed file without a capture there: en passant
                pawns ^= destination >> EIGHT
                them ^= destination >> EIGHT
            double = square - origin == 16

    rights = meta & CASTLING
    if rights:
        rights &= ~_lost_rights(source | destination)
        rights = (rights >> _TWO) | ((rights & _THREE) << _TWO)
    side = (meta & BLACK) ^ BLACK
    number = (meta >> NUMBER_SHIFT) & NUMBER
    if side == ZERO and number < NUMBER:
        number += ONE
    if clock > CLOCK:
        clock = CLOCK
    out[out_row, PAWNS] = byteswap(pawns)
    out[out_row, KNIGHTS] = byteswap(knights)
    out[out_row, BISHOPS] = byteswap(bishops)
    out[out_row, ROOKS] = byteswap(rooks)
    out[out_row, QUEENS] = byteswap(queens)
    out[out_row, KINGS] = byteswap(kings)
    out[out_row, US] = byteswap(them)
    out[out_row, META] = rights | (clock << CLOCK_SHIFT) | side | (number << NUMBER_SHIFT)
    if double and _en_passant_pawns(out, out_row, square & 7):
        out[out_row, META] |= np.uint64(1 + (square & 7)) << EN_PASSANT_SHIFT
