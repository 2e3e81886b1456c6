"""The rules of chess against python-chess, above all where random play seldom comes: pins, en passant, castling, endings."""

from __future__ import annotations

import chess
import numpy as np
import pytest

from pawnzero.checks.rules import check_rules, random_games
from pawnzero.errors import UsageError
from pawnzero.games.base import ONGOING
from pawnzero.games.chess import GAME
from pawnzero.games.chess.actions import INDEX

EN_PASSANT = [
    "rnbqkbnr/ppp1pppp/8/8/3pP3/8/PPPP1PPP/RNBQKBNR b KQkq e3 0 3",
    "4k3/8/8/2PpP3/8/8/8/4K3 w - d6 0 1",  # from both sides
    "8/8/8/K2pP2r/8/8/8/4k3 w - d6 0 1",  # both pawns leave the king's rank
    "8/8/8/8/k2Pp2Q/8/8/4K3 b - d3 0 1",
    "8/8/8/K1PpP2r/8/8/8/4k3 w - d6 0 1",  # a third pawn shields the king
    "4r1k1/8/8/3pP3/8/8/8/4K3 w - d6 0 1",  # pinned on the file
    "4k3/6b1/8/4Pp2/8/2K5/8/8 w - f6 0 1",  # pinned, along the capture
    "4k3/b7/8/2pP4/8/4K3/8/8 w - c6 0 1",  # the pawn taken shields the king on a diagonal
    "b3k3/8/8/2Pp4/8/8/8/7K w - d6 0 1",  # the same, and the taker cannot shield it in turn
    "8/8/8/2k5/3Pp3/8/8/4K3 b - d3 0 1",  # takes the checking pawn
    "8/8/8/8/1k1Pp3/8/8/4K3 b - d3 0 1",
    "4k3/8/8/1KPp3r/8/8/8/8 w - d6 0 1",
    "3rk3/8/8/3pP3/8/3K4/8/8 w - d6 0 1",  # opens the file of the pawn taken, and closes it
    "4k3/8/8/3pP3/7b/8/8/4K3 w - d6 0 1",  # in check from elsewhere
    "4k3/8/8/3pP3/8/5n2/8/4K3 w - d6 0 1",  # the same as no game can bring it about, but a FEN can
]
CASTLING = [
    "r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 0 1",
    "r3k2r/8/8/8/8/8/8/R3K2R b KQkq - 0 1",
    "r3k2r/8/8/8/8/5r2/8/R3K2R w KQkq - 0 1",  # through check
    "r3k2r/8/8/8/8/6r1/8/R3K2R w KQkq - 0 1",  # into check
    "r3k2r/8/8/8/8/4r3/8/R3K2R w KQkq - 0 1",  # out of check
    "1r2k3/8/8/8/8/8/8/R3K2R w KQ - 0 1",  # only the rook passes an attacked square
    "r3k2r/8/8/8/8/3n4/8/R3K2R w Qkq - 0 1",
    "r3k2r/6P1/8/8/8/8/1p6/R3K2R w KQkq - 0 1",
    "r3k2r/1P4P1/8/8/8/8/8/4K3 w kq - 0 1",  # promotes on the rook's square
    "rn2k1nr/8/8/8/8/8/8/RN2K1NR b KQkq - 4 1",
    "r3k2r/8/8/8/8/8/6B1/4K3 w kq - 0 1",  # takes a rook
]
CHECKS_AND_PINS = [
    "4k3/4r3/8/8/8/5n2/8/4K2R w K - 0 1",  # double check
    "4r1k1/8/8/b7/4B3/2N5/3P4/4K3 w - - 0 1",
    "3rk3/8/8/b7/7b/2P3P1/3Q4/3K4 w - - 0 1",
    "4k3/8/8/8/7q/8/5P2/4K3 w - - 0 1",  # a pinned pawn
    "4k3/8/8/8/1b6/4q3/3P4/4K3 w - - 0 1",
    "6k1/8/8/1q6/8/3P4/4R3/5K2 w - - 0 1",
    "rnbqkbnr/pppp1ppp/8/4p3/4P3/5Q2/PPPP1PPP/RNB1KBNR b KQkq - 1 2",
    "8/8/8/8/8/4k3/4q3/4K3 w - - 0 1",
    "7k/8/8/8/8/5p2/6p1/6K1 w - - 0 1",
]
PROMOTIONS = [
    "5n1k/4P3/8/8/8/8/8/K7 w - - 0 1",
    "k7/8/8/8/8/8/4p3/3N3K b - - 0 1",
    "r1n5/1P5k/8/8/8/8/8/K7 w - - 0 1",
    "1n5k/P7/8/8/8/8/8/K7 w - - 0 1",
    "6nk/7P/8/8/8/8/8/K7 w - - 0 1",
    "6k1/3P4/8/8/8/8/8/K7 w - - 0 1",  # gives check, or is taken
    "4r1K1/5P2/8/8/8/8/k7/8 w - - 0 1",  # pinned on the last rank
]
ENDINGS = [
    "8/8/4k3/8/8/3RK3/8/8 w - - 99 90",
    "7k/8/6K1/8/8/8/8/R7 w - - 99 80",  # mate on the hundredth ply is mate
    "7k/8/6K1/5Q2/8/8/8/8 w - - 99 80",  # so is stalemate
    "8/8/4k3/8/8/3RK3/8/8 w - - 100 90",
    "8/8/4k3/8/8/3RK3/8/8 w - - 120 90",
    "7k/5Q2/8/8/8/8/8/K7 b - - 0 1",
    "R5k1/5ppp/8/8/8/8/8/K7 b - - 0 1",
    "8/8/4k3/8/8/3K4/4q3/8 w - - 0 1",  # takes, and only kings are left
]
MATERIAL = [
    "8/8/4k3/8/8/3K4/8/8 w - - 0 1",
    "8/8/4k3/8/8/3KN3/8/8 w - - 0 1",
    "8/8/4k3/8/8/3KN3/8/8 b - - 0 1",
    "8/8/4k3/8/8/3KB3/8/8 w - - 0 1",
    "8/8/4k3/8/8/3KNN2/8/8 b - - 0 1",
    "8/8/4kn2/8/8/3KN3/8/8 w - - 0 1",
    "8/8/4kb2/8/8/3KN3/8/8 w - - 0 1",
    "8/8/4kb2/8/8/3KB3/8/8 w - - 0 1",  # bishops of unlike colours
    "8/8/4k1b1/8/8/3KB3/8/8 w - - 0 1",
    "8/4k3/3b2b1/8/8/4B3/8/2K5 b - - 0 1",
    "k7/4b3/8/6b1/8/8/3B4/7K b - - 0 1",
    "8/4b3/3bk3/8/8/3KB3/8/8 b - - 0 1",
    "8/8/4k3/8/8/3KNB2/8/8 w - - 0 1",
    "8/8/5k2/8/8/3KR3/8/8 w - - 0 1",
    "8/8/5k2/8/8/3KQ3/8/8 w - - 0 1",
    "8/8/4k3/4p3/8/3K4/8/8 w - - 0 1",
]
SPECIAL = EN_PASSANT + CASTLING + CHECKS_AND_PINS + PROMOTIONS + ENDINGS + MATERIAL
MOST_MOVES = "R6R/3Q4/1Q4Q1/4Q3/2Q4Q/Q4Q2/pp1Q4/kBNN1KB1 w - - 0 1"


def ending_by_python_chess(board):
    if not any(board.legal_moves):
        return "checkmate" if board.is_check() else "stalemate"
    if board.is_insufficient_material():
        return "insufficient material"
    return "fifty moves" if board.is_fifty_moves() else "ongoing"


def compare(state, board):
    """Everything the rules say of a position is what python-chess says; returns what they say."""
    positions = GAME.look(state)
    assert GAME.format(state) == board.fen()
    assert GAME.endings[positions.ending[0]] == ending_by_python_chess(board), board.fen()
    names = [GAME.format_action(state, action) for action in positions.legal[0, : positions.count[0]]]
    if positions.ending[0] == ONGOING:
        assert sorted(names) == sorted(move.uci() for move in board.legal_moves), board.fen()
    else:
        assert not names
    return positions


@pytest.mark.parametrize("fen", SPECIAL)
def test_special_positions_and_what_follows(fen):
    board = chess.Board(fen)
    positions = compare(GAME.parse(fen), board)
    for action in positions.legal[0, : positions.count[0]]:
        board.push_uci(GAME.format_action(positions.state[0], action))
        compare(GAME.after(positions.state[0], action), board)
        board.pop()


def test_special_positions_mirrored():
    for fen in SPECIAL:
        board = chess.Board(fen).mirror()
        compare(GAME.parse(board.fen(en_passant="fen")), board)


def test_random_play_is_as_python_chess_plays_it():
    (row,) = check_rules(plies=20_000, seed=3)
    assert row.found == row.expected


def test_most_legal_moves_fit():
    assert GAME.look(GAME.parse(MOST_MOVES)).count[0] == GAME.max_legal


def test_more_moves_than_fit_stay_in_their_row():
    board = chess.Board("1Q2QQ1k/7Q/2Q5/Q5Q1/3Q2Q1/Q7/Q6Q/KQ2QQ2 w - - 0 1")
    assert board.legal_moves.count() > GAME.max_legal
    pieces = [
        board.pawns,
        board.knights,
        board.bishops,
        board.rooks,
        board.queens,
        board.kings,
        board.occupied_co[chess.WHITE],
        0,
    ]
    positions = GAME.allocate(3)
    positions.state[:] = GAME.initial()
    positions.state[1] = np.array(pieces, np.uint64)
    GAME.inspect(positions)
    assert positions.count.tolist() == [20, GAME.max_legal, 20]
    assert positions.legal[2, :20].tolist() == GAME.look(GAME.initial()).legal[0, :20].tolist()


def test_counters_do_not_overflow():
    state = GAME.parse("8/8/4k3/8/8/3RK3/8/8 b - - 255 65535")
    e6, e7 = chess.E6 ^ 56, chess.E7 ^ 56
    assert GAME.format(GAME.after(state, int(INDEX[e6, e7, 0]))).endswith(" 255 65535")


def key(fen):
    return int(GAME.look(GAME.parse(fen)).key[0])


def test_keys_ignore_counters_and_illegal_en_passant():
    base = key("rnbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR b KQkq - 0 1")
    assert base == key("rnbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR b KQkq e3 7 9")
    assert base != key("rnbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR w KQkq - 0 1")
    assert base != key("rnbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR b KQk - 0 1")
    assert key("4k3/8/8/3pP3/8/8/8/4K3 w - d6 0 1") != key("4k3/8/8/3pP3/8/8/8/4K3 w - - 0 1")
    assert key("4r1k1/8/8/3pP3/8/8/8/4K3 w - d6 0 1") == key("4r1k1/8/8/3pP3/8/8/8/4K3 w - - 0 1")


def test_keys_tell_a_position_from_its_mirror_image():
    assert key("4k3/8/8/8/8/8/4P3/4K3 w - - 0 1") != key("4k3/4p3/8/8/8/8/8/4K3 b - - 0 1")


def test_keys_of_random_play_are_those_of_equal_positions():
    names = {}
    for line, _ in random_games(plies=4000, seed=11):
        name = line.game.format(line.state).rsplit(" ", 2)[0]
        assert names.setdefault(line.keys[-1], name) == name
    assert len(set(names.values())) == len(names)


def test_reversible_counts_from_the_last_capture_or_pawn_move():
    assert GAME.look(GAME.initial()).reversible[0] == 0
    assert GAME.look(GAME.parse("8/8/4k3/8/8/3RK3/8/8 w - - 42 90")).reversible[0] == 42
    assert GAME.look(GAME.parse("8/8/4k3/8/8/3RK3/8/8 w - - 150 90")).reversible[0] == GAME.max_reversible


@pytest.mark.parametrize(
    ("fen", "complaint"),
    [
        ("", "FEN"),
        ("no position", "FEN"),
        ("8/8/8/8/8/8/8/8 w - - 0 1", "empty"),
        ("rnbq1bnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w - - 0 1", "Black has no king"),
        ("4k3/8/8/8/8/8/8/3KK3 w - - 0 1", "king"),
        ("4k3/8/8/8/8/8/8/P3K3 w - - 0 1", "pawn"),
        ("4k3/8/8/8/8/8/4R3/4K3 w - - 0 1", "check"),
        ("rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBN1 w KQkq - 0 1", "castling"),
        ("4k3/8/8/8/8/8/8/4K3 w - e6 0 1", "en-passant"),
        ("4k3/8/8/8/8/8/PPPPPPPP/QQ2K3 w - - 0 1", "White has more men"),
        ("4k3/8/8/8/8/8/8/4K3 w - - 256 1", "halfmove clock 256"),
        ("4k3/8/8/8/8/8/8/4K3 w - - 0 65536", "move number 65536"),
        ("4k3/8/8/8/8/8/8/4K3 x - - 0 1", "FEN"),
    ],
)
def test_what_is_no_position_is_refused(fen, complaint):
    with pytest.raises(UsageError, match=complaint) as raised:
        GAME.parse(fen)
    assert repr(fen) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_startpos():
    assert GAME.format(GAME.initial()) == chess.STARTING_FEN
    assert GAME.parse("startpos").tolist() == GAME.parse(chess.STARTING_FEN).tolist() == GAME.initial().tolist()


@pytest.mark.parametrize(
    ("fen", "same"),
    [
        ("r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 0 1", ("e1g1", "e1h1", "O-O")),
        ("r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 0 1", ("e1c1", "e1a1", "O-O-O")),
        ("r3k2r/8/8/8/8/8/8/R3K2R b KQkq - 0 1", ("e8g8", "e8h8", "0-0", "O-O+")),
        ("3k4/8/8/8/8/8/8/K3R3 w - - 0 1", ("e1g1", "Rg1")),
        ("3k4/4P3/8/8/8/8/8/4K3 b - - 0 1", ("d8e7", "Kxe7")),
        ("6k1/3P4/8/8/8/8/8/4K3 w - - 0 1", ("d7d8n", "d8=N", "d8N")),
        ("6k1/3P4/8/8/8/8/8/4K3 w - - 0 1", ("d7d8q", "d8=Q+")),
        ("4k3/8/8/8/8/8/3p4/6K1 b - - 0 1", ("d2d1r", "d1=R+")),
    ],
)
def test_notations_of_one_move(fen, same):
    state = GAME.parse(fen)
    found = {GAME.parse_action(state, text) for text in same}
    assert len(found) == 1
    assert GAME.format_action(state, found.pop()) == same[0]


@pytest.mark.parametrize("text", ["", "e2e5", "e2e4q", "e7e5", "Nf9", "0000", "--", "O-O", "a1a9", "N"])
def test_what_is_no_move_is_refused(text):
    with pytest.raises(UsageError, match="not a legal move in rnbqkbnr/") as raised:
        GAME.parse_action(GAME.initial(), text)
    assert repr(text) in str(raised.value)


@pytest.mark.parametrize(
    ("fen", "text"),
    [
        ("6k1/3P4/8/8/8/8/8/4K3 w - - 0 1", "d7d8"),
        ("6k1/8/8/8/8/8/8/R3K2R w - - 0 1", "e1g1"),
        ("6k1/8/8/8/8/8/4K3/R6R w - - 0 1", "Rd9"),
        ("6k1/8/8/8/8/4K3/8/R6R w - - 0 1", "Rd1"),  # which of them?
    ],
)
def test_illegal_and_ambiguous_moves_are_refused(fen, text):
    with pytest.raises(UsageError, match="not a legal move"):
        GAME.parse_action(GAME.parse(fen), text)


def test_no_move_follows_an_ended_game():
    with pytest.raises(UsageError, match="insufficient material"):
        GAME.parse_action(GAME.parse("8/8/4k3/8/8/3K4/8/8 w - - 0 1"), "d3d4")


def test_the_board_as_text_is_python_chess_s_with_coordinates():
    for fen in (chess.STARTING_FEN, CASTLING[8], "rnbqkbnr/ppp1pppp/8/8/3pP3/8/PPPP1PPP/RNBQKBNR b KQkq e3 0 3"):
        lines = GAME.draw(GAME.parse(fen)).splitlines()
        assert [line[3:] for line in lines[:8]] == str(chess.Board(fen)).splitlines()
        assert [line[0] for line in lines[:8]] == list("87654321")
        assert lines[-1].split() == list("abcdefgh")
