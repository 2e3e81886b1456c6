"""The replay file: a header page and a ring of rows, written in place and read through a memory map.

The row with sequence number s is in slot ``(s - base) % capacity``. The rows themselves show which is newest: sequence numbers
rise from slot 0 up to it and are one lap older after it, so a binary search finds it; the ring then ends with the newest game
of which every row is intact. An interrupted write therefore loses only the game being written. There is no counter to keep
consistent, and other processes may read during a write: they check the rows they have copied.
"""

from __future__ import annotations

import mmap
import os
import struct
import zlib
from pathlib import Path
from typing import IO, Optional

import numpy as np

from pawnzero.errors import PawnzeroError, UsageError
from pawnzero.files import linked_to, reading, replacing
from pawnzero.games import get_game
from pawnzero.games.base import Game
from pawnzero.native import inner_kernel, kernel
from pawnzero.replay.rows import GAME_WORD, LAST, SEQUENCE_WORD, flags_of, intact, ply_of, row_type, seal_rows

HEADER_BYTES = 4096
MAGIC = b"PZREPLAY"
FORMAT_VERSION = 1

_HEADER = struct.Struct("<8sIIIIQQ32s")
"""Magic, format version, row size, the game's order version, spare, capacity, base, the game's name; a CRC-32 follows."""

_PROBE = 512
"""Number of slots examined to get past damage before the ring is taken to end there."""

_COPY_BYTES = 1 << 24

_ANEW = "move it away, and the next games begin a new one"
"""What helps where a file cannot be read."""


@inner_kernel
def _sequence_at(words: np.ndarray, base: int, slot: int) -> int:
    """The sequence number of `slot` of words [C, W] uint64 if it holds an intact row that belongs there, else 0."""
    if not intact(words[slot]):
        return 0
    sequence = int(np.int64(words[slot, SEQUENCE_WORD]))
    if sequence < base or (sequence - base) % len(words) != slot:
        return 0
    return sequence


@inner_kernel
def _in_newest_lap(words: np.ndarray, base: int, slot: int, expected: int) -> bool:
    """Whether `slot`, or the first undamaged slot after it, holds the row that the lap starting at slot 0 would put there."""
    for ahead in range(min(_PROBE, len(words) - slot)):
        sequence = _sequence_at(words, base, slot + ahead)
        if sequence > 0:
            return sequence == expected + ahead
    return False


@inner_kernel
def _oldest_after_damage(words: np.ndarray, base: int, end: int) -> int:
    """The oldest row not overwritten by a write that continued past row `end` and of which only damaged rows remain."""
    for _ in range(min(_PROBE, len(words))):
        before = end + 1 - len(words)
        slot = (end + 1 - base) % len(words)
        if words[slot, SEQUENCE_WORD] == np.uint64(0) or (before >= base and _sequence_at(words, base, slot) == before):
            break
        end += 1
    return max(base, end + 1 - len(words))


@inner_kernel
def _whole_game_ends_at(words: np.ndarray, base: int, oldest: int, newest: int) -> bool:
    """Whether row `newest` ends a game whose rows are all intact, apart from those older than `oldest`."""
    capacity = len(words)
    end = (newest - base) % capacity
    ply = ply_of(words[end])
    for back in range(min(ply, newest - oldest) + 1):
        slot = (newest - back - base) % capacity
        if _sequence_at(words, base, slot) != newest - back:
            return False
        if words[slot, GAME_WORD] != words[end, GAME_WORD] or (flags_of(words[slot]) & LAST != 0) != (back == 0):
            return False
    return True


@kernel
def find_newest(words: np.ndarray, base: int) -> int:
    """Return the sequence number of the newest complete game's last row in words [C, W] uint64, or ``base - 1``."""
    capacity = len(words)
    anchor = 0
    sequence = 0
    while anchor < min(_PROBE, capacity):
        sequence = _sequence_at(words, base, anchor)
        if sequence > 0:
            break
        anchor += 1
    if sequence == 0:
        return base - 1
    low = anchor
    high = capacity
    while high - low > 1:
        middle = (low + high) // 2
        if _in_newest_lap(words, base, middle, sequence + (middle - anchor)):
            low = middle
        else:
            high = middle
    end = sequence + low - anchor
    oldest = _oldest_after_damage(words, base, end)
    for newest in range(end, oldest - 1, -1):
        if _whole_game_ends_at(words, base, oldest, newest):
            return newest
    return base - 1


@kernel
def walk_games(words: np.ndarray, base: int, newest: int, out: np.ndarray) -> int:
    """Write game ids, newest first, to `out` [n] int64 until it is full; return how many."""
    capacity = len(words)
    oldest = max(base, newest - capacity + 1)
    found = 0
    last = -1
    while newest >= oldest and found < len(out):
        slot = (newest - base) % capacity
        if _sequence_at(words, base, slot) != newest:
            newest -= 1
            continue
        game_id = int(np.int64(words[slot, GAME_WORD]))
        if game_id != last:
            out[found] = game_id
            found += 1
            last = game_id
        newest -= ply_of(words[slot]) + 1
    return found


class Ring:
    """An open replay file. `words` [C, W] uint64 is its rows, read-only and valid until the next call that writes."""

    def __init__(self, path: Path, game: Optional[str] = None) -> None:
        """Open an existing file. `game`: the game it must hold, if given.

        Raises PawnzeroError if it is not a replay file, is for another version or game, or is truncated.
        """
        self.path = path
        self._unflushed = False
        self._expected_game = game
        self.damaged = 0
        self._map()

    @classmethod
    def create(cls, path: Path, game: Game, capacity: int) -> Ring:
        """Create a file without rows, and its folder. The file is sparse, so it uses disk space only as it fills."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(linked_to(path)) as stream:
                stream.write(_header(game, capacity, base=1))
                stream.truncate(HEADER_BYTES + capacity * row_type(game).itemsize)
        except OSError as error:
            raise _unwritable(path, error) from None
        return cls(path, game.name)

    def _map(self) -> None:
        with reading(self.path), open(self.path, "rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            self._read_header(stream.read(HEADER_BYTES))
            expected = HEADER_BYTES + self.capacity * self.row_type.itemsize
            if size != expected:
                raise PawnzeroError(f"{self.path}: {size} bytes, expected {expected} (truncated?); {_ANEW}")
            file = os.fstat(stream.fileno())
            view = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        words = np.frombuffer(view, np.uint64, offset=HEADER_BYTES)
        self.words = words.reshape(self.capacity, self.row_type.itemsize // 8)
        self._file = file
        self.refresh()

    def _read_header(self, page: bytes) -> None:
        if not page.startswith(MAGIC):
            raise PawnzeroError(f"{self.path}: not a replay file; {_ANEW}")
        if len(page) < HEADER_BYTES:
            raise PawnzeroError(f"{self.path}: {len(page)} bytes, expected {HEADER_BYTES} or more (truncated?); {_ANEW}")
        _, version, size, order, _, self.capacity, self.base, raw_name = _HEADER.unpack_from(page)
        if version != FORMAT_VERSION:
            raise PawnzeroError(f"{self.path}: format {version}, expected {FORMAT_VERSION} (written by another version?)")
        if struct.unpack_from("<I", page, _HEADER.size)[0] != zlib.crc32(page[: _HEADER.size]):
            raise PawnzeroError(f"{self.path}: the header is damaged (its checksum does not match); {_ANEW}")
        name = raw_name.rstrip(b"\0").decode("ascii", "replace")
        if self._expected_game is not None and name != self._expected_game:
            raise PawnzeroError(f"{self.path}: holds games of {name}, expected {self._expected_game}")
        try:
            self.game = get_game(name)
        except UsageError:
            raise PawnzeroError(f"{self.path}: holds games of {name!r}, which this version does not know") from None
        self.row_type = row_type(self.game)
        if size != self.row_type.itemsize:
            raise PawnzeroError(
                f"{self.path}: row size {size}, expected {self.row_type.itemsize} (written by another version?)"
            )
        if order != self.game.order_version:
            raise PawnzeroError(
                f"{self.path}: action order {order} of {name}, expected {self.game.order_version} (written by another version?)"
            )

    def refresh(self) -> None:
        """Find the newest row again, since another process may have appended."""
        with np.errstate(over="ignore"):
            self.newest = int(find_newest(self.words, self.base))

    def catch_up(self) -> None:
        """Follow changes by other processes, which may have appended or replaced the file (see `resize`).

        Raises PawnzeroError if the file is gone or `Ring` would not open it.
        """
        try:
            same = os.path.samestat(self._file, os.stat(self.path))
        except OSError as error:
            raise PawnzeroError(f"{self.path}: cannot be opened ({error.strerror})") from None
        if same and len(self.words) > 0:
            self.refresh()
        else:
            self._map()

    @property
    def oldest(self) -> int:
        """Sequence number of the oldest row that has not been overwritten; ``newest + 1`` if there are none."""
        return max(self.base, self.newest - self.capacity + 1)

    def append(self, rows: np.ndarray) -> None:
        """Append a game's rows [T], only the last `capacity` if there are more. Numbers and seals those in place.

        Raises PawnzeroError if the disk is full or the file cannot be written; the rows then count as not appended.
        """
        kept = rows[-self.capacity :]
        seal_rows(kept, self.newest + 1)
        slot = (self.newest + 1 - self.base) % self.capacity
        before_seam = min(len(kept), self.capacity - slot)
        try:
            self._unflushed = True
            with open(self.path, "r+b", buffering=0) as stream:
                self._write(stream, slot, kept[:before_seam])
                self._write(stream, 0, kept[before_seam:])
        except OSError as error:
            raise _unwritable(self.path, error) from None
        self.newest += len(kept)

    def _write(self, stream: IO[bytes], slot: int, rows: np.ndarray) -> None:
        stream.seek(HEADER_BYTES + slot * self.row_type.itemsize)
        left = memoryview(rows.tobytes())
        while left:
            left = left[stream.write(left) :]

    def game_ids(self, limit: int) -> np.ndarray:
        """Return the ids of the newest games, newest first, at most `limit`: [n] int64."""
        out = np.zeros(max(0, min(limit, self.capacity)), np.int64)
        with np.errstate(over="ignore"):
            return out[: int(walk_games(self.words, self.base, self.newest, out))]

    def resize(self, capacity: int) -> None:
        """Replace the file by one of another capacity that keeps the newest rows and their sequence numbers.

        Raises PawnzeroError if it cannot be written; the file is then unchanged.
        """
        base = max(self._oldest_there(), self.newest - capacity + 1)
        try:
            with replacing(linked_to(self.path)) as stream:
                stream.write(_header(self.game, capacity, base))
                self._copy(base, stream)
                stream.truncate(HEADER_BYTES + capacity * self.row_type.itemsize)
                self.close()  # some systems do not replace a file that is open
        except OSError as error:
            raise _unwritable(self.path, error) from None
        finally:
            self._map()

    def _oldest_there(self) -> int:
        """The oldest row that no interrupted write has overwritten either.

        The new file must not claim older rows: a game without its first rows would count as incomplete there.
        """
        sequence = self.oldest
        with np.errstate(over="ignore"):
            while sequence <= self.newest:
                row = self.words[(sequence - self.base) % self.capacity]
                if int(row[SEQUENCE_WORD]) == sequence and intact(row):
                    break
                sequence += 1
        return sequence

    def _copy(self, first: int, stream: IO[bytes]) -> None:
        """Write the rows from `first` to the newest; slots that do not hold the expected row become empty."""
        while first <= self.newest:
            slot = (first - self.base) % self.capacity
            count = min(self.newest - first + 1, self.capacity - slot, max(1, _COPY_BYTES // self.row_type.itemsize))
            words = self.words[slot : slot + count].copy()
            words[words[:, SEQUENCE_WORD] != np.arange(first, first + count, dtype=np.uint64)] = 0
            stream.write(words.tobytes())
            first += count

    def flush(self) -> None:
        """Wait until everything appended is on disk. Raises PawnzeroError if that fails."""
        if self._unflushed:
            try:
                with open(self.path, "r+b", buffering=0) as stream:
                    os.fsync(stream.fileno())
            except OSError as error:
                raise _unwritable(self.path, error) from None
            self._unflushed = False

    def close(self) -> None:
        """Release the file. `words` is empty afterwards."""
        self.words = np.zeros((0, self.row_type.itemsize // 8), np.uint64)


def _unwritable(path: Path, error: OSError) -> PawnzeroError:
    return PawnzeroError(f"{path}: cannot be written ({error.strerror})")


def _header(game: Game, capacity: int, base: int) -> bytes:
    size = row_type(game).itemsize
    fields = _HEADER.pack(MAGIC, FORMAT_VERSION, size, game.order_version, 0, capacity, base, game.name.encode("ascii"))
    return (fields + struct.pack("<I", zlib.crc32(fields))).ljust(HEADER_BYTES, b"\0")
