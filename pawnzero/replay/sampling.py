"""Which rows a training step uses, and how they become a batch.

Sample i of a step is a function of (seed, step, i) and of the rows in a frozen window of sequence numbers: candidates come from
a counter-based generator, and the first that may be trained on is taken. So sampling is uniform, its cost does not depend on
the window's size, it keeps no state between steps, and the first 32 samples of a batch of 64 are the batch of 32.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Sequence, Tuple

import numpy as np

from pawnzero.bits import GOLDEN, scrambled
from pawnzero.errors import PawnzeroError
from pawnzero.games.symmetry import turn
from pawnzero.native import allocating_kernel, inner_kernel, kernel
from pawnzero.replay.ring import Ring
from pawnzero.replay.rows import (
    CONTEXT,
    FIRST_STATE_WORD,
    GAME_WORD,
    REPEATED,
    SEARCHED,
    SEQUENCE_WORD,
    SPARSE,
    TRAIN_POLICY,
    as_words,
    flags_of,
    intact,
    ply_of,
    unpack_policies,
)

HELD_OUT = 20
"""One game in this many is held out, if requested."""

ANY_GAME = -1
"""A sampler's choice of games: ANY_GAME for all, 0 for those not held out, 1 for those held out."""

_ATTEMPTS = 256
"""Random candidates per sample; if all of them fail, few rows qualify, and a linear scan looks for one."""

_GAMES = np.uint64(HELD_OUT)
_SYMMETRY = np.uint64(0xA0761D6478BD642F)
"""Decorrelates the draw of a sample's symmetry from the draw of its row."""


@dataclass(frozen=True)
class Reply:
    """The opponents' next moves after B positions; M' is the largest number of legal actions among them.

    legal  [B, M'] int16: their legal actions, numbered from the opponent's view and transformed with the sample; padded with 0
    policy [B, M'] float32: the policy target in the order of `legal`; 0 if there is none
    weight [B] float32: 1 if the next position of the game had a full search; 0 if it had not, or the game ended
    """

    legal: np.ndarray
    policy: np.ndarray
    weight: np.ndarray


@dataclass(frozen=True)
class Batch:
    """The inputs and targets of a training step for B positions; M' is the largest number of legal actions among them.

    bits          [B, P] uint64, scalars [B, Q] float32: the net's inputs (`Game.encode`)
    legal         [B, M'] int16: legal actions; only the first `count` of a row are valid. A transformed
                  sample lists its actions in the order of the original position
    count         [B] int16
    policy        [B, M'] float32: the policy target in the order of `legal`; zero past `count` and if there is none
    policy_weight [B] float32: 1 if the policy may be trained on, 0 if the search was a cheap one
    result_wdl    [B, 3] float32: the game's result for the player to move, one-hot
    root_wdl      [B, 3] float32: the search's WDL for the player to move; the result if there was no search
    ply           [B] int32: plies since the game's start
    plies_left    [B] int32: plies to the game's end, 1 or more
    age           [B] int64: number of newer rows in the window
    reply:        the opponents' next policies, if the sampler was asked for them
    """

    bits: np.ndarray
    scalars: np.ndarray
    legal: np.ndarray
    count: np.ndarray
    policy: np.ndarray
    policy_weight: np.ndarray
    result_wdl: np.ndarray
    root_wdl: np.ndarray
    ply: np.ndarray
    plies_left: np.ndarray
    age: np.ndarray
    reply: Optional[Reply] = None

    def __len__(self) -> int:
        return len(self.bits)


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


@inner_kernel
def _gather_history(
    words: np.ndarray, base: int, row: np.ndarray, spare: np.ndarray, history: np.ndarray, repeated: np.ndarray
) -> int:
    """Fill history [H, S] and repeated [H] from `row` [W] and the rows before it in its game; return how many there are."""
    length = 0
    sequence = int(np.int64(row[SEQUENCE_WORD]))
    ply = ply_of(row)
    for back in range(min(len(history), sequence - base + 1)):
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
    uint64, repeated [B, H] uint8, length [B] int16. Returns how many samples were drawn (fewer than B if no row may be sampled)
    and how many damaged rows were met.
    """
    spare = np.zeros(words.shape[1], np.uint64)
    damaged = 0
    key = mix(mix(seed) ^ step)
    for b in range(len(rows)):
        found, met = _draw(words, base, window, held_out, mix(key ^ np.uint64(first + b)), rows[b])
        damaged += met
        if not found:
            return b, damaged
        length[b] = _gather_history(words, base, rows[b], spare, history[b], repeated[b])
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


class Sampler:
    """Training batches from a frozen window of rows; created by `ReplayBuffer.sampler`.

    window: (first, last) sequence numbers, plain integers that can be stored and passed to `ReplayBuffer.sampler` again: the
            same seed and window give the same batches as long as the window's rows are in the file. Rows that have been
            overwritten since are skipped.
    """

    def __init__(
        self,
        ring: Ring,
        seed: int,
        window: Optional[Sequence[int]],
        held_out: Optional[bool],
        augment: bool = False,
        reply: bool = False,
    ) -> None:
        self._ring = ring
        self._seed = seed
        self._augment = augment
        self._reply = reply
        self._held_out = ANY_GAME if held_out is None else int(held_out)
        first, last = (ring.oldest, ring.newest) if window is None else (int(window[0]), int(window[1]))
        if not (1 <= first <= last <= ring.newest and ring.oldest <= last):
            raise PawnzeroError(
                f"{ring.path}: holds rows {ring.oldest} to {ring.newest}, the window asked for is {first} to {last}"
            )
        self.window: Tuple[int, int] = (first, last)

    def batch(self, step: int, size: int, first: int = 0) -> Batch:
        """Return samples `first` to `first + size - 1` of training step `step` (all from 0).

        Raises PawnzeroError if the window holds no row that may be sampled.
        """
        ring = self._ring
        game = ring.game
        rows = np.empty(size, ring.row_type)
        history = np.zeros((size, game.history, game.state_words), np.uint64)
        repeated = np.zeros((size, game.history), np.uint8)
        length = np.zeros(size, np.int16)
        with np.errstate(over="ignore"):
            drawn, damaged = gather(
                ring.words,
                ring.base,
                np.array(self.window, np.int64),
                self._held_out,
                np.uint64(self._seed),
                np.uint64(step),
                first,
                as_words(rows),
                history,
                repeated,
                length,
            )
        ring.damaged += damaged
        if drawn < size:
            raise PawnzeroError(f"{ring.path}: holds no positions to train on among rows {self.window[0]} to {self.window[1]}")
        bits = np.zeros((size, game.bit_planes), np.uint64)
        scalars = np.zeros((size, game.scalar_planes), np.float32)
        game.encode(history, repeated, length, bits, scalars)
        batch = self._assemble(rows, bits, scalars)
        if self._augment:
            self._turn(batch, step, first)
        return batch

    def _turn(self, batch: Batch, step: int, first: int) -> None:
        """Apply one of the game's symmetries to each sample, if its position allows it, and to its reply."""
        game = self._ring.game
        which = np.zeros(len(batch), np.uint8)
        with np.errstate(over="ignore"):
            draw_symmetries(np.uint64(self._seed), np.uint64(step), first, np.uint64(game.symmetries), which)
        which[~game.symmetric(batch.scalars)] = 0
        turn(batch.bits, batch.legal, batch.count, which, game.cell_map, game.action_map)
        if batch.reply is not None:
            legal = batch.reply.legal
            whole = np.full(len(legal), legal.shape[1], np.int16)
            turn(np.zeros((len(legal), 0), np.uint64), legal, whole, which, game.cell_map, game.action_map)

    def _reply_to(self, rows: np.ndarray) -> Reply:
        """What followed the rows [B] in their games."""
        ring = self._ring
        following = np.empty(len(rows), ring.row_type)
        with np.errstate(over="ignore"):
            gather_next(ring.words, ring.base, self.window[1], as_words(rows), as_words(following))
        legal, count, policy = self._policies(following)
        legal[np.arange(legal.shape[1]) >= count[:, np.newaxis]] = 0  # any valid action: its policy is 0
        known = (following["sequence"] != rows["sequence"]) & ((following["flags"] & TRAIN_POLICY) != 0)
        return Reply(legal, policy * known[:, np.newaxis], known.astype(np.float32))

    def _policies(self, rows: np.ndarray) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(legal [B, M'] int16, count [B] int16, policy [B, M'] float32) of rows [B]."""
        game = self._ring.game
        positions = game.allocate(len(rows))
        positions.state[:] = rows["state"]
        game.inspect(positions)
        count = positions.count
        changed = np.flatnonzero(count != rows["count"])
        if len(changed):
            row = rows[changed[0]]
            raise PawnzeroError(
                f"{self._ring.path}: row {row['sequence']} has {row['count']} legal actions, by the rules of {game.name} "
                f"{count[changed[0]]}: they have changed without a new order_version"
            )
        policy = np.empty((len(rows), max(1, int(count.max(initial=1)))), np.float32)
        unpack_policies(rows["policy"], (rows["flags"] & SPARSE) != 0, count.astype(np.int64), policy)
        return np.ascontiguousarray(positions.legal[:, : policy.shape[1]]), count, policy

    def _assemble(self, rows: np.ndarray, bits: np.ndarray, scalars: np.ndarray) -> Batch:
        flags = rows["flags"]
        legal, count, policy = self._policies(rows)
        result_wdl = np.zeros((len(rows), 3), np.float32)
        result_wdl[np.arange(len(rows)), 1 - rows["result"].astype(np.int64)] = 1.0
        return Batch(
            bits=bits,
            scalars=scalars,
            legal=legal,
            count=count,
            policy=policy,
            policy_weight=((flags & TRAIN_POLICY) != 0).astype(np.float32),
            result_wdl=result_wdl,
            root_wdl=_root_wdl(rows, result_wdl),
            ply=rows["ply"].astype(np.int32),
            plies_left=rows["plies_left"].astype(np.int32),
            age=self.window[1] - rows["sequence"].astype(np.int64),
            reply=self._reply_to(rows) if self._reply else None,
        )


def _root_wdl(rows: np.ndarray, result_wdl: np.ndarray) -> np.ndarray:
    wdl = rows["root_wdl"].astype(np.float32)
    total = wdl.sum(axis=1, keepdims=True)
    searched = ((rows["flags"] & SEARCHED) != 0)[:, np.newaxis] & (total > 0.0)
    return np.where(searched, wdl / np.maximum(total, 1.0), result_wdl)
