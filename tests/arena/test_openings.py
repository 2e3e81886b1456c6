"""Openings: the built-in list, the ones found by enumeration, and users' files."""

from __future__ import annotations

import os
import threading

import chess
import numpy as np
import pytest

from pawnzero.arena import openings as subject
from pawnzero.arena.openings import openings, read_openings
from pawnzero.arena.pgn import format_game
from pawnzero.errors import UsageError
from pawnzero.games import get_game
from pawnzero.games.duplicates import position_keys
from pawnzero.games.line import Line
from pawnzero.games.tic_tac_toe import TicTacToe

CHESS = get_game("chess")
BUILT_IN = subject._DATA / "openings_chess.txt"


def played(lines):
    return [tuple(line.actions) for line in lines]


def test_built_in_list_is_long_legal_and_distinct():
    positions = set()
    listed = list(read_openings(BUILT_IN, CHESS))
    for opening in listed:
        board = chess.Board()
        for move in opening.moves:
            board.push_uci(move)
        positions.add(board.epd())
        assert 6 <= len(opening.moves) <= 10
        assert not board.is_game_over()
    assert len(positions) == len(listed) >= 500


def test_our_rules_play_the_built_in_openings():
    for line in openings(CHESS, 25, seed=3):
        board = chess.Board()
        for state, action in zip(line.states, line.actions):
            board.push_uci(CHESS.format_action(state, action))
        assert CHESS.format(line.state) == board.fen()


def test_seed_fixes_the_order():
    assert played(openings(CHESS, 8, seed=1)) == played(openings(CHESS, 8, seed=1))
    assert played(openings(CHESS, 8, seed=1)) != played(openings(CHESS, 8, seed=2))
    assert played(openings(CHESS, 5, seed=1)) == played(openings(CHESS, 8, seed=1))[:5]


@pytest.mark.parametrize(
    ("name", "count"), [("tic_tac_toe", 1), ("tic_tac_toe", 50), ("connect_four", 60), ("connect_four", 300)]
)
def test_other_games_get_distinct_positions_of_one_depth(name, count):
    lines = openings(get_game(name), count, seed=0)
    assert len(lines) == count
    assert len({line.keys[-1] for line in lines}) == count
    assert len({len(line.actions) for line in lines}) == 1
    assert not any(line.over for line in lines)


@pytest.mark.parametrize(
    ("name", "count", "plies"), [("connect_four", 49, 3), ("connect_four", 500, 4), ("tic_tac_toe", 100, 4)]
)
def test_no_built_in_opening_is_the_mirror_image_of_another(name, count, plies):
    game = get_game(name)
    lines = openings(game, count, seed=0)
    assert len(set(position_keys(game, np.stack([line.state for line in lines])))) == count
    assert {len(line.actions) for line in lines} == {plies}
    assert played(lines) == played(openings(game, count, seed=0)) != played(openings(game, count, seed=1))


def test_where_there_are_too_few_kinds_images_follow_and_then_the_same_again():
    game = get_game("tic_tac_toe")
    lines = openings(game, 756, seed=0)  # all positions of four men; those that differ by more than a turn are 108
    keys = position_keys(game, np.stack([line.state for line in lines]))
    assert len(set(keys[:108])) == len(set(keys)) == 108
    assert len({line.keys[-1] for line in lines}) == 756
    most = played(openings(game, 3000, seed=0))
    assert len(set(most)) == 1372
    assert most[1372:] == most[: 3000 - 1372]


class Lopsided(TicTacToe):
    """A game without symmetries."""

    name = "lopsided"
    symmetries = 1
    cell_map = TicTacToe.cell_map[:1]


def test_a_game_without_symmetries_begins_in_as_few_plies_as_there_are_positions_for():
    assert {len(line.actions) for line in openings(Lopsided(), 72, seed=0)} == {2}
    assert len({line.keys[-1] for line in openings(Lopsided(), 72, seed=0)}) == 72


def test_more_than_there_are_come_again_after_all_were_used(tmp_path):
    file = tmp_path / "few.epd"
    file.write_text("e2e4\nd2d4 d7d5\n\n# a comment\ng1f3  # another\n")
    lines = openings(CHESS, 7, seed=4, file=file)
    assert len(set(played(lines[:3]))) == 3
    assert played(lines[3:6]) == played(lines[:3])
    assert len(lines) == 7


@pytest.mark.parametrize(
    "rest", ["30 70", "30 70;", '30 70 id "x";', '30 70 id "game #3"; c0 "y"; # z', 'id "#1"; hmvc 30; fmvn 70;', "30 70 # z"]
)
def test_counters_are_kept_whatever_follows(tmp_path, rest):
    file = tmp_path / "late.epd"
    file.write_text(f"4k3/8/8/8/8/8/8/4K2R w - - {rest}\n")
    (line,) = openings(CHESS, 1, seed=0, file=file)
    assert CHESS.format(line.state) == "4k3/8/8/8/8/8/8/4K2R w - - 30 70"


def test_epd_and_fen_lines(tmp_path):
    after_e4 = "rnbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR b KQkq -"
    file = tmp_path / "some.epd"
    file.write_text(
        f'{after_e4} bm e5; id "one; two";\n4k3/8/8/8/8/8/8/4K2R w K - hmvc 7; fmvn 30;\n4k3/8/8/8/8/8/8/R3K3 w Q - 3 9\n'
    )
    got = sorted(CHESS.format(line.state) for line in openings(CHESS, 3, seed=0, file=file))
    assert got == ["4k3/8/8/8/8/8/8/4K2R w K - 7 30", "4k3/8/8/8/8/8/8/R3K3 w Q - 3 9", after_e4 + " 0 1"]


def test_pgn_main_lines(tmp_path):
    file = tmp_path / "some.pgn"
    file.write_text(
        '[Event "a"]\n\n1. e4 (1. d4 d5) e5 {a comment} 2. Nf3 *\n\n'
        '[Event "b"]\n[SetUp "1"]\n[FEN "4k3/8/8/8/8/8/8/4K2R w K - 0 1"]\n\n1. O-O *\n'
    )
    short, long = sorted(openings(CHESS, 2, seed=0, file=file), key=lambda line: len(line.actions))
    assert CHESS.format(long.state).startswith("rnbqkbnr/pppp1ppp/8/4p3/4P3/5N2/PPPP1PPP/RNBQKB1R b KQkq -")
    assert len(long.states) == 4
    assert CHESS.format(short.state).startswith("4k3/8/8/8/8/8/8/5RK1 b - -")


def test_of_a_game_of_the_arena_the_given_plies_are_the_opening(tmp_path):
    file = tmp_path / "match.pgn"
    file.write_text('[Event "a"]\n[GivenPlies "2"]\n\n1. f3 e5 2. g4 Qh4# 0-1\n\n[Event "b"]\n[GivenPlies "0"]\n\n1. e4 *\n\n')
    (line,) = openings(CHESS, 1, seed=0, file=file)
    assert [CHESS.format_action(state, action) for state, action in zip(line.states, line.actions)] == ["f2f3", "e7e5"]


def test_the_same_position_counts_once(tmp_path):
    file = tmp_path / "twice.txt"
    file.write_text("e2e4 e7e5 g1f3\ng1f3 e7e5 e2e4\nd2d4\n")
    assert len({line.keys[-1] for line in openings(CHESS, 2, seed=0, file=file)}) == 2
    assert played(openings(CHESS, 3, seed=0, file=file))[2] == played(openings(CHESS, 3, seed=0, file=file))[0]


@pytest.mark.parametrize(
    ("variant", "fine"),
    [
        ("Standard", True),
        ("From Position", True),
        ("Chess960", False),
        ("Crazyhouse", False),
        ("Atomic", False),
        ("Loop", False),
    ],
)
def test_games_of_variants_are_refused(tmp_path, variant, fine):
    path = tmp_path / "games.pgn"
    path.write_text(f'[White "a"]\n\n1. e4 *\n\n[Variant "{variant}"]\n[White "b"]\n\n1. d4 *\n')
    if fine:
        assert len(openings(CHESS, 2, 0, path)) == 2
        return
    with pytest.raises(UsageError, match=rf"games.pgn: the game after line \d+: a game of {variant}, expected one of chess"):
        openings(CHESS, 2, 0, path)


def test_other_games_read_moves_and_positions(tmp_path):
    game = get_game("connect_four")
    file = tmp_path / "four.txt"
    file.write_text("4 4 4\n" + game.format(Line.from_actions(game, [0, 1]).state) + "\n")
    lines = sorted(openings(game, 2, seed=0, file=file), key=lambda line: len(line.actions))
    assert [line.actions for line in lines] == [[], [3, 3, 3]]
    assert (lines[0].state == Line.from_actions(game, [0, 1]).state).all()


def test_other_games_read_what_their_matches_wrote(tmp_path):
    game = get_game("tic_tac_toe")
    centre, start = Line.from_actions(game, [4]), game.parse("x../.o./... x")
    written = [centre, Line.from_actions(game, [8, 7], start), Line(game)]
    file = tmp_path / "games.pgn"
    file.write_text("".join(format_game(game, {"Event": "a match", "Game": game.name}, line, None) for line in written))
    lines = sorted(openings(game, 2, seed=0, file=file), key=lambda line: len(line.actions))
    assert [line.actions for line in lines] == [[4], [8, 7]]
    assert (lines[1].states[0] == start).all()
    file.write_text(format_game(game, {"Event": "a match"}, centre, None).replace("5 *", "5 5 *"))
    with pytest.raises(UsageError, match=r"games\.pgn: game 1: move '5' in"):
        openings(game, 1, seed=0, file=file)


def test_a_matchs_own_games_give_the_openings_that_it_was_given(tmp_path, cli):
    game, file = get_game("tic_tac_toe"), tmp_path / "match.pgn"
    assert cli("arena", "random", "random", "--game", game.name, "--games", "20", "--pgn", file).code == 0
    given = {line.keys[-1] for line in openings(game, 10, seed=0)}
    assert {line.keys[-1] for line in openings(game, 10, seed=3, file=file)} <= given
    again = cli("arena", "random", "random", "--game", game.name, "--games", "4", "--openings", file, "--json")
    assert again.json()["games"] == 4
    file.write_text("\n\n" + file.read_text())
    assert openings(game, 1, seed=0, file=file)


def test_one_move_is_a_move_where_it_might_be_a_position(tmp_path):
    (tmp_path / "four.txt").write_text("4\n")
    assert openings(get_game("connect_four"), 1, seed=0, file=tmp_path / "four.txt")[0].actions == [3]


def test_files_as_other_programs_write_them(tmp_path):
    expected = [Line.from_actions(CHESS, [CHESS.parse_action(CHESS.initial(), "e2e4")]).keys[-1]]
    for name, data in (
        ("latin.pgn", b'[White "Andr\xe9"]\n\n1. e4 *\n'),
        ("blank lines first.txt", b'\n\n[Event "x"]\n\n1. e4 *\n'),
        ("dos.epd", b"\xef\xbb\xbf# Andr\xc3\xa9\r\n1. e4\r\n\x1a"),
        ("latin.epd", b"e4 # Andr\xe9\n"),
    ):
        (tmp_path / name).write_bytes(data)
        assert [line.keys[-1] for line in openings(CHESS, 1, seed=0, file=tmp_path / name)] == expected, name


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names are of Unix")
def test_openings_may_come_through_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=("e2e4\n",))
    writer.start()
    assert len(openings(CHESS, 1, seed=0, file=tmp_path / "pipe")[0].actions) == 1
    writer.join()


class WithCommas(TicTacToe):
    def parse(self, text):
        return super().parse(text.replace(",", "/"))


def test_a_position_need_not_look_like_a_fen(tmp_path):
    file = tmp_path / "commas.txt"
    file.write_text("x..,.o.,... x\n5 1\n")
    lines = sorted(openings(WithCommas(), 2, seed=0, file=file), key=lambda line: len(line.actions))
    assert [line.actions for line in lines] == [[], [4, 0]]
    assert lines[0].game.format(lines[0].state) == "x../.o./... x"


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("a.epd", "e2e4\nd2d5\n", "a.epd: line 2: .*d2d5"),
        ("a.epd", "\n8/8/8/8 w - -\n", "a.epd: line 2: "),
        ("a.epd", "f2f3 e7e5 g2g4 d8h4\n", "a.epd: line 1: the game is over after the opening \\(checkmate\\)"),
        ("a.epd", "# nothing\n", "a.epd: holds no opening"),
        (
            "a.pgn",
            '[Event "a"]\n\n1. e4 e5 *\n\n[Event "b"]\n\n1. e4 Ke4 *\n',
            "a.pgn: the game after line 4, before line 8: .*Ke4",
        ),
        ("a.pgn", '[Event "a"]\n[FEN "nonsense"]\n\n1. e4 *\n', "a.pgn: the first game"),
    ],
)
def test_bad_files_are_told_by_place(tmp_path, name, text, told):
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=told) as caught:
        openings(CHESS, 1, seed=0, file=tmp_path / name)
    assert "\n" not in str(caught.value)


def test_openings_leave_a_move_to_play(tmp_path):
    longest = max(len(line.actions) for line in openings(CHESS, 1000, seed=0))
    assert longest > 3
    assert {len(line.actions) for line in openings(CHESS, 1000, seed=0, max_plies=4)} <= {2, 3}
    assert {len(line.actions) for line in openings(get_game("connect_four"), 20, seed=0, max_plies=2)} == {1}
    file = tmp_path / "long.epd"
    file.write_text("e2e4\n\ne2e4 e7e5 g1f3 b8c6\n")
    assert len(openings(CHESS, 2, seed=0, file=file, max_plies=5)) == 2
    with pytest.raises(
        UsageError, match=r"long\.epd: line 3: an opening of 4 plies, expected fewer than max_plies, which is 4"
    ):
        openings(CHESS, 1, seed=0, file=file, max_plies=4)


def test_missing_and_binary_files(tmp_path):
    with pytest.raises(UsageError, match=r"none\.epd: cannot be read"):
        openings(CHESS, 1, seed=0, file=tmp_path / "none.epd")
    (tmp_path / "net.pt").write_bytes(bytes(range(256)))
    with pytest.raises(UsageError, match="is not text"):
        openings(CHESS, 1, seed=0, file=tmp_path / "net.pt")
