"""The replay buffer's public interface: games in, training batches out, the oldest positions discarded first."""

from __future__ import annotations

import os
from pathlib import Path
from typing import List, Optional, Sequence, Union

from pawnzero.config import Config
from pawnzero.errors import PawnzeroError, UsageError
from pawnzero.files import in_shell
from pawnzero.games import get_game
from pawnzero.games.base import Game
from pawnzero.replay.archive import Archive
from pawnzero.replay.ring import Ring
from pawnzero.replay.rows import rows_of
from pawnzero.replay.sampling import Sampler
from pawnzero.replay.stored import StoredGame, newest_games
from pawnzero.selfplay.records import GameRecord


class ReplayBuffer:
    """The positions of the newest games, in one file. One process at a time may append; any number may read meanwhile.

    Methods that read see what other processes have appended or resized by then; properties are as of the last read or write.
    """

    def __init__(self, path: Union[str, os.PathLike[str]], capacity: Optional[int] = None, game: Optional[str] = None) -> None:
        """Open `path`; if the file does not exist, the first `append` creates it.

        capacity: positions a new file holds (default: the configuration's); an existing file keeps its own, see `resize`
        game:     name of the game, chess for a new file; an existing file must hold this game

        Raises PawnzeroError if the file is not a replay file, is for another game or version, or is truncated.
        """
        self.path = Path(path)
        self._capacity = _checked(Config().replay_capacity if capacity is None else capacity)
        self._expected_game = game
        self._ring: Optional[Ring] = None
        self._look()

    def _look(self) -> None:
        """Catch up with the file, and open it once it exists.

        Raises PawnzeroError if it is gone or can no longer be used.
        """
        if self._ring is not None:
            self._ring.catch_up()
        elif self.path.exists():
            self._ring = Ring(self.path, self._expected_game)

    @property
    def game(self) -> Game:
        return self._ring.game if self._ring else get_game(self._expected_game or "chess")

    @property
    def capacity(self) -> int:
        """Number of rows the buffer can hold."""
        return self._ring.capacity if self._ring else self._capacity

    def __len__(self) -> int:
        """Rows in the buffer, including those that are never trained on."""
        return self._ring.newest - self._ring.oldest + 1 if self._ring else 0

    @property
    def total(self) -> int:
        """Rows ever stored: the newest row's sequence number."""
        return self._ring.newest if self._ring else 0

    @property
    def damaged(self) -> int:
        """How often sampling has met a row with a wrong checksum and skipped it."""
        return self._ring.damaged if self._ring else 0

    @property
    def games_stored(self) -> int:
        """Number of games with at least one row in the buffer. Walks over all of them."""
        self._look()
        return len(self.last_game_ids(self.capacity))

    def append(self, record: GameRecord) -> None:
        """Append a game's positions; if the game is longer than the capacity, only the newest are kept.

        The cost depends only on the size of the game. Raises PawnzeroError if the record is of another game or the file cannot
        be written; the game then counts as not added, but the oldest positions, whose place it takes, may be lost.
        """
        self._look()
        rows = rows_of(record, self.game)
        if len(rows) == 0:
            return
        if self._ring is None:
            self._ring = Ring.create(self.path, self.game, self._capacity)
        self._ring.append(rows)

    def last_game_ids(self, limit: int) -> List[int]:
        """Return the ids of the newest games, newest first, at most `limit`."""
        self._look()
        return [int(game_id) for game_id in self._ring.game_ids(min(limit, len(self)))] if self._ring else []

    def newest_games(self, limit: int) -> List[StoredGame]:
        """Return at most `limit` games that are stored completely, newest first."""
        self._look()
        return newest_games(self._ring, limit) if self._ring else []

    def sampler(
        self,
        seed: int,
        window: Optional[Sequence[int]] = None,
        held_out: Optional[bool] = None,
        augment: bool = False,
        reply: bool = False,
    ) -> Sampler:
        """Return a sampler of training batches from the rows stored now, or from another sampler's `window`.

        seed:     0 or more; the same seed, window and file give the same batches
        held_out: None: all games; False: without the games held out for validation (one in 20, by a hash of the game id);
                  True: only those
        augment:  apply to each sample a symmetry of the game, drawn from seed and step, if the position allows it
        reply:    fill `Batch.reply` too

        Raises PawnzeroError if there is nothing to train on, or the window is not in the file.
        """
        self._look()
        if self._ring is None or len(self) == 0:
            agent = self.path.parent.parent if self.path.parent.name == "checkpoints" else "AGENT_DIR"
            raise PawnzeroError(
                f"{self.path} holds no positions to train on: fill it with `pawnzero selfplay {in_shell(agent)} --games 10`"
            )
        return Sampler(self._ring, seed, window, held_out, augment, reply)

    def archive(self, window: Optional[Sequence[int]] = None) -> Optional[Archive]:
        """Return the positions stored now, or those of an earlier `window` (first and last sequence number).

        None if the buffer is empty.
        """
        self._look()
        if self._ring is None or len(self) == 0:
            return None
        first, last = window or (self._ring.oldest, self._ring.newest)
        return Archive(self._ring, (int(first), int(last)))

    def resize(self, capacity: int) -> None:
        """Change the capacity, keeping the newest rows. The old file remains until the new one is complete.

        Raises UsageError for a capacity below 1, PawnzeroError if the new file cannot be written.
        """
        self._capacity = _checked(capacity)
        self._look()
        if self._ring is not None and capacity != self._ring.capacity:
            self._ring.resize(capacity)

    def flush(self) -> None:
        """Wait until everything appended is on disk."""
        if self._ring is not None:
            self._ring.flush()

    def close(self) -> None:
        """Release the file."""
        if self._ring is not None:
            self._ring.close()

    def __enter__(self) -> ReplayBuffer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _checked(capacity: int) -> int:
    if capacity < 1:
        raise UsageError(f"replay capacity {capacity}: expected 1 or more")
    return capacity
