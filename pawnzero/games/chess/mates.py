"""Moves that mate at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pawnzero.bits import lowest
from pawnzero.games.base import NO_ACTION
from pawnzero.games.chess import actions
from pawnzero.games.chess.attacks import KNIGHT, ONE, ZERO, bishop_attacks, opponent_pawns_attack, rook_attacks
from pawnzero.games.chess.moves import generate, play
from pawnzero.games.chess.state import (
    BISHOPS,
    EN_PASSANT,
    EN_PASSANT_SHIFT,
    KINGS,
    KNIGHTS,
    META,
    PAWNS,
    QUEENS,
    ROOKS,
    US,
)
from pawnzero.native import allocating_kernel, inner_kernel

_FROM, _TO = actions.FROM, actions.TO
_EIGHTH_RANK = np.uint64(0xFF << 56)
_BEFORE_EN_PASSANT = np.uint64(39)
"""The square that a pawn takes en passant on is this plus the file from 1."""


class _Checks(NamedTuple):
    """The squares from which each kind of piece gives check, and the pieces whose moves may uncover one."""

    pawn: np.uint64  # also where a pawn promotes or takes en passant
    knight: np.uint64
    diagonal: np.uint64
    straight: np.uint64
    any: np.uint64  # of these, and the own pieces, which only castling moves to
    uncovering: np.uint64


@allocating_kernel
def mates_at_once(states: np.ndarray, legal: np.ndarray, count: np.ndarray, found: np.ndarray) -> None:
    """Find for each position the first listed legal action that mates.

    states [B, S] uint64, legal [B, M] int16, count [B] int16 → fills found [B] int16, NO_ACTION where none does.
    """
    after = np.empty((1, states.shape[1]), np.uint64)
    for row in range(len(states)):
        found[row] = NO_ACTION
        if count[row] == 0:
            continue
        checks = _checks(states, row)
        for i in range(count[row]):
            action = legal[row, i]
            if _may_check(states, row, action, checks):
                play(states, row, action, after, 0)
                replies, in_check = generate(after, 0, None, 0)
                if replies == 0 and in_check:
                    found[row] = action
                    break


@inner_kernel
def _checks(states: np.ndarray, row: int) -> _Checks:
    us = states[row, US]
    pawns, knights, kings = states[row, PAWNS], states[row, KNIGHTS], states[row, KINGS]
    diagonal, straight = states[row, BISHOPS] | states[row, QUEENS], states[row, ROOKS] | states[row, QUEENS]
    occupied = pawns | knights | diagonal | straight | kings
    their_king = kings & ~us
    king = lowest(their_king)
    by_pawn, by_knight = opponent_pawns_attack(their_king) | _EIGHTH_RANK, KNIGHT[king]
    en_passant = (states[row, META] >> EN_PASSANT_SHIFT) & EN_PASSANT
    if en_passant:
        by_pawn |= ONE << (_BEFORE_EN_PASSANT + en_passant)
    diagonally, straightly = bishop_attacks(king, occupied), rook_attacks(king, occupied)
    uncovering = us & (diagonally | straightly)
    if uncovering:
        theirs = occupied & ~us
        behind = us & ((bishop_attacks(king, theirs) & diagonal) | (rook_attacks(king, theirs) & straight))
        if behind == ZERO:
            uncovering = ZERO
    reached = by_pawn | by_knight | diagonally | straightly | us
    return _Checks(by_pawn, by_knight, diagonally, straightly, reached, uncovering)


@inner_kernel
def _may_check(states: np.ndarray, row: int, action: int, checks: _Checks) -> bool:
    """Whether a legal action may give check; True also for some that do not."""
    source, destination = ONE << np.uint64(_FROM[action]), ONE << np.uint64(_TO[action])
    if source & checks.uncovering:
        return True
    if destination & checks.any == ZERO:
        return False
    if destination & states[row, US]:  # castling
        return True
    reached = ZERO
    if source & states[row, PAWNS]:
        reached = checks.pawn
    if source & states[row, KNIGHTS]:
        reached = checks.knight
    if source & (states[row, BISHOPS] | states[row, QUEENS]):
        reached |= checks.diagonal
    if source & (states[row, ROOKS] | states[row, QUEENS]):
        reached |= checks.straight
    return destination & reached != ZERO
