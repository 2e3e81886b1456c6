"""A replay buffer as slow and plain as can be: a list of rows, the oldest thrown away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List

import numpy as np

from pawnzero.replay import Batch, ReplayBuffer
from pawnzero.selfplay.records import GameRecord


@dataclass(frozen=True)
class Row:
    sequence: int
    record: GameRecord
    ply: int

    @property
    def name(self) -> int:
        """What the walk game shows of a position."""
        return int(self.record.states[self.ply, 0])

    def trainable(self) -> bool:
        return self.ply >= self.record.context


class Oracle:
    """What `ReplayBuffer` should hold of games of walk."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.rows: List[Row] = []
        self.total = 0

    def append(self, record: GameRecord) -> None:
        for ply in range(max(0, len(record) - self.capacity), len(record)):
            self.total += 1
            self.rows.append(Row(self.total, record, ply))
        self.resize(self.capacity)

    def resize(self, capacity: int) -> None:
        self.capacity = capacity
        self.rows = self.rows[-capacity:]

    def game_ids(self) -> List[int]:
        ids: List[int] = []
        for row in reversed(self.rows):
            if row.record.game_id not in ids:
                ids.append(row.record.game_id)
        return ids

    def history(self, index: int, depth: int, first: int = 0) -> List[Row]:
        """The rows of a game up to `index`, newest first, none before row `first`."""
        found = [self.rows[index]]
        while len(found) < depth and index > first and self.rows[index - 1].record is found[0].record:
            index -= 1
            found.append(self.rows[index])
        return found

    def check(self, buffer: ReplayBuffer, samples: int = 150) -> None:
        """Compare everything that can be asked of `buffer`."""
        assert len(buffer) == len(self.rows)
        assert buffer.capacity == self.capacity
        assert buffer.total == self.total
        assert buffer.last_game_ids(10**6) == self.game_ids()
        assert buffer.games_stored == len(self.game_ids())
        assert buffer.last_game_ids(2) == self.game_ids()[:2]
        if any(row.trainable() for row in self.rows):
            seen = self.check_batch(buffer.sampler(seed=self.total).batch(0, samples))
            expected = {row.name for row in self.rows if row.trainable()}
            assert seen <= expected
            if samples > 12 * len(self.rows):
                assert seen == expected
        assert buffer.damaged == 0

    def check_batch(self, batch: Batch) -> set[int]:
        """Every sample is one of our rows, in all its parts; returns which."""
        index_of: Dict[int, int] = {row.name: index for index, row in enumerate(self.rows)}
        for b in range(len(batch)):
            index = index_of[int(batch.bits[b, 0])]
            self._check_sample(batch, b, index)
        return {int(name) for name in batch.bits[:, 0]}

    def _check_sample(self, batch: Batch, b: int, index: int) -> None:
        row = self.rows[index]
        record, ply = row.record, row.ply
        history = self.history(index, 4)
        assert row.trainable()
        assert batch.bits[b].tolist() == [r.name for r in history] + [0] * (4 - len(history))
        repeated = [float(r.record.repeated[r.ply]) for r in history]
        assert batch.scalars[b].tolist() == [float(len(history)), *repeated, *[0.0] * (4 - len(history))]
        assert batch.ply[b] == ply
        assert batch.plies_left[b] == len(record) - ply
        assert batch.age[b] == self.total - row.sequence
        mover = int(record.states[ply, 1])
        result = record.result if mover == 0 else -record.result
        assert batch.result_wdl[b].tolist() == [float(result == 1), float(result == 0), float(result == -1)]
        assert np.abs(batch.root_wdl[b] - record.root_wdl[ply]).max() < 2e-5
        assert batch.policy_weight[b] == record.full_search[ply]
        count = int(record.states[ply, 2])
        assert batch.count[b] == count
        assert batch.legal[b, :count].tolist() == (np.arange(count) + row.name % 50).tolist()
        assert np.all(batch.policy[b, count:] == 0.0)
        policy = record.policy[record.policy_start[ply] : record.policy_start[ply + 1]]
        if count <= 96:
            assert np.abs(batch.policy[b, :count] - policy).max() < 2e-5
        else:
            assert np.count_nonzero(batch.policy[b]) <= 48
            assert int(batch.policy[b].argmax()) == int(policy.argmax())
