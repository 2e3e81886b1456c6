"""Players by name: what they choose, and what is said of names that are none."""

from __future__ import annotations

import asyncio
import shlex
import shutil
import sys
from pathlib import Path

import chess
import chess.engine
import numpy as np
import pytest

from pawnzero.arena import players
from pawnzero.arena.openings import openings
from pawnzero.arena.players import Forfeit, NetPlayer, RandomPlayer, game_of, parse_player
from pawnzero.arena.uci_player import DEFAULT_NODES, UciPlayer, parse_uci
from pawnzero.config import SearchConfig
from pawnzero.errors import PawnzeroError, UsageError
from pawnzero.games import get_game
from pawnzero.games.line import Line
from pawnzero.search import UniformEvaluator
from pawnzero.search.evaluator import Appetite, at_once
from pawnzero.search.tree import bytes_a_tree
from pawnzero.selfplay import in_flight
from tests.search.naive import HashEvaluator

CHESS = get_game("chess")
FOUR = get_game("connect_four")
FAKE = f"uci:{shlex.quote(sys.executable)} {shlex.quote(str(Path(__file__).parent / 'fake_uci.py'))}"

needs_stockfish = pytest.mark.skipif(
    not (shutil.which("stockfish") or shutil.which("stockfish", path="/usr/games")),
    reason="no stockfish here (on Debian: apt-get install stockfish)",
)


def line_of(game, *moves, start=None):
    line = Line(game, None if start is None else game.parse(start))
    for move in moves:
        line.push(game.parse_action(line.state, move))
    return line


def fake(fault, move, limit="", **options):
    return UciPlayer(CHESS, parse_uci(f"{FAKE} {fault} {move};{limit}"), **options)


def test_random_player_plays_every_legal_move_about_as_often():
    line = line_of(FOUR, *"333333")
    moves = RandomPlayer(1).choose([line] * 1200, range(1200))
    counts = np.bincount(moves, minlength=7)
    assert counts[2] == 0
    assert (counts[[0, 1, 3, 4, 5, 6]] > 150).all()


def test_random_player_does_not_look_at_the_batch():
    lines = openings(CHESS, 6, seed=0)
    together = RandomPlayer(3).choose(lines, range(6))
    alone = [RandomPlayer(3).choose([line], [number])[0] for number, line in reversed(list(enumerate(lines)))]
    assert together == alone[::-1]
    assert len(set(RandomPlayer(3).choose(openings(FOUR, 40, seed=0)))) > 4
    assert RandomPlayer(3).choose(lines[:1] * 30, range(30)) != RandomPlayer(4).choose(lines[:1] * 30, range(30))


class Ranked(UniformEvaluator):
    """Likes actions with a high index, and reports what planes it was shown."""

    def evaluate(self, question):
        super().evaluate(question)
        question.logits[:] = question.legal
        question.logits[np.arange(question.legal.shape[1]) >= question.count[:, None]] = np.inf
        self.bits = question.bits.copy()


def net(game, simulations, evaluator=None):
    return NetPlayer(game, evaluator or UniformEvaluator(), name="n", simulations=simulations, search=SearchConfig())


def test_no_simulations_play_the_likeliest_legal_move():
    evaluator = Ranked()
    lines = [line_of(FOUR, "1"), line_of(FOUR, *"777777"), line_of(FOUR, *"67777776")]
    assert net(FOUR, 0, evaluator).choose(lines) == [6, 5, 5]
    assert len(evaluator.bits) == 3


def test_no_simulations_show_the_net_the_history():
    evaluator = Ranked()
    line = line_of(CHESS, "e2e4", "e7e5", "g1f3")
    net(CHESS, 0, evaluator).choose([line])
    states, repeated, length = line.history(CHESS.history)
    bits, scalars = np.zeros((1, CHESS.bit_planes), np.uint64), np.zeros((1, CHESS.scalar_planes), np.float32)
    CHESS.encode(states[None], repeated[None], np.array([length], np.int16), bits, scalars)
    assert length == 4
    assert (evaluator.bits == bits).all()


def test_a_match_searches_on_all_cores_but_where_a_device_answers(monkeypatch):
    class Device(UniformEvaluator):
        appetite = Appetite(questions=2)

        def submit(self, question):
            self.evaluate(question)
            return at_once

    monkeypatch.setattr(players, "usable_cores", lambda: 6)
    assert net(FOUR, 8)._searcher.threads == 6
    assert net(FOUR, 8, Device())._searcher.threads == 2


def test_a_net_plays_as_many_games_at_once_as_its_trees_have_room_for(monkeypatch):
    monkeypatch.setattr(in_flight, "usable_memory", lambda: 8 * 200 * bytes_a_tree(CHESS, 800) + 7)
    assert net(CHESS, 800).room_for(1000) == 100
    assert net(CHESS, 800).room_for(20) == 20
    assert net(CHESS, 0).room_for(1000) == 1000
    assert RandomPlayer(0).room_for(1000) == 1000


def test_a_search_finds_the_win():
    assert net(FOUR, 100).choose([line_of(FOUR, *"112233"), line_of(FOUR, *"7171713")]) == [3, 0]
    mate = line_of(CHESS, start="6k1/5ppp/8/8/8/8/8/R3K3 w - - 0 1")
    assert net(CHESS, 200).choose([mate]) == [CHESS.parse_action(mate.state, "a1a8")]


def test_names_that_are_no_player(tmp_path):
    with pytest.raises(UsageError, match=r"player 'nobody': no such file or directory; expected .*random or uci:"):
        parse_player("nobody", game=CHESS)
    with pytest.raises(PawnzeroError, match="no agent here"):
        parse_player(str(tmp_path), game=CHESS)
    assert game_of("random") is None
    assert game_of("uci:stockfish") is None
    assert game_of("nobody") is None


def test_uci_names_are_taken_apart():
    spec = parse_uci(f"{FAKE};Skill Level = 3;nodes=50;movetime=100; Style=true;")
    assert spec.command[0] == shutil.which(sys.executable)
    assert spec.options == {"Skill Level": "3", "Style": "true"}
    assert spec.limits == {"nodes": 50, "movetime": 100}
    assert parse_uci(FAKE).limits == {"nodes": DEFAULT_NODES}


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("uci:", "no command"),
        ("uci:no-such-engine;nodes=1", "'no-such-engine' not found on the PATH or in /usr/games"),
        ("uci:nonesuch --fast", "'nonesuch' not found on the PATH or in /usr/games$"),
        ("uci:/my engines/stockfish", "'/my' not found on the PATH or in /usr/games; a path with spaces has to be in quotes"),
        ("uci:a 'b", "cannot be read"),
        (FAKE + ";nodes=0", "nodes is '0', expected an integer of at least 1"),
        (FAKE + ";nodes=²", "nodes is '²', expected an integer of at least 1"),
        (FAKE + ";depth=x", "depth is 'x'"),
        (FAKE + ";Style", "'Style', expected OPTION=VALUE"),
        (FAKE + ";Skil Level=3", "no option 'Skil Level'; near ones are Skill Level"),
        (FAKE + ";node=3", "no option 'node'; near ones are nodes"),
        (FAKE + ";// comment=3", "no option '// comment'; the limits are nodes, depth, movetime, its own options are"),
        (FAKE + ";Skill Level=30", "at most 9"),
        (FAKE + ";Style=yes", "'yes', expected true or false"),
        (FAKE + " refuse", "does not start as a UCI engine"),
    ],
)
def test_uci_mistakes_are_one_line(spec, told):
    with pytest.raises(PawnzeroError, match=told) as caught:
        parse_player(spec, game=CHESS)
    assert "\n" not in str(caught.value)


def test_an_engine_gets_the_limits_of_its_name():
    for text, limit in (
        ("depth=7;movetime=250", chess.engine.Limit(depth=7, time=0.25)),
        ("nodes=9", chess.engine.Limit(nodes=9)),
        ("Style=true", chess.engine.Limit(nodes=DEFAULT_NODES)),
    ):
        with UciPlayer(CHESS, parse_uci(f"{FAKE};{text}"), processes=1) as player:
            assert player._limit == limit


def test_engines_play_chess_alone():
    with pytest.raises(UsageError, match="UCI engines play chess, not connect_four"):
        parse_player(FAKE, game=FOUR)


@pytest.mark.parametrize(
    ("fault", "termination"),
    [("crash", "abandoned"), ("illegal", "rules infraction"), ("garbage", "rules infraction"), ("resign", "rules infraction")],
)
def test_faults_cost_the_engine_that_game_alone(fault, termination):
    with fake(fault, "e2e4", processes=2) as player:
        good, bad = line_of(CHESS, "d2d4"), line_of(CHESS, "e2e4")
        first = player.choose([good, bad, good, bad, good])
        assert [isinstance(move, Forfeit) for move in first] == [False, True, False, True, False]
        assert first[0] == first[2] == first[4] == CHESS.parse_action(good.state, "a7a5")
        assert all(move.reason and "\n" not in move.reason for move in first if isinstance(move, Forfeit))
        assert {move.termination for move in first if isinstance(move, Forfeit)} == {termination}
        assert player.choose([good]) == [first[0]]


def test_an_engine_that_does_not_answer_is_too_slow():
    with fake("hang", "e2e4", processes=2, move_seconds=0.5) as player:
        bad, good = player.choose([line_of(CHESS, "e2e4"), line_of(CHESS, "d2d4")])
        assert bad == Forfeit("no answer in time", "time forfeit")
        assert player.choose([line_of(CHESS, "d2d4")]) == [good]


def test_an_engine_that_hangs_is_ended():
    with fake("hang", "e2e4", processes=1, move_seconds=0.3) as player:
        (engine,) = player._idle
        player.choose([line_of(CHESS, "e2e4"), line_of(CHESS, "d2d4")])
        assert not engine.alive


def test_an_engine_may_think_for_longer_as_long_as_it_tells_of_it():
    with fake("slow", "e2e4", "depth=40", processes=1, move_seconds=2.0) as player:
        assert not isinstance(player.choose([line_of(CHESS, "e2e4")])[0], Forfeit)


def test_an_engine_that_misses_its_own_time_limit_forfeits_whatever_it_tells():
    with fake("slow", "e2e4", "movetime=10", processes=1, move_seconds=1.0) as player:
        assert player.choose([line_of(CHESS, "e2e4")]) == [Forfeit("no answer in time", "time forfeit")]


def test_an_engine_that_dies_between_moves_is_replaced():
    with fake("none", "", processes=1) as player:
        (engine,) = player._idle
        engine.transport.kill()
        asyncio.run_coroutine_threadsafe(asyncio.wait_for(engine.protocol.returncode, 10), player._loop).result()
        (move,) = player.choose([line_of(CHESS, "d2d4")])
        assert not isinstance(move, Forfeit)


def test_an_engine_that_cannot_be_started_again_forfeits(tmp_path):
    mark = tmp_path / "started"
    with fake(f"once:{mark}", "e2e4", processes=1) as player:
        moves = player.choose([line_of(CHESS, "d2d4"), line_of(CHESS, "e2e4"), line_of(CHESS, "d2d4")])
        assert [isinstance(move, Forfeit) for move in moves] == [False, True, True]


def test_a_process_that_does_not_start_is_tried_once_more(tmp_path):
    with fake(f"second:{tmp_path / 'starts'}", "e2e4", processes=1) as player:
        moves = player.choose([line_of(CHESS, "d2d4"), line_of(CHESS, "e2e4"), line_of(CHESS, "d2d4")])
        assert [isinstance(move, Forfeit) for move in moves] == [False, True, False]
        assert (tmp_path / "starts").read_text() == "..."


def test_an_engine_that_is_never_ready_is_told_with_the_limit(monkeypatch):
    monkeypatch.setattr("pawnzero.arena.uci_player.READY_SECONDS", 0.2)
    with pytest.raises(PawnzeroError, match=r"does not start as a UCI engine \(no readyok within 0\.2 s\)"):
        fake("unready", "")


def test_the_engine_sees_all_moves_and_any_start():
    castled = line_of(CHESS, "e1g1", start="4k3/8/8/8/8/8/8/4K2R w K - 0 1")
    promoted = line_of(CHESS, "a7a8q", start="4k3/P7/8/8/8/8/8/4K3 w - - 0 1")
    with fake("none", "") as player:
        for line, move in zip([castled, promoted], player.choose([castled, promoted])):
            board = chess.Board(CHESS.format(line.state))
            assert CHESS.format_action(line.state, move) == min(legal.uci() for legal in board.legal_moves)


def test_closing_twice_ends_the_processes():
    player = fake("none", "")
    thread = player._thread
    (engine,) = player._idle
    player.close()
    player.close()
    assert engine.transport.get_returncode() is not None
    assert not thread.is_alive()


def test_closing_ends_a_process_that_thinks():
    player = fake("hang", "e2e4", processes=1)
    (engine,) = player._idle
    asyncio.run_coroutine_threadsafe(player._choose_all([line_of(CHESS, "e2e4")]), player._loop)  # as Ctrl-C leaves it
    while player._idle:
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0), player._loop).result()
    player.close()
    assert engine.transport.get_returncode() is not None


@needs_stockfish
def test_stockfish_finds_mate_with_its_options():
    mate = line_of(CHESS, start="6k1/5ppp/8/8/8/8/8/R3K3 w - - 0 1")
    with parse_player("uci:stockfish;Skill Level=20;nodes=2000", game=CHESS) as player:
        assert "Stockfish" in player.name
        assert "nodes=2000" in player.name
        assert player.choose([mate, mate]) == [CHESS.parse_action(mate.state, "a1a8")] * 2
    with pytest.raises(UsageError, match="'MultiPV' is set by the arena itself"):
        parse_player("uci:stockfish;MultiPV=2", game=CHESS)


@needs_stockfish
def test_stockfish_answers_the_same_whatever_the_batch():
    lines = openings(CHESS, 6, seed=2)
    with parse_player("uci:stockfish;nodes=500", game=CHESS) as player:
        together = player.choose(lines)
        assert [player.choose([line])[0] for line in reversed(lines)] == together[::-1]


@pytest.mark.parametrize("algorithm", ["gumbel", "puct"])
def test_what_a_net_answers_does_not_depend_on_the_games_beside_it(algorithm):
    player = NetPlayer(FOUR, HashEvaluator(), name="N", simulations=32, search=SearchConfig(algorithm=algorithm), net="none")
    lines = openings(FOUR, 40, seed=0)
    assert player.choose(lines, range(40)) == [player.choose([line], [number])[0] for number, line in enumerate(lines)]
