"""Games written as PGN are read back as they were played, and as other programs read them."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path
from typing import List

import chess.pgn
import numpy as np
import pytest

from pawnzero.arena.pgn import append_games, format_game, moves_of, movetext, read_games
from pawnzero.errors import PawnzeroError, UsageError
from pawnzero.games import GAME_NAMES, get_game
from pawnzero.games.base import Game
from pawnzero.games.line import Line

BLACK_MOVES = "r3k2r/pppq1ppp/2n2n2/3pp3/3PP3/2N2N2/PPPQ1PPP/R3K2R b KQkq - 4 8"


def _random_line(game: Game, seed: int, start: str = "startpos", plies: int = 80) -> Line:
    draw = np.random.default_rng(seed)
    line = Line(game, game.parse(start), plies)
    while not line.over:
        line.push(int(draw.choice(line.legal)))
    return line


@pytest.mark.parametrize("name", GAME_NAMES)
def test_what_was_written_is_read_back(tmp_path: Path, name: str) -> None:
    game = get_game(name)
    lines = [_random_line(game, seed) for seed in range(4)]
    if name == "chess":
        lines += [_random_line(game, seed, BLACK_MOVES) for seed in range(4)]
    path = tmp_path / "games.pgn"
    append_games(path, (format_game(game, {"White": f'"A" {n}'}, line, line.result) for n, line in enumerate(lines)))
    read = list(read_games(path))
    assert [written.headers["White"] for written in read] == [f"'A' {n}" for n in range(len(lines))]
    for written, line in zip(read, lines):
        again = written.replay(game)
        assert again.actions == line.actions
        assert np.array_equal(again.state, line.state)
        assert written.moves == moves_of(movetext(line))
        assert len(written.moves) == len(line.actions)


def test_other_programs_read_the_same_moves(tmp_path: Path) -> None:
    game = get_game("chess")
    line = _random_line(game, 9, BLACK_MOVES)
    other = chess.pgn.read_game(io.StringIO(format_game(game, {}, line, line.result)))
    assert other is not None
    assert [move.uci() for move in other.mainline_moves()] == _uci(line)


def test_headers_stand_in_the_standard_order() -> None:
    game = get_game("chess")
    line = _random_line(game, 9, BLACK_MOVES)
    written = format_game(game, {"Ending": "checkmate", "Black": "B", "White": "A"}, line, 1)
    names = [header.split()[0].lstrip("[") for header in written.split("\n\n")[0].splitlines()]
    assert names[:7] == ["Event", "Site", "Date", "Round", "White", "Black", "Result"]  # PGN standard, 8.1.1
    assert sorted(names[7:]) == ["Ending", "FEN", "PlyCount", "SetUp"]
    other = chess.pgn.read_game(io.StringIO(written))
    assert other is not None
    assert (other.headers["Event"], other.headers["PlyCount"]) == ("?", str(other.end().ply() - other.ply()))


def _uci(line: Line) -> List[str]:
    return [line.game.format_action(state, action) for state, action in zip(line.states, line.actions)]


def test_what_is_no_game_is_said(tmp_path: Path) -> None:
    game = get_game("tic_tac_toe")
    path = tmp_path / "games.pgn"
    path.write_text('[Result "1-0"]\n\n5 1 5 1-0\n\n')
    with pytest.raises(UsageError, match="'5'"):
        next(read_games(path)).replay(game)
    with pytest.raises(PawnzeroError, match=r"none\.pgn: cannot be read"):
        list(read_games(tmp_path / "none.pgn"))


def test_games_are_added_as_games_of_their_own(tmp_path: Path) -> None:
    game, path = get_game("chess"), tmp_path / "new" / "games.pgn"
    line = _random_line(game, 4, BLACK_MOVES)
    for end in ("", "\n", "\n\n"):
        append_games(path, [format_game(game, {"White": "first"}, line, None).rstrip("\n") + end])
    append_games(path, [format_game(game, {"White": "a na\udce9me that is no text"}, line, None)] * 2)
    with open(path, encoding="utf-8") as stream:
        found = [chess.pgn.read_game(stream) for _ in range(6)]
    assert [one and one.headers["White"] for one in found] == ["first"] * 3 + ["a na?me that is no text"] * 2 + [None]
    assert all(one is None or _uci(line) == [move.uci() for move in one.mainline_moves()] for one in found)


def test_where_there_is_no_room_nothing_is_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "games.pgn"
    append_games(path, ['[White "first"]\n\n*\n\n'])
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PawnzeroError, match=r"games\.pgn: cannot be written \(No space left on device\)"):
        append_games(path, ['[White "second"]\n\n*\n\n'])
    assert path.read_bytes() == before


def test_lines_and_names_keep_to_the_standard() -> None:
    """Fewer than 80 characters a line (8.2.1), and nothing in a header that a reader would have to unescape (7)."""
    line = _random_line(get_game("chess"), 5, plies=200)
    written = format_game(line.game, {"White": 'C:\\nets\\"a"\\'}, line, None)
    assert max(map(len, written.splitlines())) == 79
    assert "[White \"C:/nets/'a'/\"]" in written


def test_a_name_that_the_file_system_cannot_say_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def narrow(*arguments: object, **options: object) -> None:
        "ü".encode("ascii")

    monkeypatch.setattr("builtins.open", narrow)
    with pytest.raises(PawnzeroError, match=r"u.pgn: cannot be written \(the file system has no such name; give another\)"):
        append_games(tmp_path / "u.pgn", ["*"])
