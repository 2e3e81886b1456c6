"""Read whole games back from the replay buffer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional

import numpy as np

from pawnzero.games.base import MAX_PLIES, RESIGNATION
from pawnzero.games.line import Line
from pawnzero.replay.ring import Ring
from pawnzero.replay.rows import CONTEXT, LAST, intact


@dataclass(frozen=True)
class StoredGame:
    """A game reconstructed from its rows. T is the number of positions in which a move was made.

    game_id:  as in its record
    context:  the first `context` of the T positions were given, not searched
    line:     the game, with its ending: by the rules, by resignation or at the maximum length
    root_wdl: [T, 3] float32, the search's win, draw and loss for the player to move; zeros for context
    result:   1, 0 or -1 for player 0
    """

    game_id: int
    context: int
    line: Line
    root_wdl: np.ndarray
    result: int


def newest_games(ring: Ring, limit: int) -> List[StoredGame]:
    """Return at most `limit` games whose rows are all present and intact, newest first.

    Safe while another process appends to the ring: rows are copied before they are checked.
    """
    found: List[StoredGame] = []
    sequence = ring.newest
    while sequence >= ring.oldest and len(found) < limit:
        row = _rows(ring, sequence, sequence)
        if row is None:
            sequence -= 1
            continue
        first = sequence - int(row["ply"][0])
        rows = _rows(ring, first, sequence)
        if rows is not None and row["flags"][0] & LAST and len(set(rows["game_id"].tolist())) == 1:
            found.append(_game(ring, rows))
        sequence = first - 1
    return found


def _rows(ring: Ring, first: int, last: int) -> Optional[np.ndarray]:
    """The rows with sequence numbers from `first` to `last`; None if one of them is missing or damaged."""
    numbers = np.arange(first, last + 1)
    words = ring.words[(numbers - ring.base) % ring.capacity].copy()
    rows = words.view(ring.row_type)[:, 0]
    sound = np.array_equal(rows["sequence"], numbers) and all(intact(row) for row in words)
    return rows if sound else None


def _game(ring: Ring, rows: np.ndarray) -> StoredGame:
    line = Line.from_actions(ring.game, rows["action"].tolist(), rows["state"][0].copy())
    mover = ring.game.player(rows["state"][0])
    result = int(rows["result"][0]) if mover == 0 else -int(rows["result"][0])
    if not line.over:
        line.ending = RESIGNATION if result else MAX_PLIES
    return StoredGame(
        game_id=int(rows["game_id"][0]),
        context=int(np.count_nonzero(rows["flags"] & CONTEXT)),
        line=line,
        root_wdl=rows["root_wdl"].astype(np.float32) / 65535,
        result=result,
    )
