"""Rows: what is rounded, what is dropped, what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from walk_game import GAME, make_record

from pawnzero.errors import PawnzeroError
from pawnzero.games import GAME_NAMES, get_game
from pawnzero.replay import rows as layout
from pawnzero.replay.rows import as_words, intact, pack_policies, row_type, rows_of, seal_rows, unpack_policies


def there_and_back(policy: np.ndarray, room: int) -> np.ndarray:
    packed = np.zeros((1, room), np.uint16)
    sparse = np.zeros(1, np.uint8)
    count = np.array([len(policy)], np.int64)
    start = np.array([0, len(policy)], np.int64)
    assert pack_policies(policy.astype(np.float32), start, count, packed, sparse) == -1
    out = np.full((1, len(policy) + 2), np.nan, np.float32)
    unpack_policies(packed, sparse != 0, count, out)
    assert np.all(out[0, len(policy) :] == 0.0)
    return out[0, : len(policy)]


def test_a_chess_row_is_at_most_320_bytes_and_rows_are_whole_words() -> None:
    assert row_type(get_game("chess")).itemsize <= 320
    for name in GAME_NAMES:
        assert row_type(get_game(name)).itemsize % 8 == 0


def test_the_words_kernels_read_are_the_fields_of_the_type() -> None:
    fields = row_type(GAME).fields
    assert fields is not None
    offset = {name: fields[name][1] for name in fields}
    assert offset["sequence"] == 8 * layout.SEQUENCE_WORD
    assert offset["game_id"] == 8 * layout.GAME_WORD
    assert offset["ply"] == 8 * layout.PLY_WORD
    assert offset["flags"] == 8 * layout.PLY_WORD + 4
    assert offset["checksum"] == 8 * layout.CHECK_WORD + 4
    assert offset["state"] == 8 * layout.FIRST_STATE_WORD


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 96), st.sampled_from([0.02, 0.3, 1.0, 50.0]), st.integers(0, 2**32 - 1))
def test_rounding_moves_no_probability_by_more_than_2e_5(length: int, spread: float, seed: int) -> None:
    policy = np.random.default_rng(seed).dirichlet(np.full(length, spread)).astype(np.float32)
    back = there_and_back(policy, 96)
    assert np.abs(back - policy / policy.sum()).max() < 2e-5
    assert back.sum() == pytest.approx(1.0, abs=1e-6)
    assert np.all(back[policy == 0.0] == 0.0)


@settings(max_examples=100, deadline=None)
@given(st.integers(97, 218), st.sampled_from([0.02, 1.0, 50.0]), st.integers(0, 2**32 - 1))
def test_beyond_the_room_the_most_probable_are_kept_and_scaled(length: int, spread: float, seed: int) -> None:
    policy = np.random.default_rng(seed).dirichlet(np.full(length, spread)).astype(np.float32)
    back = there_and_back(policy, 96)
    kept = sorted(sorted(range(length), key=lambda i: (-policy[i], i))[:48])
    expected = np.zeros(length)
    expected[kept] = policy[kept] / policy[kept].sum()
    assert np.abs(back - expected).max() < 2e-5


def test_of_equally_probable_moves_the_first_are_kept() -> None:
    back = there_and_back(np.full(100, 0.01, np.float32), 96)
    assert np.flatnonzero(back).tolist() == list(range(48))


def test_the_position_with_the_most_moves_keeps_its_likely_ones() -> None:
    chess = get_game("chess")
    state = chess.parse("R6R/3Q4/1Q4Q1/4Q3/2Q4Q/Q4Q2/pp1Q4/kBNN1KB1 w - - 0 1")
    policy = np.zeros(218, np.float32)
    policy[[3, 100, 217]] = [0.5, 0.3, 0.2]
    record = replace(
        make_record(1, 1),
        game="chess",
        states=state[np.newaxis],
        policy=policy,
        policy_start=np.array([0, 218]),
    )
    row = rows_of(record, chess)
    assert row["flags"][0] & layout.SPARSE
    out = np.zeros((1, 218), np.float32)
    unpack_policies(row["policy"], row["flags"] & layout.SPARSE != 0, row["count"].astype(np.int64), out)
    assert out[0] == pytest.approx(policy, abs=2e-5)


def test_a_row_without_a_policy_is_not_read_beyond_its_end() -> None:
    rows = rows_of(make_record(1, 2, context=2, counts=(120,)), GAME)
    rows["sequence"] = 2**63 - 1  # what a read beyond the first row's end would take for probabilities
    out = np.ones((1, 120), np.float32)
    unpack_policies(rows["policy"][:1], np.zeros(1, np.bool_), rows["count"][:1].astype(np.int64), out)
    assert not out.any()


def test_every_changed_byte_is_noticed() -> None:
    rows = rows_of(make_record(5, 3), GAME)
    seal_rows(rows, 1)
    with np.errstate(over="ignore"):
        assert all(intact(row) for row in as_words(rows))
        for position in range(rows.dtype.itemsize):
            raw = bytearray(rows[1:2].tobytes())
            raw[position] ^= 0x40
            assert not intact(np.frombuffer(bytes(raw), np.uint64)), position


def test_results_are_seen_by_the_mover() -> None:
    assert rows_of(make_record(1, 4, result=1), GAME)["result"].tolist() == [1, -1, 1, -1]
    assert rows_of(make_record(1, 4, result=-1, first_player=1), GAME)["result"].tolist() == [1, -1, 1, -1]
    assert rows_of(make_record(1, 4, result=0), GAME)["result"].tolist() == [0, 0, 0, 0]


def test_flags() -> None:
    record = make_record(1, 6, context=2, counts=(3, 100), cheap_every=3)
    flags = rows_of(record, GAME)["flags"]
    assert (flags & layout.CONTEXT > 0).tolist() == [True, True, False, False, False, False]
    assert (flags & layout.SEARCHED > 0).tolist() == [False, False, True, True, True, True]
    assert (flags & layout.TRAIN_POLICY > 0).tolist() == [False, False, True, False, True, True]
    assert (flags & layout.SPARSE > 0).tolist() == [False, False, False, True, False, True]
    assert (flags & layout.LAST > 0).tolist() == [False] * 5 + [True]
    assert (flags & layout.REPEATED > 0).tolist() == (record.repeated == 1).tolist()


def test_records_that_do_not_fit_are_refused() -> None:
    record = make_record(7, 3, counts=(3,))
    with pytest.raises(PawnzeroError, match="game 7: a game of chess, expected walk"):
        rows_of(replace(record, game="chess"), GAME)
    with pytest.raises(PawnzeroError, match=r"game 7: states \(3, 2\), expected \(T, 3\)"):
        rows_of(replace(record, states=record.states[:, :2]), GAME)
    with pytest.raises(PawnzeroError, match="expected a game_id from 0"):
        rows_of(replace(record, game_id=-1), GAME)
    with pytest.raises(PawnzeroError, match="game 7, ply 1: 4 policy entries, expected a distribution over 3 legal actions"):
        rows_of(replace(record, policy_start=np.array([0, 3, 7, 9])), GAME)
    for bad in (np.nan, -0.5, 0.5):
        policy = record.policy.copy()
        policy[6:] = [bad, 0.0, 0.0]
        with pytest.raises(PawnzeroError, match="game 7, ply 2: 3 policy entries"):
            rows_of(replace(record, policy=policy), GAME)
