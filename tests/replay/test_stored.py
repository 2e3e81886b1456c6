"""Games out of the buffer are the games that were put in, beginning, end and result."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import List

import numpy as np
import pytest

from pawnzero.config import SearchConfig, SelfplayConfig
from pawnzero.games import get_game
from pawnzero.games.base import MAX_PLIES, RESIGNATION
from pawnzero.replay import ReplayBuffer
from pawnzero.replay.ring import HEADER_BYTES
from pawnzero.selfplay.loop import play_games
from pawnzero.selfplay.records import GameRecord
from tests.search.naive import HashEvaluator

MOST_PLIES = 60


def play(name: str, games: int, resign_below: float = 0.0) -> List[GameRecord]:
    settings = SelfplayConfig(
        max_plies=MOST_PLIES, random_opening_share=0.5, random_opening_plies=3, resign_playthrough=0.3, games_in_flight=games
    )
    search = SearchConfig()
    records = play_games(
        get_game(name),
        HashEvaluator(),
        range(1 << 32, (1 << 32) + games),
        simulations=4,
        search=search,
        settings=settings,
        seed=3,
        threads=1,
        resign_below=resign_below,
    )
    return list(records)


def filled(path: Path, records: List[GameRecord], capacity: int = 5000) -> ReplayBuffer:
    buffer = ReplayBuffer(path, capacity, records[0].game)
    for record in records:
        buffer.append(record)
    return buffer


def test_what_another_has_resized_and_added_to_is_looked_at(tmp_path: Path) -> None:
    records = play("connect_four", 4)
    writer = filled(tmp_path / "replay.pt", records[:2])
    games, archive = ReplayBuffer(writer.path), ReplayBuffer(writer.path)
    writer.resize(4000)
    before = writer.total
    for record in records[2:]:
        writer.append(record)
    assert [game.game_id for game in games.newest_games(9)] == [record.game_id for record in reversed(records)]
    restart = archive.archive((before + 1, writer.total))
    assert restart is not None
    assert restart(5) is not None


@pytest.mark.parametrize(("name", "resign_below"), [("chess", 0.0), ("connect_four", 0.0), ("connect_four", 0.45)])
def test_games_come_back_newest_first(name: str, resign_below: float, tmp_path: Path) -> None:
    records = play(name, 16, resign_below)
    endings = {record.ending for record in records}
    assert (MAX_PLIES in endings) == (name == "chess")
    assert (RESIGNATION in endings) == (resign_below > 0)
    assert len({record.context > 0 for record in records}) == 2
    found = filled(tmp_path / "replay.pt", records).newest_games(100)
    assert [game.game_id for game in found] == [record.game_id for record in reversed(records)]
    for game, record in zip(found, reversed(records)):
        np.testing.assert_array_equal(game.line.states, [*record.states, record.final_state])
        assert game.line.actions == record.actions.tolist()
        assert (game.line.ending, game.line.result, game.result) == (record.ending, record.result, record.result)
        assert game.context == record.context
        np.testing.assert_allclose(game.root_wdl, record.root_wdl, atol=1e-4)


def test_a_game_that_lost_its_beginning_or_a_row_is_left_out(tmp_path: Path) -> None:
    path, records = tmp_path / "replay.pt", play("connect_four", 5)
    sizes = [len(record) for record in records]
    buffer = filled(path, records, capacity=sum(sizes[2:]) + 1)  # of the second game a row is left
    ids = [record.game_id for record in records]
    assert [game.game_id for game in buffer.newest_games(100)] == ids[:1:-1]
    assert [game.game_id for game in buffer.newest_games(1)] == ids[:3:-1]
    row = (path.stat().st_size - HEADER_BYTES) // buffer.capacity
    sequence = sum(sizes[:3]) + sizes[3] // 2  # in the middle of the fourth
    with open(path, "r+b") as stream:
        stream.seek(HEADER_BYTES + sequence % buffer.capacity * row + 24)
        stream.write(b"\xff\xff")
    assert [game.game_id for game in ReplayBuffer(path).newest_games(100)] == [ids[4], ids[2]]


def test_a_game_that_began_with_the_second_side_to_move(tmp_path: Path) -> None:
    whole = next(record for record in play("connect_four", 8) if record.result and not record.context)
    start = int(whole.policy_start[1])
    cut = {
        name: getattr(whole, name)[1:] for name in ("states", "actions", "repeated", "root_wdl", "full_search", "simulations")
    }
    record = replace(whole, **cut, policy_start=whole.policy_start[1:] - start, policy=whole.policy[start:])
    (game,) = filled(tmp_path / "replay.pt", [record]).newest_games(9)
    assert game.line.game.player(game.line.states[0]) == 1
    assert game.result == game.line.result == whole.result


def test_an_empty_buffer_has_no_games(tmp_path: Path) -> None:
    assert ReplayBuffer(tmp_path / "replay.pt").newest_games(3) == []


def test_a_game_can_begin_wherever_an_earlier_one_stood(tmp_path: Path) -> None:
    records = play("connect_four", 4)
    stood = [(record, ply) for record in records for ply in range(len(record))]
    buffer = ReplayBuffer(tmp_path / "replay.pt", capacity=len(stood), game="connect_four")
    for record in records:
        buffer.append(record)
    first, last = 5, len(stood) - 3
    archive = buffer.archive((first, last))
    assert archive is not None
    for number in range(2 * (last - first + 1)):
        index = first - 1 + number % (last - first + 1)
        record, ply = stood[index]
        if ply < record.context:
            continue
        begins = max(0, ply - (index - (first - 1)))  # what lies before the window is not looked at
        line = archive(number)
        assert line is not None
        assert line.actions == record.actions[begins:ply].tolist()
        assert np.array_equal(line.states, record.states[begins : ply + 1])


def test_no_game_begins_where_an_earlier_one_was_only_taken_to(tmp_path: Path) -> None:
    records = play("connect_four", 8)
    archive = filled(tmp_path / "replay.pt", records).archive()
    assert archive is not None
    given = sum(record.context for record in records)
    assert given > 5
    played = {tuple(record.actions[:ply]) for record in records for ply in range(record.context, len(record))}
    drawn = [archive(number) for number in range(sum(map(len, records)))]
    assert {tuple(line.actions) for line in drawn if line is not None} == played
    (given,) = (record for record in records[:3] if record.context > 1)
    only = filled(tmp_path / "given.pt", [given]).archive((1, given.context))
    assert only is not None
    assert only(0) is None  # nothing in this window was played


def test_what_is_overwritten_before_the_window_changes_no_line(tmp_path: Path) -> None:
    *records, later = play("connect_four", 5)
    buffer = ReplayBuffer(tmp_path / "replay.pt", capacity=sum(map(len, records)), game="connect_four")
    for record in records:
        buffer.append(record)
    first, last = len(later) + 1, buffer.total  # the later game takes the place of all that lies before the window
    archive = buffer.archive((first, last))
    assert archive is not None
    before = [archive(number) for number in range(last - first + 1)]
    buffer.append(later)
    for number, line in enumerate(before):
        again = archive(number)
        assert line is not None
        assert again is not None
        assert again.actions == line.actions
        assert np.array_equal(again.states, line.states)


def test_a_game_whose_beginning_was_overwritten_is_archived_from_its_oldest_position(tmp_path: Path) -> None:
    old, new = play("connect_four", 2)
    buffer = ReplayBuffer(tmp_path / "replay.pt", capacity=len(new) + 2, game="connect_four")
    buffer.append(old)
    archive = buffer.archive()
    buffer.append(new)
    kept = buffer.archive()
    assert archive is not None
    assert kept is not None
    line = kept(1)
    assert line is not None
    assert line.actions == old.actions[-2:-1].tolist()
    assert np.array_equal(line.states, old.states[-2:])
    assert archive(0) is None
    assert buffer.archive((1, 1))(0) is None  # type: ignore[misc]
