"""Sampling: uniform, repeatable, only what may be trained on, and safe beside a process that appends."""

from __future__ import annotations

import threading
from dataclasses import fields, replace
from pathlib import Path
from typing import Set

import numpy as np
import pytest
from oracle import Oracle
from walk_game import GAME, make_record

from pawnzero.errors import PawnzeroError
from pawnzero.games import get_game
from pawnzero.games.base import Game, Positions
from pawnzero.replay import Batch, ReplayBuffer
from pawnzero.selfplay.records import GameRecord


def same(one: Batch, other: Batch) -> bool:
    return all(np.array_equal(getattr(one, f.name), getattr(other, f.name)) for f in fields(Batch))


def games(path: Path, count: int, capacity: int = 1000, length: int = 10, first: int = 1) -> ReplayBuffer:
    buffer = ReplayBuffer(path / "replay.pt", capacity, "walk")
    for number in range(first, first + count):
        buffer.append(make_record(number, length))
    return buffer


def names(batch: Batch) -> Set[int]:
    return {int(name) for name in batch.bits[:, 0]}


def test_the_same_seed_step_and_window_give_the_same_batch(tmp_path: Path) -> None:
    buffer = games(tmp_path, 20)
    sampler = buffer.sampler(3)
    batches = [sampler.batch(step, 32) for step in range(4)]
    window = list(sampler.window)
    games(tmp_path, 5, first=30)  # appended since, beyond the window
    reopened = ReplayBuffer(buffer.path).sampler(3, window=window)
    assert all(same(reopened.batch(step, 32), batches[step]) for step in (2, 0, 3, 1))
    assert not same(batches[0], batches[1])
    assert not same(buffer.sampler(4, window=window).batch(0, 32), batches[0])
    assert not same(buffer.sampler(3).batch(0, 32), batches[0])


def test_history_ends_where_the_window_begins(tmp_path: Path) -> None:
    """Rows before the window are overwritten by later games while all of the window's are still there."""
    buffer, oracle = games(tmp_path, 4, capacity=40), Oracle(40)
    for number in range(1, 5):
        oracle.append(make_record(number, 10))
    window = (16, 40)
    before = [buffer.sampler(3, window).batch(step, 64) for step in range(3)]
    seen = [int(name) for batch in before for name in batch.bits[:, 0]]
    assert {1005 + 1000, 3000} <= set(seen)
    for batch in before:
        for bits in batch.bits:
            index = next(i for i, row in enumerate(oracle.rows) if row.name == int(bits[0]))
            history = [row.name for row in oracle.history(index, 4, first=15)]
            assert bits.tolist() == history + [0] * (4 - len(history))
    games(tmp_path, 1, length=15, first=9)
    again = ReplayBuffer(buffer.path).sampler(3, window)
    assert all(same(again.batch(step, 64), batch) for step, batch in enumerate(before))


def test_a_larger_file_with_the_same_rows_gives_the_same_batch(tmp_path: Path) -> None:
    buffer = games(tmp_path, 20, capacity=55)
    sampler = buffer.sampler(3)
    before = sampler.batch(7, 64)
    buffer.resize(90)
    assert same(sampler.batch(7, 64), before)
    assert same(ReplayBuffer(buffer.path).sampler(3, window=sampler.window).batch(7, 64), before)


def test_a_small_batch_is_the_beginning_of_a_large_one(tmp_path: Path) -> None:
    sampler = games(tmp_path, 20).sampler(0)
    assert np.array_equal(sampler.batch(1, 64).bits[:16], sampler.batch(1, 16).bits)


def test_sampling_is_uniform(tmp_path: Path) -> None:
    buffer = games(tmp_path, 5)
    batch = buffer.sampler(1).batch(0, 50_000)
    _, counts = np.unique(batch.bits[:, 0], return_counts=True)
    assert len(counts) == 50
    assert np.abs(counts - 1000).max() < 5 * np.sqrt(1000)
    steps = np.array([buffer.sampler(1).batch(step, 1).age[0] for step in range(5000)])
    assert np.abs(np.bincount(steps, minlength=50) - 100).max() < 5 * np.sqrt(100)


def test_given_positions_are_history_and_never_samples(tmp_path: Path) -> None:
    buffer = ReplayBuffer(tmp_path / "replay.pt", 100, "walk")
    buffer.append(make_record(1, 9, context=8))
    batch = buffer.sampler(0).batch(0, 50)
    assert names(batch) == {1008}
    assert batch.bits[0].tolist() == [1008, 1007, 1006, 1005]
    assert buffer.sampler(0).count() == 1


def test_the_positions_that_a_sampler_draws_are_counted(tmp_path: Path) -> None:
    buffer = ReplayBuffer(tmp_path / "replay.pt", 300, "walk")
    for number in range(1, 60):  # overwrites some
        buffer.append(make_record(number, 9, context=number % 4))
    window = (buffer.total - 250, buffer.total - 7)
    parts = [buffer.sampler(0, window, held_out) for held_out in (None, False, True)]
    counts = [part.count() for part in parts]
    assert counts == [len(names(part.batch(0, 20_000))) for part in parts]
    assert counts[0] == counts[1] + counts[2]
    assert 0 < counts[2] < counts[1] < 200


def test_a_game_stored_twice_in_a_row_is_not_its_own_past(tmp_path: Path) -> None:
    buffer = ReplayBuffer(tmp_path / "replay.pt", 100, "walk")
    for _ in range(2):
        buffer.append(make_record(1, 3))
    batch = buffer.sampler(0).batch(0, 60)
    assert np.array_equal(batch.scalars[:, 0], batch.ply + 1)


def test_rules_that_changed_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sampler = games(tmp_path, 3).sampler(0)
    inspect = type(GAME).inspect

    def other_rules(game: Game, positions: Positions) -> None:
        inspect(game, positions)
        positions.count[:] -= 1

    monkeypatch.setattr(type(GAME), "inspect", other_rules)
    with pytest.raises(PawnzeroError, match=r"replay.pt: row \d+ has (\d) legal actions, by the rules of walk \d: "):
        sampler.batch(0, 4)


def test_a_single_trainable_row_among_many_is_found(tmp_path: Path) -> None:
    buffer = ReplayBuffer(tmp_path / "replay.pt", 10_000, "walk")
    buffer.append(make_record(1, 9999, context=9998))
    assert names(buffer.sampler(0).batch(0, 3)) == {10998}


def test_nothing_but_given_positions_is_an_error(tmp_path: Path) -> None:
    buffer = ReplayBuffer(tmp_path / "replay.pt", 100, "walk")
    buffer.append(make_record(1, 9, context=9))
    with pytest.raises(PawnzeroError, match="holds no positions to train on among rows 1 to 9"):
        buffer.sampler(0).batch(0, 4)


def test_held_out_games_are_whole_games_and_about_one_in_twenty(tmp_path: Path) -> None:
    buffer = games(tmp_path, 400, capacity=4000)
    everything = buffer.sampler(0).batch(0, 30_000)
    trained = buffer.sampler(0, held_out=False).batch(0, 30_000)
    measured = buffer.sampler(0, held_out=True).batch(0, 3_000)
    kept, held = ({name // 1000 for name in names(batch)} for batch in (trained, measured))
    assert not kept & held
    assert kept | held == {name // 1000 for name in names(everything)} == set(range(1, 401))
    assert 8 <= len(held) <= 36


def test_windows_that_are_not_in_the_file(tmp_path: Path) -> None:
    buffer = games(tmp_path, 10, capacity=50)  # rows 51 to 100
    for window in ((51, 101), (0, 60), (70, 60), (1, 50)):
        with pytest.raises(PawnzeroError, match=f"holds rows 51 to 100, the window asked for is {window[0]} to {window[1]}"):
            buffer.sampler(0, window=window)
    assert names(buffer.sampler(0, window=(41, 60)).batch(0, 200)) == {6000 + ply for ply in range(10)}


def test_a_row_without_a_search_teaches_the_result(tmp_path: Path) -> None:
    record = make_record(1, 2, result=-1)
    record = replace(record, simulations=np.zeros(2, np.int32), root_wdl=np.zeros((2, 3), np.float32))
    buffer = ReplayBuffer(tmp_path / "replay.pt", 10, "walk")
    buffer.append(record)
    batch = buffer.sampler(0).batch(0, 20)
    assert np.array_equal(batch.root_wdl, batch.result_wdl)
    assert set(batch.result_wdl[batch.ply == 0].argmax(axis=1)) == {2}


def test_reading_beside_a_writer_gives_whole_rows_only(tmp_path: Path) -> None:
    """A second object appends as fast as it can, over and over the ring, while this one samples."""
    records = [make_record(number, 6) for number in range(1, 200)]
    expected = Oracle(10**6)
    for record in records:
        expected.append(record)
    plies = {row.name: row for row in expected.rows}
    writer = ReplayBuffer(tmp_path / "replay.pt", 64, "walk")
    for record in records[:12]:
        writer.append(record)
    reader = ReplayBuffer(tmp_path / "replay.pt")
    done = threading.Event()

    def write() -> None:
        for _ in range(10):
            for record in records:
                writer.append(record)
        done.set()

    thread = threading.Thread(target=write)
    thread.start()
    rounds = 0
    while not done.is_set():
        try:
            batch = reader.sampler(rounds).batch(0, 32)
        except PawnzeroError as error:
            assert "holds no" in str(error)  # noqa: PT017 - the writer may overtake a whole window
            continue
        rounds += 1
        for b in range(32):
            row = plies[int(batch.bits[b, 0])]
            assert batch.plies_left[b] == 6 - row.ply
            assert np.abs(batch.root_wdl[b] - row.record.root_wdl[row.ply]).max() < 2e-5
            earlier = batch.bits[b][batch.bits[b] > 0].astype(np.int64)
            assert np.array_equal(earlier, row.name - np.arange(len(earlier)))
    thread.join()
    assert rounds > 0


def random_game(name: str, game_id: int, cap: int) -> GameRecord:
    """A game of random moves; the move played has the whole policy."""
    game = get_game(name)
    rng = np.random.default_rng(game_id)
    state, states, actions, policies = game.initial(), [], [], []
    while len(states) < cap:
        look = game.look(state)
        count = int(look.count[0])
        if count == 0:
            break
        choice = int(rng.integers(count))
        states.append(state)
        actions.append(int(look.legal[0, choice]))
        policies.append(np.eye(count, dtype=np.float32)[choice])
        state = game.after(state, actions[-1])
    length = len(states)
    return GameRecord(
        game=name,
        game_id=game_id,
        context=0,
        states=np.array(states),
        actions=np.array(actions, np.int16),
        repeated=np.zeros(length, np.uint8),
        policy_start=np.concatenate([[0], np.cumsum([len(p) for p in policies])]),
        policy=np.concatenate(policies),
        root_wdl=np.tile(np.array([0.5, 0.25, 0.25], np.float32), (length, 1)),
        full_search=np.ones(length, np.uint8),
        simulations=np.ones(length, np.int32),
        final_state=state,
        ending=2,
        result=1,
    )


@pytest.mark.parametrize("name", ["chess", "connect_four", "tic_tac_toe"])
def test_real_games_come_back_as_they_were_encoded(tmp_path: Path, name: str) -> None:
    game = get_game(name)
    records = {game_id: random_game(name, game_id, 60) for game_id in range(3)}
    buffer = ReplayBuffer(tmp_path / "replay.pt", 500, name)
    for record in records.values():
        buffer.append(record)
    batch = buffer.sampler(0).batch(0, 100)
    starts = np.cumsum([0] + [len(record) for record in records.values()])
    for b in range(100):
        index = int(starts[-1] - 1 - batch.age[b])
        game_id = int(np.searchsorted(starts, index, side="right")) - 1
        record, ply = records[game_id], index - int(starts[game_id])
        length = min(game.history, ply + 1)
        history = np.zeros((1, game.history, game.state_words), np.uint64)
        history[0, :length] = record.states[ply - length + 1 : ply + 1][::-1]
        bits = np.zeros((1, game.bit_planes), np.uint64)
        scalars = np.zeros((1, game.scalar_planes), np.float32)
        game.encode(history, np.zeros((1, game.history), np.uint8), np.array([length], np.int16), bits, scalars)
        assert np.array_equal(batch.bits[b], bits[0])
        assert np.array_equal(batch.scalars[b], scalars[0])
        assert batch.legal[b, batch.policy[b].argmax()] == record.actions[ply]
        assert batch.policy[b].max() == 1.0
        mover = game.player(record.states[ply])
        assert batch.result_wdl[b].tolist() == ([1.0, 0.0, 0.0] if mover == 0 else [0.0, 0.0, 1.0])
        assert batch.root_wdl[b] == pytest.approx([0.5, 0.25, 0.25], abs=2e-5)


def turned_by(plain: Batch, augmented: Batch, name: str) -> np.ndarray:
    """Which symmetry made each sample of `augmented` out of that of `plain`: the only one that explains planes and actions."""
    game = get_game(name)
    found = np.full(len(plain), 255, np.uint8)
    cells, expected = (unpacked(batch.bits) for batch in (plain, augmented))
    unlisted = np.arange(plain.legal.shape[1]) >= plain.count[:, np.newaxis]
    for k in range(game.symmetries):
        turned = np.zeros_like(cells)
        turned[:, :, game.cell_map[k]] = cells
        explained = (turned == expected).all((1, 2))
        explained &= ((game.action_map[k][plain.legal] == augmented.legal) | unlisted).all(1)
        found[explained & (found == 255)] = k
    return found


def unpacked(bits: np.ndarray) -> np.ndarray:
    """[B, P] uint64 as [B, P, 64], a number a cell."""
    return np.unpackbits(bits[:, :, np.newaxis].astype("<u8").view(np.uint8), axis=2, bitorder="little")


@pytest.mark.parametrize("name", ["connect_four", "tic_tac_toe"])
def test_augmented_samples_are_the_same_ones_turned(tmp_path: Path, name: str) -> None:
    game = get_game(name)
    buffer = ReplayBuffer(tmp_path / "replay.pt", 2000, name)
    for game_id in range(30):
        buffer.append(random_game(name, game_id, 60))
    plain, augmented = (buffer.sampler(5, augment=augment).batch(2, 4000) for augment in (False, True))
    which = turned_by(plain, augmented, name)
    assert (which < game.symmetries).all()
    for field in fields(Batch):
        if field.name not in ("bits", "legal"):
            assert np.array_equal(getattr(plain, field.name), getattr(augmented, field.name)), field.name
    asymmetric = plain.ply > 4  # so late hardly any position is its own mirror image
    counts = np.bincount(which[asymmetric], minlength=game.symmetries) / asymmetric.sum()
    assert np.abs(counts - 1 / game.symmetries).max() < 0.06


def test_augmentation_is_repeatable_and_a_small_batch_is_the_beginning_of_a_large_one(tmp_path: Path) -> None:
    buffer = ReplayBuffer(tmp_path / "replay.pt", 2000, "connect_four")
    for game_id in range(10):
        buffer.append(random_game("connect_four", game_id, 60))
    sampler = buffer.sampler(3, augment=True)
    batches = [sampler.batch(step, 64) for step in range(3)]
    reopened = ReplayBuffer(buffer.path).sampler(3, window=sampler.window, augment=True)
    assert all(same(reopened.batch(step, 64), batches[step]) for step in (2, 0, 1))
    assert np.array_equal(sampler.batch(1, 64).bits[:16], sampler.batch(1, 16).bits)
    plain = [buffer.sampler(3).batch(step, 64) for step in range(3)]
    which = [turned_by(plain[step], batches[step], "connect_four").tolist() for step in range(3)]
    assert which[0] != which[1] != which[2]


def test_chess_is_turned_only_once_nobody_may_castle(tmp_path: Path) -> None:
    buffer = ReplayBuffer(tmp_path / "replay.pt", 5000, "chess")
    for game_id in range(15):
        buffer.append(random_game("chess", game_id, 120))
    plain, augmented = (buffer.sampler(1, augment=augment).batch(0, 2000) for augment in (False, True))
    which = turned_by(plain, augmented, "chess")
    free = ~plain.scalars[:, :4].any(axis=1)
    assert 200 < free.sum() < 1800
    assert (which[~free] == 0).all()
    assert (which < 2).all()
    assert 0.4 < which[free].mean() < 0.6


def test_a_game_without_symmetries_is_left_alone(tmp_path: Path) -> None:
    buffer = games(tmp_path, 5)
    assert same(buffer.sampler(1).batch(0, 50), buffer.sampler(1, augment=True).batch(0, 50))
