"""What the opponent did next, as a batch tells it: the next row of the same game, or nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Dict, Sequence, Set

import chess
import numpy as np
import pytest
from walk_game import make_record

from pawnzero.games import get_game
from pawnzero.games.base import Game
from pawnzero.games.line import Line
from pawnzero.replay import Batch, ReplayBuffer
from pawnzero.selfplay.records import GameRecord

SPARSE_FROM = 97
"""More legal actions than a row has room for."""


def record_of(game_id: int, length: int, counts: Sequence[int] = (3, 7, 100, 5)) -> GameRecord:
    """A game whose every third position was searched cheaply, never its first."""
    record = make_record(game_id, length, counts=counts)
    return replace(record, full_search=(np.arange(length) % 3 != 1).astype(np.uint8))


def check_replies(batch: Batch, records: Dict[int, GameRecord], last: int) -> Set[bool]:
    """Each sample's reply is its game's next policy, where one follows before the position `last`; which kinds were met."""
    assert batch.reply is not None
    kinds = set()
    for b in range(len(batch)):
        record = records[int(batch.bits[b, 0]) // 1000]
        ply = int(batch.ply[b]) + 1
        known = ply < len(record) and bool(record.full_search[ply]) and int(batch.bits[b, 0]) < last
        kinds.add(known)
        assert batch.reply.weight[b] == float(known)
        policy = np.zeros_like(batch.reply.policy[b])
        if known:
            count = int(record.states[ply, 2])
            assert batch.reply.legal[b, :count].tolist() == [
                action + int(record.states[ply, 0]) % 50 for action in range(count)
            ]
            policy[:count] = record.policy[record.policy_start[ply] : record.policy_start[ply + 1]]
            if count >= SPARSE_FROM:
                assert np.count_nonzero(batch.reply.policy[b]) <= 48
                assert int(batch.reply.policy[b].argmax()) == int(policy.argmax())
                continue
        assert np.abs(batch.reply.policy[b] - policy).max() < 2e-5
    return kinds


def test_the_reply_is_the_next_position_of_the_same_game(tmp_path: Path) -> None:
    buffer = ReplayBuffer(tmp_path / "replay.pt", 120, "walk")  # wraps, and its oldest game is cut
    records = {number: record_of(number, 10 + number % 3) for number in range(1, 30)}
    for record in records.values():
        buffer.append(record)
    batch = buffer.sampler(2, reply=True).batch(0, 2000)
    assert check_replies(batch, records, last=10**6) == {True, False}
    assert batch.reply is not None
    assert 0.4 < batch.reply.weight.mean() < 0.8


def test_a_window_that_ends_in_a_game_ends_there(tmp_path: Path) -> None:
    buffer = ReplayBuffer(tmp_path / "replay.pt", 100, "walk")
    records = {1: record_of(1, 20)}
    buffer.append(records[1])
    batch = buffer.sampler(0, window=(1, 8), reply=True).batch(0, 100)
    assert check_replies(batch, records, last=1007) == {True, False}


def test_a_game_stored_twice_in_a_row_does_not_follow_itself(tmp_path: Path) -> None:
    buffer = ReplayBuffer(tmp_path / "replay.pt", 100, "walk")
    for _ in range(2):
        buffer.append(record_of(1, 1))
    batch = buffer.sampler(0, reply=True).batch(0, 50)
    assert batch.reply is not None
    assert not batch.reply.weight.any()
    assert not batch.reply.policy.any()


def test_nothing_else_of_a_batch_changes(tmp_path: Path) -> None:
    buffer = ReplayBuffer(tmp_path / "replay.pt", 100, "walk")
    buffer.append(make_record(1, 20))
    plain, asked = buffer.sampler(0).batch(0, 50), buffer.sampler(0, reply=True).batch(0, 50)
    assert plain.reply is None
    assert all(np.array_equal(getattr(plain, name), getattr(asked, name)) for name in vars(plain) if name != "reply")


def random_record(game: Game, line: Line, plies: int, seed: int) -> GameRecord:
    """`line` played on at random for `plies`, with random policies."""
    generator = np.random.default_rng(seed)
    policies = []
    while len(line.actions) < plies and not line.over:
        policies.append(generator.dirichlet(np.ones(len(line.legal))).astype(np.float32))
        line.push(int(generator.choice(line.legal)))
    length = len(line.actions)
    return GameRecord(
        game=game.name,
        game_id=seed,
        context=0,
        states=np.stack(line.states[:-1]),
        actions=np.array(line.actions, np.int16),
        repeated=np.zeros(length, np.uint8),
        policy_start=np.cumsum([0, *(len(policy) for policy in policies)]).astype(np.int64),
        policy=np.concatenate(policies),
        root_wdl=np.full((length, 3), 1 / 3, np.float32),
        full_search=np.ones(length, np.uint8),
        simulations=np.ones(length, np.int32),
        final_state=line.states[-1],
        ending=2,
        result=0,
    )


@pytest.mark.parametrize("name", ["chess", "connect_four", "tic_tac_toe"])
def test_a_turned_sample_has_the_turned_reply(tmp_path: Path, name: str) -> None:
    """The turned next position, by the tables and in chess by python-chess, has these legal actions and these odds."""
    game = get_game(name)
    start = game.parse("r1bq1k1r/pp1n1ppp/2p1pn2/3p4/1bPP4/2NBPN2/PP3PPP/R1BQ1K1R w - - 4 9") if name == "chess" else None
    line = Line(game, start)
    record = random_record(game, line, 30, seed=3)
    buffer = ReplayBuffer(tmp_path / "replay.pt", 100, name)
    buffer.append(record)
    plain = buffer.sampler(1, reply=True).batch(0, 200)
    turned = buffer.sampler(1, augment=True, reply=True).batch(0, 200)
    assert plain.reply is not None
    assert turned.reply is not None
    met = set()
    for b in range(200):
        ply = int(plain.ply[b]) + 1
        if ply == len(record):
            assert turned.reply.weight[b] == 0
            continue
        n = int(game.look(line.states[ply]).count[0])
        (own,) = np.flatnonzero([_same(game.action_map[k], plain, turned, b, k, game) for k in range(game.symmetries)])[:1]
        met.add(int(own))
        assert turned.reply.legal[b, :n].tolist() == game.action_map[own][plain.reply.legal[b, :n]].tolist()
        assert turned.reply.policy[b].tolist() == plain.reply.policy[b].tolist()
        if name == "chess" and own:
            board = chess.Board(game.format(line.states[ply])).transform(chess.flip_horizontal)
            legal = game.look(game.parse(board.fen(en_passant="fen")))
            assert set(turned.reply.legal[b, :n].tolist()) == set(legal.legal[0, : legal.count[0]].tolist())
    assert len(met) == game.symmetries


def _same(action_map: np.ndarray, plain: Batch, turned: Batch, b: int, k: int, game: Game) -> bool:
    """Whether sample b was turned by symmetry k: its own actions and its planes say so."""
    n = int(plain.count[b])
    if turned.legal[b, :n].tolist() != action_map[plain.legal[b, :n]].tolist():
        return False
    for before, after in zip(plain.bits[b].tolist(), turned.bits[b].tolist()):
        if sum(1 << int(game.cell_map[k, cell]) for cell in range(64) if before >> cell & 1) != after:
            return False
    return True
