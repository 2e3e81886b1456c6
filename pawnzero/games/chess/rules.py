"""Apply the rules to a batch of positions: legal actions, how a game has ended, and the repetition key."""

from __future__ import annotations

import numpy as np

from pawnzero.games.base import FIRST_OWN_ENDING, ONGOING
from pawnzero.games.chess.attacks import ONE, ZERO
from pawnzero.games.chess.moves import generate, play
from pawnzero.games.chess.state import (
    BISHOPS,
    CLOCK,
    CLOCK_SHIFT,
    KNIGHTS,
    META,
    PAWNS,
    QUEENS,
    ROOKS,
    SAME_POSITION,
)
from pawnzero.native import inner_kernel, kernel

CHECKMATE = FIRST_OWN_ENDING
STALEMATE = FIRST_OWN_ENDING + 1
FIFTY_MOVES = FIRST_OWN_ENDING + 2
INSUFFICIENT_MATERIAL = FIRST_OWN_ENDING + 3
OWN_ENDINGS = ("checkmate", "stalemate", "fifty moves", "insufficient material")
OWN_ENDING_VALUES = (-1, 0, 0, 0)

FIFTY_MOVES_PLIES = 100
MAX_REVERSIBLE = FIFTY_MOVES_PLIES

_DARK = np.uint64(0xAA55AA55AA55AA55)
"""Squares of a1's colour. Flipping the board swaps the colours, which does not change "all of one colour"."""

_WORD_SEEDS = np.array(
    [
        0x9E3779B97F4A7C15,
        0xBF58476D1CE4E5B9,
        0x94D049BB133111EB,
        0xD6E8FEB86659FD93,
        0xA0761D6478BD642F,
        0xE7037ED1A0B428DB,
        0x8EBC6AF09C88C6E3,
        0x589965CC75374CC3,
    ],
    np.uint64,
)
_MULTIPLIER = np.uint64(0xD6E8FEB86659FD93)
_FOLD = np.uint64(32)


@inner_kernel
def _mix(word: np.uint64) -> np.uint64:
    """A bijection of 64-bit words in which every input bit affects every output bit (xor-shift and multiply)."""
    word = (word ^ (word >> _FOLD)) * _MULTIPLIER
    word = (word ^ (word >> _FOLD)) * _MULTIPLIER
    return word ^ (word >> _FOLD)


@inner_kernel
def _position_key(states: np.ndarray, row: int) -> np.uint64:
    """A hash of placement, side to move, castling rights and legal en-passant capture, but not of the counters."""
    total = _mix((states[row, META] & SAME_POSITION) ^ _WORD_SEEDS[META])
    for word in range(META):
        total ^= _mix(states[row, word] ^ _WORD_SEEDS[word])
    return _mix(total)


@inner_kernel
def _insufficient_material(states: np.ndarray, row: int) -> bool:
    """Whether neither side could ever mate: bare kings, a single knight, or only bishops, all on squares of one colour."""
    if states[row, PAWNS] | states[row, ROOKS] | states[row, QUEENS]:
        return False
    knights, bishops = states[row, KNIGHTS], states[row, BISHOPS]
    if knights:
        return bishops == ZERO and knights & (knights - ONE) == ZERO
    return bishops & _DARK == ZERO or bishops & ~_DARK == ZERO


@inner_kernel
def _inspect(
    states: np.ndarray,
    row: int,
    legal: np.ndarray,
    count: np.ndarray,
    ending: np.ndarray,
    key: np.ndarray,
    reversible: np.ndarray,
) -> None:
    n, in_check = generate(states, row, legal, row)
    clock = np.int64((states[row, META] >> CLOCK_SHIFT) & CLOCK)
    verdict = ONGOING
    if n == 0:
        verdict = CHECKMATE if in_check else STALEMATE
    elif _insufficient_material(states, row):
        verdict = INSUFFICIENT_MATERIAL
    elif clock >= FIFTY_MOVES_PLIES:
        verdict = FIFTY_MOVES
    ending[row] = verdict
    count[row] = n if verdict == ONGOING else 0
    key[row] = _position_key(states, row)
    reversible[row] = min(clock, MAX_REVERSIBLE)


@kernel
def inspect_batch(
    states: np.ndarray, legal: np.ndarray, count: np.ndarray, ending: np.ndarray, key: np.ndarray, reversible: np.ndarray
) -> None:
    """Fill the arrays of `Positions` from its states [B, S]."""
    for row in range(len(states)):
        _inspect(states, row, legal, count, ending, key, reversible)


@kernel
def step_batch(
    states: np.ndarray,
    actions: np.ndarray,
    out: np.ndarray,
    legal: np.ndarray,
    count: np.ndarray,
    ending: np.ndarray,
    key: np.ndarray,
    reversible: np.ndarray,
) -> None:
    """Play actions [B] in states [B, S] and fill the arrays of `Positions`, including its states `out`."""
    for row in range(len(states)):
        play(states, row, actions[row], out, row)
        _inspect(out, row, legal, count, ending, key, reversible)
