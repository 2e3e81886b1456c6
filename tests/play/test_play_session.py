"""A game at the terminal: moves, and every word a person may type, in every game."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any, List, Optional, Sequence

import chess.pgn
import numpy as np
import pytest

from pawnzero.arena.players import Forfeit, Move, NetPlayer, Player, RandomPlayer, parse_player
from pawnzero.config import SearchConfig
from pawnzero.games import get_game
from pawnzero.games.line import Line
from pawnzero.play.screen import PlainScreen, TerminalScreen
from pawnzero.play.session import Session
from pawnzero.play.thinker import Thinker
from pawnzero.search import UniformEvaluator

CHESS, FOUR, THREE = (get_game(name) for name in ("chess", "connect_four", "tic_tac_toe"))
THINKER = Thinker(UniformEvaluator(), SearchConfig(), 30)


class First(Player):
    """Plays the first legal move, or gives up."""

    def __init__(self, resigns: bool = False) -> None:
        self.name = "first"
        self.details = {}
        self._resigns = resigns

    def choose(self, lines: Sequence[Line], numbers: Sequence[int] = ()) -> List[Move]:
        return [Forfeit("tired") if self._resigns else int(line.legal[0]) for line in lines]


@pytest.fixture
def play(capsys: pytest.CaptureFixture[str]) -> Any:
    """Plays a game with the words typed and returns what is shown."""

    def run(
        game: Any,
        *words: str,
        person: Optional[int] = 0,
        player: Optional[Player] = None,
        thinker: Optional[Thinker] = None,
        position: str = "startpos",
    ) -> str:
        screen = PlainScreen(iter([word + "\n" for word in words]))
        Session(game, game.parse(position), player or First(), person, thinker, screen).run()
        return capsys.readouterr().out

    return run


def boards(shown: str) -> List[List[str]]:
    """The boards shown, each as its lines."""
    blocks = [block.strip("\n").splitlines() for block in shown.split("\n\n")]
    return [block for block in blocks if len(block) > 2]


def test_moves_in_any_notation_and_the_answers(play: Any) -> None:
    shown = play(CHESS, "e4", "g1f3", "O-O", "exd5", "moves", "quit")
    assert "White: e4" in shown
    assert "White: Nf3" in shown
    assert shown.count("Black: ") == 2
    assert "played: 1. e4 a6 2. Nf3 " in shown
    for wrong in ("O-O", "exd5"):
        assert f"'{wrong}' is neither a legal move" in shown
    four = play(FOUR, "4", "44", "4")
    assert four.count("x: 4") == 2
    assert four.count("o: 1") == 2
    assert "'44' is neither a legal move" in four
    assert "legal are 4, 1, 2, 3, 5, 6, … (type moves for all)" in four


def test_without_a_search_the_net_alone_answers(cli: Any, agent_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("eval\nhint\nquit\n"))
    told = cli("play", agent_dir, "--sims", "0", "--device", "cpu").out
    assert re.search(r"White to move: win \d+ %, draw \d+ %, loss \d+ % \(the net alone, without a search\)", told)
    game = get_game("chess")
    with parse_player(str(agent_dir), game=game, device="cpu", simulations=0) as player:
        assert isinstance(player, NetPlayer)
        line = Line(game, game.parse("startpos"))
        look = Thinker(player.evaluator, SearchConfig(), 0).look(line)
        assert [look.moves[0].action] == player.choose([line])
        (wdl,) = player.assess([line])[1]
    assert f"hint: {game.describe_action(line.state, look.moves[0].action)}\n" in told
    assert len(look.moves) == 20
    assert sum(move.prior for move in look.moves) == pytest.approx(1.0)
    assert look.wdl == pytest.approx(tuple(wdl))


def test_an_illegal_move_names_near_ones(play: Any) -> None:
    shown = play(CHESS, "Nf9")
    assert "legal are Nf3, " in shown
    assert "legal are Kb1, Kxa2\n" in play(CHESS, "Ra9", position="8/8/8/8/8/2k5/r7/K7 w - - 0 1")


def test_the_board_is_that_of_the_game(play: Any) -> None:
    first, *_ = boards(play(CHESS))
    assert first[0] == "8 r n b q k b n r"
    assert first[-1] == "  a b c d e f g h"
    assert boards(play(FOUR, "2"))[1][-2:] == [". x . . . . .", "1 2 3 4 5 6 7"]
    assert boards(play(THREE, "5"))[1] == [". . .", ". x .", ". . ."]


def test_who_has_black_sees_the_board_turned_and_flip_turns_it(play: Any) -> None:
    shown = play(CHESS, "flip", person=1)
    turned, moved, flipped = boards(shown)
    assert turned[0] == "1 R N B K Q B N R"
    assert turned[-1] == "  h g f e d c b a"
    assert moved[0].startswith("1 ")
    assert flipped[0] == "8 r n b q k b n r"
    assert boards(play(FOUR, person=1))[0][-1] == "1 2 3 4 5 6 7"
    assert "the same way" in play(FOUR, "flip", person=1)


def test_undo_takes_back_to_the_person_s_move(play: Any) -> None:
    shown = play(FOUR, "undo", "4", "3", "undo", "undo", "moves", "5")
    assert shown.count("there is no move of yours to take back") == 1
    assert "played: –" in shown
    assert boards(shown)[-1][-2] == "o . . . x . ."
    second = play(FOUR, "undo", "7", "undo", "moves", person=1)
    assert "there is no move of yours" in second
    assert "played: 1\n" in second
    resigned = play(CHESS, "e4", "resign", "undo", "moves")
    assert "played: 1. e4 a6\n" in resigned


def test_games_end_and_begin_again(play: Any) -> None:
    won = play(FOUR, "4", "4", "4", "4", "5", "moves", "new", "moves")
    assert "four in a row: x wins" in won
    assert "'5': the game is over; expected new, undo, save FILE or quit" in won
    assert won.count("legal: –") == 1
    assert won.rstrip().endswith("legal: 1, 2, 3, 4, 5, 6, 7")
    assert "resignation: Black wins" in play(CHESS, "resign", "resign")
    assert "first forfeits the game: tired" in play(CHESS, "e4", player=First(resigns=True))
    assert "resignation: White wins" in play(CHESS, "e4", player=First(resigns=True))


def test_the_net_s_view(play: Any) -> None:
    mate = "6k1/5ppp/8/8/8/8/8/R3K3 w Q - 0 1"
    shown = play(CHESS, "eval", "hint", thinker=THINKER, position=mate)
    assert "White to move: win 100 %, draw 0 %, loss 0 %" in shown
    assert "Ra8#" in shown
    assert "wins in 1 ply" in shown
    assert "hint: Ra8#" in shown
    quiet = play(CHESS, "eval", thinker=THINKER)
    rows = [line.split() for line in quiet.splitlines() if line.endswith(tuple("abcdefgh12345678"))]
    assert any(len(row) > 8 and row[1].isdigit() for row in rows)
    assert play(CHESS, "eval", "hint").count("first does not say what it thinks") == 2
    over = play(THREE, "1", "resign", "eval", thinker=THINKER)
    assert over.rstrip().endswith("the game is over")


def test_what_the_hint_says_is_what_the_net_plays(play: Any) -> None:
    hinted = play(THREE, "hint", "quit", thinker=THINKER, position="xo./.o./x.. x")
    played = play(THREE, thinker=THINKER, position="xo./.o./x.. x", person=1)
    assert f"x: {hinted.split('hint: ')[1][0]}\n" in played


def test_saved_games_are_read_by_others(play: Any, tmp_path: Path) -> None:
    path = tmp_path / "game.pgn"
    shown = play(CHESS, "e4", f"save {path}", "resign", f"save {path}", "new", "d4", f"save {path}", "save")
    assert shown.count(f"added to {path}") == 3
    assert "save: expected a file" in shown
    stream = io.StringIO(path.read_text())
    games = [chess.pgn.read_game(stream) for _ in range(3)]
    assert [game.headers["Result"] for game in games] == ["*", "0-1", "*"]
    assert [game.headers["Round"] for game in games] == ["1", "1", "2"]
    assert (games[0].headers["White"], games[0].headers["Black"]) == ("person", "first")
    assert [move.uci() for move in games[1].mainline_moves()] == ["e2e4", "a7a6"]
    assert "cannot be written" in play(CHESS, f"save {path}/x.pgn")


def test_every_word_is_explained_and_none_is_a_move(play: Any) -> None:
    shown = play(CHESS, "HELP", "")
    for word in ("eval", "hint", "moves", "undo", "flip", "resign", "new", "save", "help", "quit"):
        assert f"  {word}" in shown
    assert "neither" not in shown


def test_a_player_against_itself(play: Any) -> None:
    for game in (FOUR, THREE):
        shown = play(game, person=None, player=RandomPlayer(3))
        assert "x: " in shown
        assert "o: " in shown
        assert shown.rstrip().splitlines()[-1].split(":")[0] in game.endings


def test_a_terminal_shows_figures_and_marks_the_last_move() -> None:
    output = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    screen = TerminalScreen(output)
    screen._console._force_terminal = True
    screen._console._color_system = screen._console._color_system or _truecolor()
    line = Line.from_actions(CHESS, [CHESS.parse_action(CHESS.initial(), "e4")])
    screen.board(CHESS, line.states[1], line.states[0], False)
    screen.table(("move", "visits", "goes on"), [("e4", "3", "e5")])
    screen.say("[not markup]")
    output.flush()
    shown = output.buffer.getvalue().decode()  # type: ignore[attr-defined]
    assert shown.count("♟") == 16
    assert "[not markup]" in shown
    marked = shown.count("48;2;95;135;95")
    assert marked == 2


def test_sixteen_colours_tell_light_dark_and_changed_squares_apart() -> None:
    from rich.console import Console

    output = io.StringIO()
    screen = TerminalScreen(output)
    screen._console = Console(file=output, force_terminal=True, color_system="standard", highlight=False)
    line = Line.from_actions(CHESS, [CHESS.parse_action(CHESS.initial(), "e4")])
    screen.board(CHESS, line.states[1], line.states[0], False)
    grounds = re.findall(r"\x1b\[[0-9;]*?(4[0-7]|10[0-7])m", output.getvalue())
    assert sorted(grounds.count(ground) for ground in set(grounds)) == [2, 30, 32]  # both squares of e2-e4 are light


def _truecolor() -> Any:
    from rich.color import ColorSystem

    return ColorSystem.TRUECOLOR


def test_the_command_reads_a_script(cli: Any, monkeypatch: pytest.MonkeyPatch, agent_dir: Path, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("e4\neval\nsave game.pgn\nquit\n"))
    monkeypatch.chdir(tmp_path)
    told = cli("play", agent_dir, "--sims", "8", "--device", "cpu")
    assert told.code == 0
    assert "you have White" in told.out
    assert "White: e4" in told.out
    assert told.out.count("Black: ") == 1
    assert "(8 simulations" in told.out
    assert (tmp_path / "game.pgn").is_file()
    monkeypatch.setattr("sys.stdin", io.StringIO("5\n"))
    small = cli("play", "random", "--game", "tic_tac_toe", "--color", "second", "--position", "x../.../... o")
    assert "o: 5" in small.out
    alone = cli("play", "random", "--game", "tic_tac_toe", "--self")
    assert alone.code == 0
    (agent_dir / "checkpoints" / "best.pt").unlink()
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert "no best net yet, so the latest one plays" in cli("play", agent_dir, "--device", "cpu").out


def test_what_cannot_be_played(cli: Any, tmp_path: Path) -> None:
    assert cli("play", tmp_path / "none").code == 2
    assert "no chess position" in cli("play", "random", "--fen", "nonsense").err
    assert cli("play", "random", "--game", "go").code == 2
    told = cli("play", "random", "--color", "green")
    assert told.code == 2
    assert "'green', expected one of white, first, black, second, random" in told.err


@pytest.mark.parametrize(("color", "has"), [("white", "x"), ("second", "o"), ("X", "x"), ("o", "o"), ("black", "o")])
def test_sides_are_called_as_the_game_does(cli: Any, monkeypatch: pytest.MonkeyPatch, color: str, has: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert f"you have {has};" in cli("play", "random", "--game", "tic_tac_toe", "--color", color).out


def test_a_games_own_name_of_a_side_goes_before_chess(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(get_game("tic_tac_toe")), "sides", ("Black", "White"))
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert "random has White, you have Black;" in cli("play", "random", "--game", "tic_tac_toe", "--color", "black").out


def test_a_position_that_is_over_says_how_it_ended(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("e2e4\n"))
    mated = "7k/6Q1/5K2/8/8/8/8/8 b - - 0 1"
    assert "checkmate: White wins" in cli("play", "random", "--position", mated).out
    assert "checkmate: White wins" in cli("play", "random", "--self", "--position", mated).out


def test_moves_are_described_as_people_write_them() -> None:
    names: List[str] = []
    line = Line(CHESS)
    for text in ("e4", "e5", "Nf3", "Nc6", "Bb5", "a6", "Bxc6", "dxc6", "O-O"):
        action = CHESS.parse_action(line.state, text)
        names.append(CHESS.describe_action(line.state, action))
        line.push(action)
    assert names == ["e4", "e5", "Nf3", "Nc6", "Bb5", "a6", "Bxc6", "dxc6", "O-O"]
    assert FOUR.describe_action(FOUR.initial(), 3) == "4"
    assert isinstance(line.state, np.ndarray)
