"""The buffer against a plain list of rows, and what users meet when something is wrong with the file."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import List, Tuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle import Oracle
from walk_game import GAME, make_record

from pawnzero.errors import PawnzeroError, UsageError
from pawnzero.replay import ReplayBuffer
from pawnzero.replay.ring import HEADER_BYTES

APPEND = st.tuples(st.just("append"), st.integers(1, 14), st.integers(0, 4))
REOPEN = st.tuples(st.just("reopen"), st.just(0), st.just(0))
RESIZE = st.tuples(st.just("resize"), st.integers(1, 40), st.just(0))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(capacity=st.integers(1, 30), actions=st.lists(st.one_of(APPEND, APPEND, APPEND, REOPEN, RESIZE), max_size=12))
def test_the_same_as_a_list_of_rows(tmp_path: Path, capacity: int, actions: List[Tuple[str, int, int]]) -> None:
    path = tmp_path / "replay.pt"
    path.unlink(missing_ok=True)
    buffer = ReplayBuffer(path, capacity, "walk")
    oracle = Oracle(capacity)
    for number, (what, size, context) in enumerate(actions):
        if what == "append":
            record = make_record(number + 1, size, context=context, counts=(3, 97, 5), result=number % 3 - 1)
            buffer.append(record)
            oracle.append(record)
        elif what == "reopen" and path.exists():
            buffer = ReplayBuffer(path)
        elif what == "resize":
            buffer.resize(size)
            oracle.resize(size)
        oracle.check(buffer)


def test_a_new_buffer_is_nothing_on_disk_until_the_first_game(tmp_path: Path) -> None:
    buffer = ReplayBuffer(tmp_path / "replay.pt")
    assert (len(buffer), buffer.total, buffer.capacity, buffer.game.name) == (0, 0, 100_000, "chess")
    assert buffer.last_game_ids(5) == []
    buffer.flush()
    assert list(tmp_path.iterdir()) == []


def test_a_new_file_s_folder_is_made(tmp_path: Path) -> None:
    buffer = ReplayBuffer(tmp_path / "models" / "A" / "replay.pt", 100, "walk")
    buffer.append(make_record(1, 3))
    assert len(ReplayBuffer(buffer.path)) == 3


def test_the_file_is_sparse_and_opened_by_its_path_alone(tmp_path: Path) -> None:
    path = tmp_path / "replay.pt"
    with ReplayBuffer(path, 1_000_000, "walk") as buffer:
        buffer.append(make_record(1, 20))
        buffer.flush()
    assert path.stat().st_size > 250_000_000
    assert path.stat().st_blocks * 512 < 1_000_000
    reopened = ReplayBuffer(path, capacity=5)
    assert (reopened.capacity, len(reopened), reopened.game.name) == (1_000_000, 20, "walk")


def test_two_objects_on_one_file_see_each_other(tmp_path: Path) -> None:
    path = tmp_path / "replay.pt"
    reader = ReplayBuffer(path, 100, "walk")
    writer = ReplayBuffer(path, 100, "walk")
    writer.append(make_record(1, 20))
    assert reader.sampler(0).window == (1, 20)
    writer.append(make_record(2, 20))
    assert reader.sampler(0).window == (1, 40)


def test_nobody_overwrites_what_another_has_appended_or_resized(tmp_path: Path) -> None:
    path = tmp_path / "replay.pt"
    first, second = ReplayBuffer(path, 100, "walk"), ReplayBuffer(path, 100, "walk")
    oracle = Oracle(100)
    for number, buffer in enumerate([first, second, second, first, second, first, first, second], start=1):
        record = make_record(number, 9)
        buffer.append(record)
        oracle.append(record)
        oracle.check(buffer)
        oracle.check(ReplayBuffer(path))
        if number == 5:
            first.resize(40)  # which did not append the newest
            oracle.resize(40)


def test_a_reader_follows_a_file_that_another_has_resized(tmp_path: Path) -> None:
    path = tmp_path / "replay.pt"
    writer = ReplayBuffer(path, 100, "walk")
    writer.append(make_record(1, 20))
    sampler, ids, count = readers = [ReplayBuffer(path) for _ in range(3)]
    writer.resize(60)
    writer.append(make_record(2, 20))
    assert sampler.sampler(0).window == (1, 40)
    assert ids.last_game_ids(5) == [2, 1]
    assert count.games_stored == 2
    assert {reader.capacity for reader in readers} == {60}


def test_a_reader_opened_before_the_file_sees_its_games(tmp_path: Path) -> None:
    early = ReplayBuffer(tmp_path / "replay.pt", 100, "walk")
    ReplayBuffer(tmp_path / "replay.pt", 100, "walk").append(make_record(1, 20))
    assert early.games_stored == 1


def test_a_closed_buffer_appends_after_what_it_has(tmp_path: Path) -> None:
    buffer, oracle = ReplayBuffer(tmp_path / "replay.pt", 100, "walk"), Oracle(100)
    for number in (1, 2):
        buffer.append(make_record(number, 9))
        oracle.append(make_record(number, 9))
        buffer.close()
    oracle.check(ReplayBuffer(buffer.path))


def test_a_file_that_has_gone_is_said_so(tmp_path: Path) -> None:
    buffer = ReplayBuffer(tmp_path / "replay.pt", 100, "walk")
    buffer.append(make_record(1, 9))
    buffer.path.unlink()
    for use in (lambda: buffer.append(make_record(2, 9)), lambda: buffer.sampler(0), lambda: buffer.newest_games(1)):
        with pytest.raises(PawnzeroError, match=r"replay.pt: cannot be opened \(No such file or directory\)"):
            use()


def test_a_file_of_another_game_in_its_place_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "replay.pt"
    buffer = ReplayBuffer(path, 100, "walk")
    buffer.append(make_record(1, 9))
    buffer = ReplayBuffer(path)
    path.unlink()
    chess = header(name=b"chess")
    path.write_bytes(chess)
    for _ in range(2):
        with pytest.raises(PawnzeroError, match=r"replay.pt: row size 256, expected \d+"):
            buffer.append(make_record(2, 9))
    assert path.read_bytes() == chess


def test_an_empty_buffer_says_what_fills_it(tmp_path: Path) -> None:
    path = tmp_path / "AgentA" / "checkpoints" / "replay.pt"
    message = r"replay.pt holds no positions to train on: fill it with `pawnzero selfplay .*AgentA --games 10`"
    with pytest.raises(PawnzeroError, match=message):
        ReplayBuffer(path).sampler(0)
    with pytest.raises(PawnzeroError, match="pawnzero selfplay AGENT_DIR --games 10`"):
        ReplayBuffer(tmp_path / "replay.pt").sampler(0)


def test_an_unwritable_place(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    buffer = ReplayBuffer(tmp_path / "file" / "replay.pt", 10, "walk")
    with pytest.raises(PawnzeroError, match=r"replay.pt: cannot be written \("):
        buffer.append(make_record(1, 3))
    assert len(buffer) == 0


def test_a_capacity_below_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="replay capacity 0: expected 1 or more"):
        ReplayBuffer(tmp_path / "replay.pt", 0)
    with pytest.raises(UsageError, match="replay capacity -1"):
        ReplayBuffer(tmp_path / "replay.pt", 5).resize(-1)


def header(**changes: object) -> bytes:
    """A file of walk with room for 10 rows and none in it, but for the `changes`."""
    numbers = {"version": 1, "size": 256, "order": GAME.order_version, "spare": 0, "capacity": 10, "base": 1}
    values = {"magic": b"PZREPLAY", **numbers, "name": b"walk", **changes}
    fields = struct.pack("<8sIIIIQQ32s", *values.values())
    return (fields + struct.pack("<I", zlib.crc32(fields))).ljust(HEADER_BYTES, b"\0") + bytes(2560)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a replay file"),
        (b"PK\x03\x04 a checkpoint, rather", "not a replay file"),
        (header()[:100], r"100 bytes, expected 4096 or more \(truncated\?\)"),
        (header()[:-1], r"6655 bytes, expected 6656 \(truncated\?\)"),
        (header(version=2), r"format 2, expected 1 \(written by another version\?\)"),
        (header(size=248), r"row size 248, expected 256 \(written by another version\?\)"),
        (header(order=6), r"action order 6 of walk, expected 7 \(written by another version\?\)"),
        (header(name=b"chess"), "holds games of chess, expected walk"),
        (header()[:40] + b"\xff" + header()[41:], "the header is damaged"),
    ],
)
def test_files_that_are_refused_in_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "replay.pt"
    path.write_bytes(content)
    with pytest.raises(PawnzeroError, match=f"replay.pt: {message}") as caught:
        ReplayBuffer(path, game="walk")
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == content


def test_a_game_of_the_future(tmp_path: Path) -> None:
    (tmp_path / "replay.pt").write_bytes(header(name=b"go"))
    with pytest.raises(PawnzeroError, match="holds games of 'go', which this version does not know"):
        ReplayBuffer(tmp_path / "replay.pt")


def test_the_handmade_header_is_a_good_one(tmp_path: Path) -> None:
    (tmp_path / "replay.pt").write_bytes(header())
    buffer = ReplayBuffer(tmp_path / "replay.pt")
    assert (len(buffer), buffer.capacity) == (0, 10)


def test_a_refused_record_changes_nothing(tmp_path: Path) -> None:
    buffer = ReplayBuffer(tmp_path / "replay.pt", 30, "walk")
    oracle = Oracle(30)
    record = make_record(1, 9)
    buffer.append(record)
    oracle.append(record)
    before = buffer.path.read_bytes()
    bad = make_record(2, 9)
    bad.policy[0] = 2.0
    with pytest.raises(PawnzeroError, match="game 2, ply 0"):
        buffer.append(bad)
    assert buffer.path.read_bytes() == before
    oracle.check(buffer)


def test_the_original_layouts_name() -> None:
    from training.replay_buffer import ReplayBuffer as Original

    assert Original is ReplayBuffer
