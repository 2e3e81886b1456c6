"""The replay file's row format, one fixed-size row per position, and the conversion of a game record into rows.

A row is little-endian and a whole number of 64-bit words, so that kernels can copy and check it as words:

| word | holds |
|---|---|
| 0 | `sequence`: 1 for the first row ever written to the file, 2 for the next …; 0 for an empty slot |
| 1 | `game_id` |
| 2 | `ply` (32 bits), `flags` (8), `result` for the row's mover (8), `count` of legal actions (16) |
| 3 | `action` played (16), `plies_left` to the game's end (16, capped at 65,535), `checksum` over the rest (32) |
| 4 | `root_wdl` as three fractions of 65,535; 16 spare bits |
| 5 … | `state`, S words |
| … | `policy`, R fractions of 65,535 |

`policy` has room for R actions. If a position has more (`SPARSE`), it holds R / 2 indices into the legal actions, then their R
/ 2 probabilities: the most probable ones, rescaled to sum to 1; the others count as zero.
"""

from __future__ import annotations

import numpy as np

from pawnzero.errors import PawnzeroError
from pawnzero.games.base import Game
from pawnzero.native import allocating_kernel, inner_kernel, kernel
from pawnzero.selfplay.records import GameRecord

POLICY_ROOM = 96
"""The largest R: more legal actions are rare in chess, and a chess row stays under 320 bytes."""

TRAIN_POLICY = 1
"""Flag: the policy may be trained on (a full search)."""
SEARCHED = 2
"""Flag: the position was searched, so `root_wdl` is valid."""
CONTEXT = 4
"""Flag: the position was given rather than played; it is history for later rows and never sampled."""
SPARSE = 8
"""Flag: `policy` holds indices and probabilities."""
REPEATED = 16
"""Flag: the position had occurred before in this game."""
LAST = 32
"""Flag: the game's last row, which marks a completely written game."""

SEQUENCE_WORD = 0
GAME_WORD = 1
PLY_WORD = 2
CHECK_WORD = 3
FIRST_STATE_WORD = 5

_ONE = 65535
_LOW_HALF = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_FLAGS_MASK = np.uint64(0xFF)
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_START = np.uint64(0xD1B54A32D192ED03)


def row_type(game: Game) -> np.dtype:
    """Return the numpy type of `game`'s rows; its size is a multiple of 8 bytes."""
    room = min(POLICY_ROOM, (game.max_legal + 3) // 4 * 4)
    return np.dtype(
        [
            ("sequence", "<u8"),
            ("game_id", "<u8"),
            ("ply", "<u4"),
            ("flags", "u1"),
            ("result", "i1"),
            ("count", "<u2"),
            ("action", "<u2"),
            ("plies_left", "<u2"),
            ("checksum", "<u4"),
            ("root_wdl", "<u2", (3,)),
            ("spare", "<u2"),
            ("state", "<u8", (game.state_words,)),
            ("policy", "<u2", (room,)),
        ]
    )


def as_words(rows: np.ndarray) -> np.ndarray:
    """View rows [n] as words [n, W] uint64."""
    return rows.view(np.uint64).reshape(len(rows), rows.dtype.itemsize // 8)


@inner_kernel
def checksum(words: np.ndarray) -> np.uint64:
    """The checksum of a row [W] uint64 over everything but itself.

    Each step is a bijection, so a change in a single word always shows until the final folding to 32 bits.
    """
    total = _START
    for i in range(len(words)):
        word = words[i]
        if i == CHECK_WORD:
            word = word & _LOW_HALF
        total = (total ^ word) * _MULTIPLIER
        total = total ^ (total >> _HALF)
    return total & _LOW_HALF


@kernel
def intact(words: np.ndarray) -> bool:
    """Return whether a row [W] uint64 was written completely."""
    return words[SEQUENCE_WORD] != np.uint64(0) and (words[CHECK_WORD] >> _HALF) == checksum(words)


@inner_kernel
def flags_of(words: np.ndarray) -> int:
    return int(np.int64((words[PLY_WORD] >> _HALF) & _FLAGS_MASK))


@inner_kernel
def ply_of(words: np.ndarray) -> int:
    return int(np.int64(words[PLY_WORD] & _LOW_HALF))


@kernel
def seal(words: np.ndarray) -> None:
    """Write the checksum into each of the rows [n, W] uint64."""
    for i in range(len(words)):
        words[i, CHECK_WORD] = (words[i, CHECK_WORD] & _LOW_HALF) | (checksum(words[i]) << _HALF)


def seal_rows(rows: np.ndarray, first_sequence: int) -> None:
    """Number the rows [n] from `first_sequence` and write their checksums, in place."""
    rows["sequence"] = np.arange(first_sequence, first_sequence + len(rows), dtype=np.uint64)
    with np.errstate(over="ignore"):
        seal(as_words(rows))


@inner_kernel
def _keep_largest(policy: np.ndarray, keep: int, kept: np.ndarray) -> None:
    """Mark the `keep` largest entries of `policy` in `kept`; ties go to the first."""
    for i in range(len(kept)):
        kept[i] = False
    for _ in range(keep):
        best = -1
        for i in range(len(policy)):
            if not kept[i] and (best < 0 or policy[i] > policy[best]):
                best = i
        kept[best] = True


@inner_kernel
def _is_distribution(policy: np.ndarray) -> bool:
    """Whether no probability is negative or NaN, and their sum is 1 to a hundredth."""
    total = 0.0
    for i in range(len(policy)):
        if not (policy[i] >= 0.0):
            return False
        total += policy[i]
    return abs(total - 1.0) < 1e-2


@inner_kernel
def _sum_kept(policy: np.ndarray, kept: np.ndarray) -> float:
    total = 0.0
    for i in range(len(policy)):
        if kept[i]:
            total += policy[i]
    return total


@allocating_kernel
def pack_policies(policy: np.ndarray, start: np.ndarray, count: np.ndarray, out: np.ndarray, sparse: np.ndarray) -> int:
    """Pack probabilities as fractions of 65,535 that sum to exactly 65,535: differences of rounded running sums.

    policy [sum] float32, start [T + 1] int64, count [T] int64 → out [T, R] uint16, sparse [T] uint8. Returns the first ply
    whose policy has a length other than `count` or is not a probability distribution, or -1.
    """
    room = out.shape[1]
    most = 0
    for t in range(len(count)):
        most = max(most, count[t])
    marks = np.zeros(most, np.bool_)
    for t in range(len(count)):
        length = start[t + 1] - start[t]
        if length == 0:
            continue
        row, kept = policy[start[t] : start[t + 1]], marks[:length]
        if length != count[t] or not _is_distribution(row):
            return t
        sparse[t] = length > room
        indices = 0
        kept[:] = True
        if sparse[t]:
            indices = room // 2
            _keep_largest(row, indices, kept)
        total = _sum_kept(row, kept)
        running, before, slot = 0.0, 0, 0
        for i in range(length):
            if kept[i]:
                running += row[i]
                after = int(running / total * _ONE + 0.5)
                if sparse[t]:
                    out[t, slot] = i
                out[t, indices + slot] = after - before
                before = after
                slot += 1
    return -1


@kernel
def unpack_policies(packed: np.ndarray, sparse: np.ndarray, count: np.ndarray, out: np.ndarray) -> None:
    """Unpack probabilities: packed [B, R] uint16, sparse [B] bool, count [B] int64 → out [B, M'] float32, zero past `count`.

    A row without a policy gives zeros.
    """
    room = packed.shape[1]
    for b in range(len(count)):
        for i in range(out.shape[1]):
            out[b, i] = 0.0
        total = np.int64(0)
        first = room // 2 if sparse[b] else 0
        stop = room if sparse[b] else min(count[b], room)  # more than the room if the row has no policy
        for i in range(first, stop):
            total += np.int64(packed[b, i])
        if total == 0:
            continue
        for i in range(first, stop):
            index = np.int64(packed[b, i - first]) if sparse[b] else np.int64(i)
            out[b, index] = np.float64(packed[b, i]) / np.float64(total)


def _check(record: GameRecord, game: Game) -> None:
    if record.game != game.name:
        raise PawnzeroError(f"game {record.game_id}: a game of {record.game}, expected {game.name}")
    if not 0 <= record.game_id < 1 << 63:
        raise PawnzeroError(f"game {record.game_id}: expected a game_id from 0 to 2**63 - 1")
    if record.states.shape != (len(record), game.state_words):
        raise PawnzeroError(f"game {record.game_id}: states {record.states.shape}, expected (T, {game.state_words})")


def rows_of(record: GameRecord, game: Game) -> np.ndarray:
    """Convert a game into rows [T], not yet numbered or sealed.

    Raises PawnzeroError if the record is of another game or a policy does not fit its position's legal actions.
    """
    _check(record, game)
    length = len(record)
    rows = np.zeros(length, row_type(game))
    if length == 0:
        return rows
    positions = game.allocate(length)
    positions.state[:] = record.states
    game.inspect(positions)
    sparse = np.zeros(length, np.uint8)
    bad = pack_policies(
        np.asarray(record.policy, np.float32),
        np.asarray(record.policy_start, np.int64),
        positions.count.astype(np.int64),
        rows["policy"],
        sparse,
    )
    if bad >= 0:
        entries = int(record.policy_start[bad + 1] - record.policy_start[bad])
        raise PawnzeroError(
            f"game {record.game_id}, ply {bad}: {entries} policy entries, "
            f"expected a distribution over {int(positions.count[bad])} legal actions"
        )
    ply = np.arange(length)
    has_policy = np.diff(record.policy_start) > 0
    rows["game_id"] = record.game_id
    rows["ply"] = ply
    rows["count"] = positions.count
    rows["action"] = record.actions
    rows["plies_left"] = np.minimum(length - ply, _ONE)
    mover = game.player(record.states[0]) ^ (ply & 1)
    rows["result"] = np.where(mover == 0, record.result, -record.result)
    rows["root_wdl"] = np.rint(np.clip(record.root_wdl, 0.0, 1.0) * _ONE)
    rows["state"] = record.states
    rows["flags"] = (
        TRAIN_POLICY * (has_policy & (record.full_search != 0))
        + SEARCHED * (record.simulations > 0)
        + CONTEXT * (ply < record.context)
        + SPARSE * (sparse != 0)
        + REPEATED * (record.repeated != 0)
        + LAST * (ply == length - 1)
    )
    return rows
