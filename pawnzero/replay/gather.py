"""Kernels that collect rows from the ring: random ones, those before them in their games, and those after.

Sample i of a step is a function of (seed, step, i) and of the rows in a frozen window of sequence numbers: candidates come from
a counter-based generator, and the first that may be trained on is taken. So sampling is uniform, its cost does not depend on
the window's size, it keeps no state between steps, and the first 32 samples of a batch of 64 are the batch of 32.
"""

from __future__ import annotations

from typing import Tuple

import numpy as np

from pawnzero.bits import GOLDEN, scrambled
from pawnzero.native import allocating_kernel, inner_kernel, kernel
from pawnzero.replay.rows import (
    CONTEXT,
    FIRST_STATE_WORD,
    GAME_WORD,
    REPEATED,
    SEQUENCE_WORD,
    flags_of,
    intact,
    ply_of,
)

HELD_OUT = 20
"""One game in this many is held out, if requested."""

ANY_GAME = -1
"""The games to draw from: ANY_GAME for all, 0 for those not held out, 1 for those held out."""

_ATTEMPTS = 256
"""Random candidates per sample; if all of them fail, few rows qualify, and a linear scan looks for one."""

_GAMES = np.uint64(HELD_OUT)
_SYMMETRY = np.uint64(0xA0761D6478BD642F)
"""Decorrelates the draw of a sample's symmetry from the draw of its row."""


@inner_kernel
def mix(word: np.uint64) -> np.uint64:
    """Hash a 64-bit word: the first output of SplitMix64 from that state."""
    return scrambled(word + GOLDEN)


@inner_kernel
def _wanted(row: np.ndarray, held_out: int) -> bool:
    """Whether an intact row [W] may be sampled."""
    if flags_of(row) & CONTEXT:
        return False
    return held_out == ANY_GAME or (mix(row[GAME_WORD]) % _GAMES == np.uint64(0)) == (held_out == 1)


@inner_kernel
def _copy(row: np.ndarray, out: np.ndarray) -> None:
    """Copy a row [W] to out [W], in a loop: slice assignment would compile in everything its shape error needs."""
    for i in range(len(out)):
        out[i] = row[i]


@inner_kernel
def _fetch(words: np.ndarray, base: int, sequence: int, out: np.ndarray) -> int:
    """Copy the row with this sequence number to `out` [W] and check the copy: 1 valid, 0 another number's row, -1 damaged."""
    _copy(words[(sequence - base) % len(words)], out)
    if not intact(out):
        return -1
    return 1 if out[SEQUENCE_WORD] == np.uint64(sequence) else 0


@inner_kernel
def _draw(words: np.ndarray, base: int, window: np.ndarray, held_out: int, key: np.uint64, out: np.ndarray) -> Tuple[bool, int]:
    """Copy a random row that may be sampled to `out` [W].

    Returns whether there is one, and how many damaged rows were met.
    """
    size = window[1] - window[0] + 1
    damaged = 0
    offset = 0
    for attempt in range(_ATTEMPTS + size):
        if attempt < _ATTEMPTS:
            offset = int(np.int64(mix(key ^ mix(np.uint64(attempt))) % np.uint64(size)))
        else:
            offset = (offset + 1) % size
        status = _fetch(words, base, window[0] + offset, out)
        if status < 0:
            damaged += 1
        elif status > 0 and _wanted(out, held_out):
            return True, damaged
    return False, damaged


@kernel
def count_wanted(words: np.ndarray, base: int, window: np.ndarray, held_out: int) -> int:
    """Count the rows of `window` [2] int64 that may be sampled. Checksums are not looked at, so damaged rows count."""
    count = 0
    for sequence in range(window[0], window[1] + 1):
        row = words[(sequence - base) % len(words)]
        if row[SEQUENCE_WORD] == np.uint64(sequence) and _wanted(row, held_out):
            count += 1
    return count


@inner_kernel
def _gather_history(
    words: np.ndarray, base: int, first: int, row: np.ndarray, spare: np.ndarray, history: np.ndarray, repeated: np.ndarray
) -> int:
    """Fill history [H, S] and repeated [H] from `row` [W] and the rows before it in its game; return how many there are.

    Rows before `first` are not looked at.
    """
    length = 0
    sequence = int(np.int64(row[SEQUENCE_WORD]))
    ply = ply_of(row)
    for back in range(min(len(history), sequence - max(base, first) + 1)):
        if back == 0:
            _copy(row, spare)
        elif _fetch(words, base, sequence - back, spare) <= 0:
            break
        if spare[GAME_WORD] != row[GAME_WORD] or ply_of(spare) != ply - back:
            break
        for i in range(history.shape[1]):
            history[back, i] = spare[FIRST_STATE_WORD + i]
        repeated[back] = (flags_of(spare) & REPEATED) != 0
        length += 1
    return length


@allocating_kernel
def gather(
    words: np.ndarray,
    base: int,
    window: np.ndarray,
    held_out: int,
    seed: np.uint64,
    step: np.uint64,
    first: int,
    rows: np.ndarray,
    history: np.ndarray,
    repeated: np.ndarray,
    length: np.ndarray,
) -> Tuple[int, int]:
    """Draw the rows of the step's samples from number `first` on, with their history.

    words [C, W] uint64 is the ring, window [2] int64 the first and last sequence number → rows [B, W] uint64, history [B, H, S]
    uint64, repeated [B, H] uint8, length [B] int16. History does not reach back beyond the window, since later games may
    overwrite what is there. Returns how many samples were drawn (fewer than B if no row may be sampled) and how many damaged
    rows were met.
    """
    spare = np.zeros(words.shape[1], np.uint64)
    damaged = 0
    key = mix(mix(seed) ^ step)
    for b in range(len(rows)):
        found, met = _draw(words, base, window, held_out, mix(key ^ np.uint64(first + b)), rows[b])
        damaged += met
        if not found:
            return b, damaged
        length[b] = _gather_history(words, base, window[0], rows[b], spare, history[b], repeated[b])
    return len(rows), damaged


@kernel
def gather_next(words: np.ndarray, base: int, last: int, rows: np.ndarray, following: np.ndarray) -> None:
    """Fetch the next row of the game for each of rows [B, W] → following [B, W]; the row itself if none follows by `last`."""
    for b in range(len(rows)):
        sequence = int(np.int64(rows[b, SEQUENCE_WORD])) + 1
        follows = (
            sequence <= last
            and _fetch(words, base, sequence, following[b]) > 0
            and following[b, GAME_WORD] == rows[b, GAME_WORD]
            and ply_of(following[b]) == ply_of(rows[b]) + 1
        )
        if not follows:
            _copy(rows[b], following[b])


@kernel
def draw_symmetries(seed: np.uint64, step: np.uint64, first: int, symmetries: np.uint64, which: np.ndarray) -> None:
    """Fill which [B] uint8 with the symmetries of the samples from `first` on, uniform below `symmetries`."""
    key = mix(mix(seed) ^ step)
    for b in range(len(which)):
        which[b] = mix(mix(key ^ np.uint64(first + b)) ^ _SYMMETRY) % symmetries
