"""The engine as chess programs meet it: a process of its own, spoken to by python-chess, in games too and in the arena."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Iterator, List

import chess
import chess.engine
import pytest
import torch

from pawnzero.agent import Agent
from pawnzero.arena.players import parse_player
from pawnzero.cli import uci as cli_uci
from pawnzero.config import ModelConfig
from pawnzero.engine.net import load_net
from pawnzero.errors import PawnzeroError
from pawnzero.games import get_game
from pawnzero.games.line import Line
from pawnzero.nets.checkpoint import Checkpoint, save_checkpoint
from pawnzero.nets.resnet import PolicyValueNet
from pawnzero.nets.threads import core_count, use_cores

STOCKFISH = shutil.which("stockfish") or shutil.which("stockfish", path="/usr/games")
MATE_IN_TWO = chess.Board("kbK5/pp6/1P6/8/8/8/8/R7 w - - 0 1")


def save_net(path: Path, game: str) -> Path:
    shape = ModelConfig(channels=8, blocks=1)
    weights = PolicyValueNet(shape, game).state_dict()
    save_checkpoint(path, Checkpoint(game, shape, 0, 0, weights, weights))
    return path


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_net(tmp_path_factory.mktemp("nets") / "tiny.pt", "chess")


def command(net: Path) -> Any:
    return [sys.executable, "-m", "pawnzero", "uci", str(net), "--device", "cpu"]


@pytest.fixture(scope="module")
def engine(net: Path) -> Iterator[chess.engine.SimpleEngine]:
    with chess.engine.SimpleEngine.popen_uci(command(net), timeout=60) as running:
        yield running


def test_names_and_options(engine: chess.engine.SimpleEngine) -> None:
    assert re.search(r" \(tiny, [0-9a-f]{8}\)$", engine.id["name"])
    assert {"Hash", "Threads", "MultiPV", "Ponder", "UCI_ShowWDL"} <= set(engine.options)
    assert "UCI_Chess960" not in engine.options
    engine.configure({"Hash": 16, "Threads": 1, "CPuct": "2.0", "Temperature": "0", "UCI_ShowWDL": True})
    with pytest.raises(chess.engine.EngineError, match="MultiPV"):
        engine.configure({"MultiPV": 2})  # python-chess sets it itself
    engine.ping()


def test_limits(engine: chess.engine.SimpleEngine) -> None:
    board = chess.Board()
    limits = [
        chess.engine.Limit(nodes=40),
        chess.engine.Limit(time=0.05),
        chess.engine.Limit(depth=2),
        chess.engine.Limit(white_clock=1.0, black_clock=1.0, white_inc=0.05, black_inc=0.05),
        chess.engine.Limit(white_clock=1.0, black_clock=1.0, remaining_moves=20),
    ]
    for limit in limits:
        played = engine.play(board, limit, info=chess.engine.INFO_ALL, game=object())
        assert played.move in board.legal_moves
        board.push(played.move)
        assert played.ponder is None or played.ponder in board.legal_moves
    assert engine.analyse(board, chess.engine.Limit(nodes=64))["nodes"] == 64


def test_mates_wdl_and_root_moves(engine: chess.engine.SimpleEngine) -> None:
    found = engine.analyse(MATE_IN_TWO, chess.engine.Limit(time=60))
    assert found["score"] == chess.engine.PovScore(chess.engine.Mate(2), chess.WHITE)
    assert found["pv"][0] == chess.Move.from_uci("a1a6")
    assert found["wdl"].white().wins == 1000
    only = [chess.Move.from_uci("a1a2"), chess.Move.from_uci("a1a3")]
    lines = engine.analyse(MATE_IN_TWO, chess.engine.Limit(nodes=100), multipv=5, root_moves=only)
    assert {line["pv"][0] for line in lines} == set(only)
    assert [line["multipv"] for line in lines] == [1, 2]


def test_analysis_without_end_is_stopped(engine: chess.engine.SimpleEngine) -> None:
    with engine.analysis(chess.Board()) as analysis:
        for info in analysis:
            if info.get("nodes", 0) > 1:
                break
        analysis.stop()
        best = analysis.wait()
    assert best.move in chess.Board().legal_moves


def test_pondering(engine: chess.engine.SimpleEngine) -> None:
    board = chess.Board()
    limit = chess.engine.Limit(white_clock=5.0, black_clock=5.0)
    first = engine.play(board, limit, ponder=True)
    board.push(first.move)
    board.push(first.ponder or next(iter(board.legal_moves)))
    second = engine.play(board, limit, ponder=True)  # a hit
    board.push(second.move)
    board.push(max(board.legal_moves, key=lambda move: (move != second.ponder, move.uci())))
    assert engine.play(board, limit).move in board.legal_moves  # a miss


def test_only_the_protocol_is_on_standard_output(net: Path) -> None:
    lines = b"uci\n\xff\xfe garbage\nisready\nposition startpos moves e2e4\ngo infinite\nquit\n"
    done = subprocess.run(command(net), input=lines, capture_output=True, check=True, timeout=120)
    said = done.stdout.decode().splitlines()
    assert all(line.split()[0] in ("id", "option", "uciok", "readyok", "info", "bestmove") for line in said)
    assert said[-1].startswith("bestmove ")
    assert b"Traceback" not in done.stderr
    assert subprocess.run(command(net), input=b"uci", capture_output=True, check=True, timeout=60).stdout.endswith(b"uciok\n")


def test_the_greeting_waits_for_nothing_heavy(net: Path) -> None:
    program = (
        "import sys; from pawnzero.cli.main import main; main(); print(sorted({'torch', 'numba', 'chess'} & set(sys.modules)))"
    )
    arguments = [sys.executable, "-c", program, *command(net)[3:]]
    assert subprocess.run(arguments, input=b"uci\n", capture_output=True, check=True).stdout.endswith(b"uciok\n[]\n")


def test_the_name_says_which_net_it_is(agent_dir: Path, net: Path) -> None:
    def name(path: Path) -> str:
        return cli_uci._name(str(path))

    best = agent_dir / "checkpoints" / "best.pt"
    step = Agent.open(agent_dir).metadata["best"]["step"]
    assert re.fullmatch(rf"{agent_dir.name}, step {step}, [0-9a-f]{{8}}", name(agent_dir))
    assert name(best)[-8:] == name(agent_dir)[-8:] != name(net)[-8:]
    best.write_bytes(best.read_bytes() + b"another")  # than metadata.json tells of
    assert re.fullmatch(rf"{agent_dir.name}, [0-9a-f]{{8}}", name(agent_dir))
    best.unlink()
    assert re.fullmatch(rf"{agent_dir.name}, [0-9a-f]{{8}}", name(agent_dir))


def test_what_is_no_engine(cli: Any, agent_dir: Path, net: Path, tmp_path: Path) -> None:
    assert "no such file or directory" in cli("uci", tmp_path / "none").error()
    assert "no agent here" in cli("uci", tmp_path).error()
    (agent_dir / "checkpoints" / "best.pt").unlink()
    (agent_dir / "checkpoints" / "latest.pt").unlink()
    assert "no net yet" in cli("uci", agent_dir).error()
    four = tmp_path / "Four"
    assert cli("selfplay", four, "--game", "connect_four", "--games", "1", "--sims", "2", "--device", "cpu").code == 0
    assert "plays connect_four, expected a player of chess" in cli("uci", four).error()
    assert "plays connect_four, expected a player of chess" in cli("uci", "shipped:connect_four").error()


def test_a_gui_is_shown_what_is_wrong_with_the_settings(net: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.json"
    wrong.write_text("{")
    done = subprocess.run([*command(net), "--config", str(wrong)], input=b"uci\n", capture_output=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stdout.startswith(b"info string error: ")
    assert b"wrong.json: not JSON" in done.stdout


def test_a_net_that_cannot_be_loaded_ends_the_engine(net: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.pt"
    damaged.write_bytes(net.read_bytes()[:2000])
    done = subprocess.run(command(damaged), input=b"isready\n", capture_output=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stdout.startswith(b"info string error: ")
    assert b"readyok" not in done.stdout
    assert done.stderr.decode().splitlines()[-1].startswith("pawnzero uci: error: ")
    with pytest.raises(PawnzeroError, match="plays connect_four, expected a player of chess"):
        load_net(str(save_net(tmp_path / "four.pt", "connect_four")), "cpu", 0, print)


def test_an_agent_without_a_best_net_plays_its_latest(agent_dir: Path) -> None:
    told: List[str] = []
    load_net(str(agent_dir), "cpu", 0, told.append)
    assert "best.pt" in told[-1]
    (agent_dir / "checkpoints" / "best.pt").unlink()
    load_net(str(agent_dir), "cpu", 0, told.append)
    assert "no best net yet, so the latest one plays" in told[-2]
    assert "latest.pt" in told[-1]


def test_threads_are_the_net_s_cores(net: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = core_count()
    monkeypatch.setattr("pawnzero.engine.net.usable_cores", lambda: 2)
    told: List[str] = []
    try:
        assert load_net(str(net), "cpu", 1, print).leaves == 8
        assert core_count() == torch.get_num_threads() == 1
        assert load_net(str(net), "cpu", 2, print).leaves == 16
        assert core_count() == torch.get_num_threads() == 2
        assert load_net(str(net), "cpu", 1024, told.append).leaves == 16
        assert core_count() == 2
        assert told[0] == "Threads is 1024, but the net runs on 2, all the cores there are"
    finally:
        use_cores(0)
    assert core_count() == before


def test_as_a_player_of_the_arena(net: Path) -> None:
    game = get_game("chess")
    quoted = " ".join(map(shlex.quote, command(net)))
    with parse_player(f"uci:{quoted};nodes=16;Threads=1", game=game) as engine, parse_player(
        str(net), game=game, device="cpu", simulations=16
    ) as ours:
        line = Line(game, max_plies=12)
        while not line.over:
            (action,) = (engine if line.player else ours).choose([line])
            assert isinstance(action, int)
            line.push(action)


@pytest.mark.skipif(not STOCKFISH, reason="no stockfish here (on Debian: apt-get install stockfish)")
def test_whole_games_against_stockfish(engine: chess.engine.SimpleEngine) -> None:
    with chess.engine.SimpleEngine.popen_uci(str(STOCKFISH)) as stockfish:
        stockfish.configure({"Skill Level": 0})
        for ours in (chess.WHITE, chess.BLACK):
            board, game = chess.Board(), object()
            while not board.is_game_over(claim_draw=True) and board.ply() < 160:
                player, nodes = (engine, 12) if board.turn == ours else (stockfish, 300)
                played = player.play(board, chess.engine.Limit(nodes=nodes), game=game)
                assert played.move is not None
                board.push(played.move)
            assert board.ply() > 4
