"""How rows of the ring become a training batch; `pawnzero.replay.gather` says which rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Sequence, Tuple

import numpy as np

from pawnzero.errors import PawnzeroError
from pawnzero.games.symmetry import turn
from pawnzero.replay.gather import ANY_GAME, count_wanted, draw_symmetries, gather, gather_next
from pawnzero.replay.ring import Ring
from pawnzero.replay.rows import SEARCHED, SPARSE, TRAIN_POLICY, as_words, unpack_policies


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
    ply           [B] int32: plies since the game's start, or since that of the line that it restarted from
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

    def count(self) -> int:
        """The number of positions that may be sampled: those played in the window's games, not those given to them."""
        ring = self._ring
        with np.errstate(over="ignore"):
            return int(count_wanted(ring.words, ring.base, np.array(self.window, np.int64), self._held_out))

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
