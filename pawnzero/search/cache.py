"""A cache of the net's recent evaluations, keyed by a hash of its inputs.

Games from the same start reach the same positions, and a move's search revisits what the search before it saw. An evaluation
depends only on the net's inputs, so taking it from the cache does not change any game.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pawnzero.games.base import Game
from pawnzero.native import allocating_kernel, inner_kernel, kernel
from pawnzero.search.evaluator import Question

_MOST_MOVES = 64
"""Positions with more legal actions are not cached: they are rare and would make every slot wide."""

_FIRST = np.uint64(0x9E3779B97F4A7C15)
_SECOND = np.uint64(0xC2B2AE3D27D4EB4F)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_S29 = np.uint64(29)
_S32 = np.uint64(32)

_UNKEPT = -1
"""The slot of a row that is evaluated but whose evaluation is not cached."""


@inner_kernel
def _stirred(word: np.uint64, new: np.uint64, factor: np.uint64, shift: np.uint64) -> np.uint64:
    """Mix one more word into a hash; for each `new`, a bijection of `word`."""
    word = (word ^ new) * factor
    return word ^ (word >> shift)


@inner_kernel
def _hash(bits: np.ndarray, scalars: np.ndarray, legal: np.ndarray, count: int, out: np.ndarray) -> None:
    """Write a 128-bit hash of one encoded position to out [2] uint64.

    Hashed are its bits [P], its scalars [Q] (as uint32 words) and the first `count` of its legal actions. The two halves differ
    in start, factor and shift, so that no two positions of a run are expected to collide in both. The shifts matter: whatever
    the factor, a difference in a word's top bit becomes a difference in two bits after a step, and a difference in the same two
    bits of the next word would cancel it in both halves if they shifted alike.
    """
    first, second = _FIRST, _SECOND
    for word in bits:
        first, second = _stirred(first, word, _MIX_1, _S29), _stirred(second, word, _MIX_2, _S32)
    for scalar in scalars:
        first, second = _stirred(first, np.uint64(scalar), _MIX_1, _S29), _stirred(second, np.uint64(scalar), _MIX_2, _S32)
    for i in range(count):
        action = np.uint64(legal[i])
        first, second = _stirred(first, action, _MIX_1, _S29), _stirred(second, action, _MIX_2, _S32)
    out[0] = first ^ (first >> _S32)
    out[1] = (second ^ (second >> _S32)) | np.uint64(1)  # an empty slot holds zeros


@allocating_kernel
def _seek(
    keys: np.ndarray,
    asking: np.ndarray,
    bits: np.ndarray,
    scalars: np.ndarray,
    legal: np.ndarray,
    count: np.ndarray,
    slot: np.ndarray,
    source: np.ndarray,
    asked_legal: np.ndarray,
    asked_count: np.ndarray,
) -> int:
    """Sort the rows into cached ones, duplicates of earlier rows, and rows to evaluate, which move to the front.

    keys [C, 2] uint64; asking [C] int32: 1 + the index among the rows to evaluate of the one that a slot waits for, 0 if it
    waits for none. Fills slot [B] int32 (the cache slot of the row's evaluation, now or after `_spread`; _UNKEPT: none) and
    source [B] int32 (its index among the rows to evaluate; -1: cached). Moves the bits and scalars of the rows to evaluate to
    the front in place and copies their legal actions. Returns how many rows there are to evaluate.
    """
    key = np.zeros(2, np.uint64)
    mask = np.uint64(len(keys) - 1)
    asked = 0
    for b in range(len(bits)):
        _hash(bits[b], scalars[b], legal[b], count[b], key)
        at = np.int64(key[0] & mask)
        known = keys[at, 0] == key[0] and keys[at, 1] == key[1]
        slot[b] = at
        if known:
            source[b] = asking[at] - 1
            continue
        if asking[at] > 0 or count[b] > _MOST_MOVES:
            slot[b] = _UNKEPT
        else:
            keys[at, 0], keys[at, 1] = key[0], key[1]
            asking[at] = asked + 1
        source[b] = asked
        for i in range(bits.shape[1]):
            bits[asked, i] = bits[b, i]
        for i in range(scalars.shape[1]):
            scalars[asked, i] = scalars[b, i]
        for i in range(count[b]):
            asked_legal[asked, i] = legal[b, i]
        asked_count[asked] = count[b]
        asked += 1
    return asked


@kernel
def _spread(
    kept_logits: np.ndarray,
    kept_wdl: np.ndarray,
    asking: np.ndarray,
    slot: np.ndarray,
    source: np.ndarray,
    count: np.ndarray,
    logits: np.ndarray,
    wdl: np.ndarray,
) -> None:
    """Give each row [B] its evaluation, from its slot or from the evaluated rows at the front, then cache the new ones.

    Runs backwards, since a row's index among the evaluated rows is never larger than its own.
    """
    for b in range(len(count) - 1, -1, -1):
        place = source[b]
        for i in range(count[b]):
            logits[b, i] = logits[place, i] if place >= 0 else kept_logits[slot[b], i]
        for i in range(3):
            wdl[b, i] = wdl[place, i] if place >= 0 else kept_wdl[slot[b], i]
    for b in range(len(count)):
        if source[b] >= 0 and slot[b] != _UNKEPT:
            at = slot[b]
            for i in range(count[b]):
                kept_logits[at, i] = logits[b, i]
            for i in range(3):
                kept_wdl[at, i] = wdl[b, i]
            asking[at] = 0


class Answers:
    """A fixed-size cache of one evaluator's results; a new entry replaces the older one in its slot.

    rows:   largest number of positions in a batch
    memory: size limit in bytes; the number of slots is a power of two, so up to half of it may stay unused
    """

    def __init__(self, game: Game, rows: int, memory: int) -> None:
        moves = min(game.max_legal, _MOST_MOVES)
        slots = 1 << max(1, memory // (16 + 4 + 12 + 4 * moves)).bit_length() - 1
        self._keys = np.zeros((slots, 2), np.uint64)
        self._asking = np.zeros(slots, np.int32)
        self._logits = np.zeros((slots, moves), np.float32)
        self._wdl = np.zeros((slots, 3), np.float32)
        self._slot, self._source = np.zeros((2, rows), np.int32)
        self._legal = np.zeros((rows, game.max_legal), np.int16)
        self._count = np.zeros(rows, np.int16)

    def seek(self, whole: Question) -> Question:
        """Return the part of `whole` that has to be evaluated, possibly empty; after its evaluation, `keep` completes `whole`.

        The part shares bits, scalars, logits and wdl with the first rows of `whole`, whose own bits and scalars are
        overwritten. Its legal actions and counts belong to this cache and are valid until the next call.
        """
        rows = len(whole)
        with np.errstate(over="ignore"):  # without numba, hashing would warn of overflow
            asked = _seek(
                self._keys,
                self._asking,
                whole.bits,
                whole.scalars.view(np.uint32),
                whole.legal,
                whole.count,
                self._slot[:rows],
                self._source[:rows],
                self._legal,
                self._count,
            )
        return replace(whole, legal=self._legal, count=self._count).part(0, int(asked))

    def keep(self, whole: Question) -> None:
        """Complete the evaluations of the batch last passed to `seek`, and cache the new ones."""
        rows = len(whole)
        slot, source = self._slot[:rows], self._source[:rows]
        _spread(self._logits, self._wdl, self._asking, slot, source, whole.count, whole.logits, whole.wdl)
