"""Exports: what is written, what of it is compared, and games that python-chess reads back."""

from __future__ import annotations

import io
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List

import chess.pgn
import numpy as np
import pytest

from pawnzero.agent import Agent
from pawnzero.arena.match import play_match
from pawnzero.arena.openings import openings
from pawnzero.arena.pgn import RESULTS
from pawnzero.arena.players import NetPlayer, RandomPlayer, game_of, parse_player
from pawnzero.config import Config, SearchConfig
from pawnzero.errors import PawnzeroError, UsageError
from pawnzero.export import export_games, export_net, format_of
from pawnzero.formats.agreement import disagreement, net_answers
from pawnzero.formats.load import load_net
from pawnzero.games import get_game
from pawnzero.games.line import Line
from pawnzero.nets.checkpoint import load_checkpoint, save_checkpoint
from pawnzero.pipeline.selfplay import selfplay_stage
from pawnzero.replay import ReplayBuffer
from pawnzero.search import UniformEvaluator
from pawnzero.selfplay.records import GameRecord
from tests.formats.known_net import STEP, known_checkpoint, known_net

CHESS = get_game("chess")


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "known.pt"
    save_checkpoint(path, known_checkpoint())
    return path


def read_games(path: Path) -> List[chess.pgn.Game]:
    stream, games = io.StringIO(path.read_text(encoding="utf-8")), []
    while True:
        game = chess.pgn.read_game(stream)
        if game is None:
            return games
        assert not game.errors
        games.append(game)


@pytest.mark.parametrize("name", ["net.onnx", "net.pb.gz", "net.pt"])
def test_a_directory_that_is_not_there_is_told_before_anything_is_computed(tmp_path: Path, name: str) -> None:
    path = tmp_path / "missing" / name
    with pytest.raises(PawnzeroError, match=f"{name}: cannot be written .*missing: no such directory"):
        export_net(str(tmp_path / "no net.pt"), path, format_of(path))  # which would be told next


def test_nor_are_games_read_for_it(tmp_path: Path) -> None:
    agent = Agent.create(tmp_path / "agent", Config(game="tic_tac_toe"))  # whose missing games would be told next
    with pytest.raises(PawnzeroError, match=r"games.pgn: cannot be written .*missing: no such directory"):
        export_games(agent, tmp_path / "missing" / "games.pgn", 10)


@pytest.mark.parametrize("source", ["random", "uci:stockfish", "nobody"])
def test_players_without_a_net_are_not_recommended(tmp_path: Path, source: str) -> None:
    with pytest.raises(UsageError) as caught:
        export_net(source, tmp_path / "x.onnx", "onnx")
    nets = "expected an agent directory, a checkpoint file, lc0's weights (.pb.gz) or shipped:GAME"
    assert str(caught.value) == f"net '{source}': no such file or directory; {nets}"


def test_an_lc0_net_plays_under_its_own_name(checkpoint: Path, tmp_path: Path) -> None:
    export_net(str(checkpoint), tmp_path / "strong.pb.gz", "lc0")
    with parse_player(str(tmp_path / "strong.pb.gz"), game=CHESS, device="cpu", simulations=1) as player:
        assert player.name == f"{tmp_path.name}/strong"


def test_formats_by_name() -> None:
    names = {"a.onnx": "onnx", "A.PB.GZ": "lc0", "x.y.pgn": "pgn", "net.pt": "checkpoint"}
    assert {name: format_of(Path("x.onnx") / name) for name in names} == names
    assert format_of(Path("anything"), "lc0") == "lc0"
    with pytest.raises(
        UsageError, match=r"net.pb: the name does not tell the format; expected one that ends in .onnx, .pb.gz, .pt, .pgn"
    ):
        format_of(Path("net.pb"))


@pytest.mark.parametrize(("name", "most"), [("net.pb.gz", 1e-3), ("net.pt", 1e-6)])
def test_a_net_is_written_and_compared(checkpoint: Path, name: str, most: float, tmp_path: Path) -> None:
    path = tmp_path / name
    figures = export_net(str(checkpoint), path, format_of(path))
    assert (figures["step"], figures["game"], figures["bytes"]) == (STEP, "chess", path.stat().st_size)
    assert figures["positions_compared"] == 64
    worst = disagreement(CHESS, net_answers(known_net()), net_answers(load_net(path).make_net()), positions=64)
    assert max(worst) < most
    assert worst == pytest.approx((figures["max_policy_difference"], figures["max_wdl_difference"]), abs=1e-7)


def test_an_onnx_file_is_compared_where_its_runtime_is(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "onnxruntime", None)
        figures = export_net(str(checkpoint), tmp_path / "net.onnx", "onnx")
    assert (figures["positions_compared"], figures["max_wdl_difference"]) == (0, None)
    assert (tmp_path / "net.onnx").stat().st_size == figures["bytes"] > 1_000_000
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed (pip install onnxruntime)")
    figures = export_net(str(checkpoint), tmp_path / "net.onnx", "onnx")
    assert figures["positions_compared"] == 64
    assert 0.0 < figures["max_policy_difference"] < 1e-5


def test_a_net_that_sixteen_bits_do_not_hold_is_not_written(tmp_path: Path) -> None:
    known = known_checkpoint()
    weights = {name: tensor.clone() for name, tensor in known.averaged.items()}
    weights["policy_out.weight"][79] = 1e5  # an outlier in a plane that no move uses
    save_checkpoint(tmp_path / "wild.pt", replace(known, averaged=weights))
    (tmp_path / "net.pb.gz").write_bytes(b"old")
    with pytest.raises(PawnzeroError, match=r"net.pb.gz: not written, because as lc0 the net's probabilities change by"):
        export_net(str(tmp_path / "wild.pt"), tmp_path / "net.pb.gz", "lc0")
    assert (tmp_path / "net.pb.gz").read_bytes() == b"old"


def test_a_checkpoint_for_playing_leaves_training_behind(agent_dir: Path, tmp_path: Path) -> None:
    export_net(str(agent_dir), tmp_path / "net.pt", "checkpoint")
    best, found = load_checkpoint(agent_dir / "checkpoints" / "best.pt"), load_checkpoint(tmp_path / "net.pt")
    assert found.training is None
    assert (found.step, found.model) == (best.step, best.model)
    for name, weights in best.averaged.items():
        np.testing.assert_array_equal(found.averaged[name].numpy(), weights.numpy())


def test_an_lc0_net_plays_in_the_arena(checkpoint: Path, tmp_path: Path) -> None:
    path = tmp_path / "theirs.pb.gz"
    export_net(str(checkpoint), path, "lc0")
    assert game_of(str(path)) == "chess"
    settings: Dict[str, Any] = {"game": CHESS, "device": "cpu", "simulations": 0, "search": SearchConfig()}
    lines = openings(CHESS, 12, seed=1)
    with parse_player(str(path), **settings) as theirs, parse_player(str(checkpoint), **settings) as ours:
        assert f"(step {STEP})" in theirs.details["Net"]
        assert theirs.choose(lines) == ours.choose(lines)
        result = play_match(theirs, ours, games=2, openings=lines, game=CHESS, max_plies=30)
    assert (result.games, result.forfeits) == (2, 0)
    with pytest.raises(UsageError, match="plays chess, expected a player of connect_four"):
        parse_player(str(path), **{**settings, "game": get_game("connect_four")})


def test_selfplay_games_read_back_by_python_chess(agent_dir: Path, tmp_path: Path) -> None:
    agent = Agent.open(agent_dir)
    figures = export_games(agent, tmp_path / "games.pgn", 2)
    assert (figures["games"], figures["bytes"]) == (2, (tmp_path / "games.pgn").stat().st_size)
    with ReplayBuffer(agent.replay) as buffer:
        stored = buffer.newest_games(10)
    assert len(stored) == 3
    found = read_games(tmp_path / "games.pgn")
    assert len(found) == 2
    for game, one in zip(found, reversed(stored[:2])):
        board = game.end().board()
        assert board.fen(en_passant="legal") == CHESS.format(one.line.state)
        assert len(board.move_stack) == len(one.line.actions)
        assert game.headers["Result"] == {1: "1-0", 0: "1/2-1/2", -1: "0-1"}[one.result]
        assert game.headers["White"] == game.headers["Black"] == "AgentA"
        assert game.headers["Round"] == f"0.{one.game_id & 0xFFFFFFFF}"
        ended = board.is_game_over() or board.can_claim_draw()
        assert (game.headers["Termination"] == "normal") == ended
        if board.is_game_over():
            assert board.result() == game.headers["Result"]


def record_of(line: Line, game_id: int, context: int = 0) -> GameRecord:
    """A finished game as self-play leaves it, with policies that know nothing."""
    counts = [int(line.game.look(state).count[0]) for state in line.states[:-1]]
    counts[:context] = [0] * context
    return GameRecord(
        game=line.game.name,
        game_id=game_id,
        context=context,
        states=np.stack(line.states[:-1]),
        actions=np.array(line.actions, np.int16),
        repeated=np.array(line.repeated[:-1], np.uint8),
        policy_start=np.cumsum([0, *counts]),
        policy=np.concatenate([np.full(count, 1 / max(1, count), np.float32) for count in counts]),
        root_wdl=np.full((len(counts), 3), 1 / 3, np.float32),
        full_search=np.ones(len(counts), np.uint8),
        simulations=np.ones(len(counts), np.int32),
        final_state=line.state,
        ending=line.ending,
        result=line.result,
    )


def test_every_ending_is_told_as_it_was(tmp_path: Path) -> None:
    castled = "4k2r/7p/8/8/8/8/8/R3K3 b Qk - 0 30"
    games = [
        ("f2f3 e7e5 g2g4 d8h4", "", False, "0-1", "checkmate", "normal"),
        ("e2e4 e7e5 d1h5 b8c6 f1c4 g8f6 h5f7", "", False, "1-0", "checkmate", "normal"),
        ("e8g8 e1c1", castled, True, "1-0", "resignation", "normal"),
        ("e8g8 e1c1 g8g7", castled, True, "0-1", "resignation", "normal"),
        ("e2e4 e7e5", "", False, "1/2-1/2", "max plies", "adjudication"),
        ("g1f3 g8f6 f3g1 f6g8 g1f3 g8f6 f3g1 f6g8", "", False, "1/2-1/2", "repetition", "normal"),
    ]
    agent = Agent.create(tmp_path / "A", Config())
    with ReplayBuffer(agent.replay, game="chess") as buffer:
        for number, (moves, start, resigned, _, ending, _) in enumerate(games):
            line = Line(CHESS, CHESS.parse(start) if start else None, max_plies=2 if ending == "max plies" else 0)
            for move in moves.split():
                line.push(CHESS.parse_action(line.state, move))
            if resigned:
                line.resign()
            buffer.append(record_of(line, number, context=1 if start else 0))
    export_games(agent, tmp_path / "games.pgn", 10)
    found = read_games(tmp_path / "games.pgn")
    assert len(found) == len(games)
    for game, (moves, start, _, result, ending, termination) in zip(found, games):
        assert [move.uci() for move in game.mainline_moves()] == moves.split()
        told = [game.headers[name] for name in ("Result", "Ending", "Termination", "GivenPlies")]
        assert told == [result, ending, termination, "1" if start else "0"]
        assert game.headers.get("FEN", "") == start


def test_other_games_have_their_own_notation(tmp_path: Path) -> None:
    from tests.train.random_games import CONFIG, random_record

    agent = Agent.create(tmp_path / "Three", CONFIG)
    with ReplayBuffer(agent.replay, game="tic_tac_toe") as buffer:
        buffer.append(random_record((2 << 32) + 1))
    export_games(agent, tmp_path / "games.pgn", 10)
    text = (tmp_path / "games.pgn").read_text()
    record = random_record((2 << 32) + 1)
    assert '[Round "2.1"]' in text
    assert f'[Result "{RESULTS[record.result]}"]' in text
    assert f'[Ending "{get_game("tic_tac_toe").endings[record.ending]}"]' in text
    assert len(text.split("\n\n")[1].split()) == len(record) + 1


def test_games_of_no_iteration_have_a_plain_number(tmp_path: Path) -> None:
    from tests.train.random_games import CONFIG

    agent = Agent.create(tmp_path / "Three", CONFIG)
    for games in (2, 1):
        selfplay_stage(agent, CONFIG, games=games, device="cpu")
    export_games(agent, tmp_path / "games.pgn", 10)
    rounds = re.findall(r'\[Round "(.*)"\]', (tmp_path / "games.pgn").read_text())
    assert sorted(rounds) == ["0", "1", "2"]


def test_arena_games_read_back_by_python_chess(tmp_path: Path) -> None:
    player = NetPlayer(CHESS, UniformEvaluator(), name="net", simulations=2, search=SearchConfig())
    path = tmp_path / "arena.pgn"
    starts = openings(CHESS, 3, seed=4)
    result = play_match(player, RandomPlayer(1), games=6, openings=starts, game=CHESS, max_plies=80, pgn=path)
    found = read_games(path)
    assert len(found) == len(result.played) == 6
    for game, played in zip(found, result.played):
        assert game.end().board().fen(en_passant="legal") == CHESS.format(played.line.state)
        points = {"1-0": 1.0, "1/2-1/2": 0.5, "0-1": 0.0}[game.headers["Result"]]
        assert (points if played.first_side == 0 else 1.0 - points) == played.points


def test_an_agent_without_games_or_a_best_net_says_what_makes_them(tmp_path: Path) -> None:
    agent = Agent.create(tmp_path / "New", Config())
    with pytest.raises(PawnzeroError, match=r"holds no whole game to export; `pawnzero selfplay .*New --games 10`"):
        export_games(agent, tmp_path / "games.pgn", 5)
    with pytest.raises(PawnzeroError, match=r"no net yet; `pawnzero iterate .*New` makes one"):
        export_net(str(agent.directory), tmp_path / "net.onnx", "onnx")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["New"]
