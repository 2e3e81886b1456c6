"""Which of the net's answers are known already: those it gave in the last searches, found again by what the net is shown.

Games from one start meet the same positions, and a move's search comes again on what the search before it saw. An answer
depends on what the net is shown alone, so taking it from here leaves every game as it is.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pawnzero.games.base import Game
from pawnzero.native import allocating_kernel, inner_kernel, kernel
from pawnzero.search.evaluator import Question

_MOST_MOVES = 64
"""Positions with more legal actions are not kept: they are rare and would make all slots wide."""
_FEWEST_BYTES = 1 << 24

_FIRST = np.uint64(0x9E3779B97F4A7C15)
_SECOND = np.uint64(0xC2B2AE3D27D4EB4F)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_S29 = np.uint64(29)
_S32 = np.uint64(32)

_UNKEPT = -1
"""A row that is asked about, and whose answer finds no slot."""


@inner_kernel
def _stirred(word: np.uint64, new: np.uint64, factor: np.uint64, shift: np.uint64) -> np.uint64:
    """A hash that takes in one more word: a bijection of `word` for each `new`."""
    word = (word ^ new) * factor
    return word ^ (word >> shift)


@inner_kernel
def _hash(bits: np.ndarray, scalars: np.ndarray, legal: np.ndarray, count: int, out: np.ndarray) -> None:
    """128 bits, out [2] uint64, of one encoded position [P], [Q] (as uint32 words) and its `count` legal actions.

    The two halves differ in start, factor and shift; that two of the positions met in a run agree in both is not to be
    expected. The shifts matter: a difference in a word's last bit is one in two bits after a step, whatever the factor, and a
    difference in the same two bits of the next word would undo it in both halves.
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
    """Divide the rows into known ones, those that equal an earlier row, and those to ask about, which move to the front.

    keys [C, 2] uint64; asking [C] int32: 1 + the place among the asked rows of what a slot waits for, 0 where it waits for
    nothing. Fills slot [B] int32 (where the row's answer lies or will lie, _UNKEPT: nowhere) and source [B] int32 (its place
    among the asked rows; -1: known). The asked rows' bits and scalars are moved to the front in place, their legal actions
    are copied. Returns how many they are.
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
    """Give each row [B] its answer, from the slots or from the asked rows at the front; then keep the new ones.

    Backwards: a row's place among the asked ones is never behind the row itself.
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
    """The answers of one evaluator, in a table in which a new one takes the place of an older one that falls on its slot.

    rows:   most positions of a batch
    memory: bytes that the table may take, 16 MiB at least; the slots are a power of two, so that half may be left
    """

    def __init__(self, game: Game, rows: int, memory: int) -> None:
        moves = min(game.max_legal, _MOST_MOVES)
        slots = 1 << (max(memory, _FEWEST_BYTES) // (16 + 4 + 12 + 4 * moves)).bit_length() - 1
        self._keys = np.zeros((slots, 2), np.uint64)
        self._asking = np.zeros(slots, np.int32)
        self._logits = np.zeros((slots, moves), np.float32)
        self._wdl = np.zeros((slots, 3), np.float32)
        self._slot, self._source = np.zeros((2, rows), np.int32)
        self._legal = np.zeros((rows, game.max_legal), np.int16)
        self._count = np.zeros(rows, np.int16)

    def seek(self, whole: Question) -> Question:
        """What remains to be asked, perhaps nothing; once that has been answered, `keep` gives `whole` its answers.

        Its bits, scalars and answers are the first rows of `whole`, whose own bits and scalars are lost. Its legal actions and
        their counts are this table's, and last until the next call.
        """
        rows = len(whole)
        with np.errstate(over="ignore"):  # without numba, hashing would warn
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
        """Complete the answers to what `seek` was last given, and keep the new ones."""
        rows = len(whole)
        slot, source = self._slot[:rows], self._source[:rows]
        _spread(self._logits, self._wdl, self._asking, slot, source, whole.count, whole.logits, whole.wdl)
