"""The conversation: what each command answers, in which order, and that nothing ends it but `quit`."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import List

import chess
import pytest

from pawnzero.config import SearchConfig
from pawnzero.search import Question, UniformEvaluator
from tests.engine.talk import NARROW, only, talk

MATE_IN_ONE = "position fen 6k1/5ppp/8/8/8/8/8/R3K3 w Q - 0 1"
MATE_IN_TWO = "position fen kbK5/pp6/1P6/8/8/8/8/R7 w - - 0 1"
BEST = "bestmove"


def bests(lines: List[str]) -> List[str]:
    return [line.split()[1] for line in only(lines, BEST)]


def test_greeting() -> None:
    said = talk("uci", "isready", "quit")
    assert said[0].startswith("id name pawnzero ")
    assert said[1].startswith("id author ")
    assert said[-2:] == ["uciok", "readyok"]
    assert all(line.startswith("option name ") for line in said[2:-2])
    assert not any("Chess960" in line for line in said)  # the rules do not know it


def test_nodes_are_kept_to_and_told() -> None:
    said = talk("go nodes 50")
    assert re.match(r"bestmove [a-h][1-8][a-h][1-8] ponder [a-h][1-8][a-h][1-8]$", said[-1])
    last = only(said, "info depth")[-1].split()
    told = dict(zip(last[1::2], last[2::2]))
    assert told["nodes"] == "50"
    assert told["score"] == "cp"
    assert int(told["depth"]) >= 1
    assert int(told["seldepth"]) >= int(told["depth"])
    assert last[last.index("pv") + 1] == said[-1].split()[1]


@pytest.mark.parametrize(("limit", "asked"), [(30, 500), (500, 30)])
def test_the_smaller_limit_of_nodes_counts(limit: int, asked: int) -> None:
    said = talk(f"setoption name NodeLimit value {limit}", f"go nodes {asked}")
    assert " nodes 30 " in only(said, "info depth")[-1]


@pytest.mark.parametrize("limits", ["movetime 600000", "wtime 90000000 btime 90000000", "depth 90", "infinite"])
def test_a_number_of_nodes_that_may_not_be_reached_is_no_schedule(limits: str) -> None:
    def told(algorithm: str, option: int, go: str) -> List[str]:
        options = {"Algorithm": algorithm, "NodeLimit": option, "MultiPV": 218}
        settings = [f"setoption name {name} value {value}" for name, value in options.items()]
        said = talk(*settings, (go, ".* nodes 60 "), ("stop", ""))
        return [line.split(" pv ")[1] for line in said if " nodes 60 " in line]

    puct, gumbel = (told(algorithm, 0, "go nodes 60") for algorithm in ("puct", "gumbel"))
    assert told("gumbel", 60, f"go {limits}") == told("gumbel", 0, f"go nodes 60 {limits}") == puct != gumbel
    assert told("gumbel", 60, "go mate 30") == gumbel


def test_the_expected_line_can_be_played() -> None:
    for last in only(talk("position startpos moves e2e4 c7c5 g1f3", "go nodes 300"), "info depth"):
        board = chess.Board()
        for move in ["e2e4", "c7c5", "g1f3", *last.split(" pv ")[1].split()]:
            board.push_uci(move)


@pytest.mark.parametrize("how", ["nodes 2000", "movetime 20000", "wtime 600000 btime 600000", "mate 2", "depth 30"])
def test_mates_are_proven_and_told(how: str) -> None:
    said = talk(MATE_IN_ONE, f"go {how}")
    assert bests(said) == ["a1a8"]
    assert " score mate 1 " in only(said, "info depth")[-1]
    said = talk(MATE_IN_TWO, f"go {how}")
    assert bests(said) == ["a1a6"]
    assert " score mate 2 " in only(said, "info depth")[-1]
    assert said[-1].startswith("bestmove a1a6 ponder ")


class Hopeful(UniformEvaluator):
    """Whoever is to move stands to win."""

    def evaluate(self, question: Question) -> None:
        super().evaluate(question)
        question.wdl[:] = (0.9, 0.1, 0.0)


def test_scores_are_of_the_side_to_move() -> None:
    said = talk("setoption name UCI_ShowWDL value true", "go nodes 1", evaluator=Hopeful())
    assert " score cp -546 wdl 0 100 900 " in only(said, "info depth")[-1]


def test_a_lost_position_is_told_as_such() -> None:
    said = talk("position fen k7/8/2K5/8/8/8/8/1Q6 b - - 0 1", "setoption name UCI_ShowWDL value true", "go nodes 500")
    assert bests(said) == ["a8a7"]
    assert " score mate -1 wdl 0 0 1000 " in only(said, "info depth")[-1]


def test_mated_and_stalemated_positions_have_no_move() -> None:
    said = talk(
        "position fen R5k1/5ppp/8/8/8/8/8/4K3 b - - 0 1", "go nodes 5", "position fen k7/2Q5/2K5/8/8/8/8/8 b - - 0 1", "go"
    )
    assert said == ["info depth 0 score mate 0", "bestmove (none)", "info depth 0 score cp 0", "bestmove (none)"]


def test_where_neither_side_can_mate_some_move_is_given() -> None:
    gos = ("go nodes 5", "go nodes 5 searchmoves a1a2 h1g3", "go searchmoves e1d2")
    some, *wanted = bests(talk("position fen 4k3/8/8/8/8/8/8/4K2N w - - 0 1", *gos))
    assert chess.Move.from_uci(some) in chess.Board("4k3/8/8/8/8/8/8/4K2N w - - 0 1").legal_moves
    assert wanted == ["h1g3", "e1d2"]


def test_moves_are_followed_where_neither_side_can_mate() -> None:
    start = "4k3/8/8/8/8/8/p7/R3K3 w - - 0 1"
    board = chess.Board(start)
    for move in ("a1a2", "e8d8", "a2d2", "d8e8", "d2e2", "e8f8", "e2e7", "f8e7", "e1e2", "e7e6", "e2e3", "e6e5"):
        board.push_uci(move)
    moves = " ".join(move.uci() for move in board.move_stack)
    for more, complaints in (("", 0), (" e5e4", 1), (" 0000", 1)):
        said = talk(f"position fen {start} moves {moves}{more}", "go nodes 5")
        assert chess.Move.from_uci(bests(said)[0]) in board.legal_moves
        assert len(only(said, "info string position: move 13 cannot be played")) == complaints


@pytest.mark.parametrize(
    ("fen", "best"),
    [
        ("R5k1/5ppp/8/8/8/8/8/4K3 b - - 0 1", r"\(none\)"),
        ("k7/2Q5/2K5/8/8/8/8/8 b - - 0 1", r"\(none\)"),
        ("4k3/8/8/8/8/8/8/4K3 w - - 0 1", "e1"),
    ],
)
@pytest.mark.parametrize(("limits", "word"), [("infinite", "stop"), ("ponder wtime 9", "stop"), ("ponder", "ponderhit")])
def test_an_ended_game_is_answered_no_sooner_than_another(fen: str, best: str, limits: str, word: str) -> None:
    said = talk(f"position fen {fen}", (f"go {limits}", "info depth 0"), ("isready", "readyok"), (word, BEST), "isready")
    assert said[1] == "readyok"
    assert re.match(f"bestmove {best}", said[2])
    assert said[3:] == ["readyok"]


def test_infinite_holds_the_answer_of_an_ended_game_beyond_a_ponderhit_and_until_quit() -> None:
    mated = "position fen R5k1/5ppp/8/8/8/8/8/4K3 b - - 0 1"
    said = talk(mated, ("go infinite", "info depth 0"), "ponderhit", ("isready", "readyok"), ("go", "info string"), "quit")
    assert said[1] == "readyok"
    assert "running already" in said[2]
    assert said[3:] == ["bestmove (none)"]


def test_infinite_answers_on_stop_alone() -> None:
    said = talk(MATE_IN_ONE, ("go infinite", "info depth"), ("isready", "readyok"), ("stop", BEST), "isready")
    assert said[-1] == "readyok"
    assert said[-2] == "bestmove a1a8"
    assert said.index("readyok") < said.index("bestmove a1a8")
    said = talk(("go", "info depth"), ("stop", BEST), "position startpos", ("go infinite", "info depth"), ("stop", BEST))
    assert len(bests(said)) == 2


def test_infinite_tells_its_last_figures_when_no_more_can_be_searched() -> None:
    said = talk("setoption name NodeLimit value 40", ("go infinite", ".* nodes 40 "), ("stop", BEST))
    assert [re.findall(r" nodes (\d+) ", line) for line in said[-2:]] == [["40"], []]
    said = talk(MATE_IN_TWO, ("go infinite", ".* score mate 2 "), ("stop", BEST))
    assert len([line for line in said if " score mate 2 " in line]) == 1


def test_ponder_waits_for_the_hit() -> None:
    said = talk(MATE_IN_ONE, ("go ponder wtime 1 btime 1", "info depth"), ("isready", "readyok"), ("ponderhit", BEST))
    assert said[-1] == "bestmove a1a8"
    assert len(bests(said)) == 1
    missed = talk(("go ponder movetime 100000", "info depth"), ("stop", BEST), "isready")
    assert len(bests(missed)) == 1
    hit = talk(("go ponder movetime 50", "info depth"), ("ponderhit", BEST))
    assert len(bests(hit)) == 1


def test_a_clock_with_one_legal_move_does_not_think() -> None:
    said = talk("position fen 7k/8/8/8/8/8/6R1/4K3 b - - 0 1", "go wtime 9999999 btime 9999999")
    assert bests(said) == ["h8h7"]
    assert " nodes 1 " in only(said, "info depth")[-1]


def test_a_time_for_the_move_is_used_though_there_is_nothing_to_choose() -> None:
    forced = "position fen 7k/8/8/8/8/8/6R1/4K3 b - - 0 1"
    said = talk(forced, ("go movetime 600000", "info depth"), ("isready", "readyok"), ("stop", BEST))
    assert bests(said) == ["h8h7"]
    assert said[-1].startswith(BEST)


def test_searchmoves_and_multipv() -> None:
    said = talk("setoption name MultiPV value 3", "go nodes 60 searchmoves a2a3 h2h3 e9e9 b2b3")
    assert bests(said)[0] in ("a2a3", "h2h3", "b2b3")
    assert any("searchmoves" in line and "e9e9" in line for line in only(said, "info string"))
    last = only(said, "info depth")[-3:]
    assert [line.split(" multipv ")[1].split()[0] for line in last] == ["1", "2", "3"]
    assert {line.split(" pv ")[1].split()[0] for line in last} == {"a2a3", "h2h3", "b2b3"}
    avoided = talk(MATE_IN_ONE, "go nodes 200 searchmoves a1a7 a1a6")
    assert bests(avoided)[0] in ("a1a7", "a1a6")


def test_the_past_counts() -> None:
    """Rc2-b2 brings a position about that stood twice before where the shuffle is known, and is then a draw."""
    never = "8/8/1k6/8/8/1K6/2R5/8 w - - 0 1"
    once = "8/8/1k6/8/8/1K6/3R4/8 w - - 0 1 moves d2b2 b6b5 b2c2 b5b6"
    twice = once + " c2b2 b6b5 b2c2 b5b6"

    def told(place: str) -> str:
        go = ["setoption name UCI_ShowWDL value true", "go nodes 40 searchmoves c2b2"]
        return only(talk(f"position fen {place}", *go), "info depth")[-1]

    assert " wdl 0 1000 0 " in told(twice)
    assert told(twice).endswith(" pv c2b2")
    assert not told(once).endswith(" pv c2b2")
    assert not told(never).endswith(" pv c2b2")


def test_games_go_on_past_draws_that_nobody_claimed() -> None:
    shuffle = " ".join(["g1f3 g8f6 f3g1 f6g8"] * 3)
    said = talk(f"position startpos moves {shuffle}", "go nodes 20", f"position startpos moves {shuffle} e2e4", "go nodes 20")
    assert not only(said, "info string")
    assert len(bests(said)) == 2
    assert "(none)" not in bests(said)
    late = "position fen 4k3/8/8/8/8/8/8/R3K3 w - - 99 80 moves a1a2"
    said = talk(late, "go nodes 20", f"{late} e8e7", "go nodes 20")
    assert not only(said, "info string")
    assert bests(said)[0].startswith("e8")
    assert "(none)" not in bests(said)


def test_the_search_tells_when_its_tree_is_full() -> None:
    said = talk("setoption name Hash value 1", "go movetime 600000")
    told = only(said, "info string")
    assert re.search(r"the tree is full \(\d+ positions in 1 MB of Hash\)", told[-1])
    assert " hashfull 1000 " in only(said, "info depth")[-1]
    cut = talk("setoption name Hash value 1", f"position fen {NARROW}", "go nodes 3000")
    assert re.fullmatch(r"info string 1 MB of Hash have room for \d+ Gumbel simulations only", only(cut, "info string")[-1])
    bounded = talk("setoption name Hash value 1", "setoption name NodeLimit value 30", "go movetime 600000")
    assert not only(bounded, "info string")
    assert " nodes 30 " in only(bounded, "info depth")[-1]


@pytest.mark.parametrize("limit", ["depth 8", "mate 3", "movetime 600000"])
def test_an_ending_in_which_nothing_new_is_found_is_answered(limit: str) -> None:
    said = talk(f"position fen {NARROW}", f"go {limit}")
    assert only(said, "info string") == ["info string the search finds nothing new: its simulations end at known positions"]
    assert len(bests(said)) == 1


class Careless(UniformEvaluator):
    """Likes every move and position equally; counts questions."""

    def __init__(self) -> None:
        self.sizes: List[int] = []

    def evaluate(self, question: Question) -> None:
        super().evaluate(question)
        self.sizes.append(len(question))


def test_several_leaves_a_wave_once_there_are_visits() -> None:
    evaluator = Careless()
    talk("setoption name MinibatchSize value 16", "go nodes 800", evaluator=evaluator)
    assert max(evaluator.sizes) == 16
    one = Careless()
    talk("setoption name MinibatchSize value 1", "go nodes 100", evaluator=one)
    assert max(one.sizes[-90:]) == 1


def test_temperature_varies_moves_and_none_does_not() -> None:
    def moves(temperature: float, algorithm: str) -> List[str]:
        options = [f"setoption name Temperature value {temperature}", f"setoption name Algorithm value {algorithm}"]
        return bests(talk(*options, *[("go nodes 30", BEST)] * 12))

    for algorithm in ("gumbel", "puct"):
        assert len(set(moves(0, algorithm))) == 1
        assert len(set(moves(1.0, algorithm))) > 3


def test_options_reach_the_search() -> None:
    narrow = SearchConfig(fpu_reduction=0.25)  # without a reduction a net that knows nothing visits all moves in turn
    wide = replace(narrow, cpuct=4.0)
    plain = only(talk("setoption name Algorithm value puct", "go nodes 400", search=narrow), "info depth")[-1]
    from_settings = only(talk("setoption name Algorithm value puct", "go nodes 400", search=wide), "info depth")[-1]
    by_option = talk("setoption name Algorithm value puct", "setoption name CPuct value 4.0", "go nodes 400", search=narrow)
    strip = re.compile(r"time \d+|nps \d+")
    assert strip.sub("", only(by_option, "info depth")[-1]) == strip.sub("", from_settings) != strip.sub("", plain)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("hello", "'hello' is not a known command"),
        ("setoption name Hassh value 3", "no option 'Hassh'"),
        ("setoption name Hash value many", "option Hash is 'many', expected an integer from 1 to 65536"),
        ("setoption name Ponder value maybe", "expected true or false"),
        ("setoption name Algorithm value ab", "expected one of gumbel, puct"),
        ("setoption name CPuct value nan", "expected a number of at least 0"),
        ("setoption", "expected name NAME value VALUE"),
        ("position", "expected startpos or fen FEN"),
        ("position fen", "no chess position"),
        ("position fen 8/8/8/8/8/8/8/8 w - - 0 1", "no chess position"),
        ("position fen x moves e2e4", "no chess position"),
        ("position startpos moves e2e4 e2e4", "move 2 cannot be played"),
        ("position startpos moves 0000", "move 1 cannot be played"),
        ("go nodes many movetime 1", "nodes is 'many', expected an integer"),
        ("go movetime 1 wildly", "'wildly' is not known"),
        ("go nodes abc", "no limit that would end the search, so only one node is searched"),
        ("go searchmoves zzz nodes 3", "none of them can be played, so all moves are searched"),
    ],
)
def test_what_is_wrong_is_told_and_survived(line: str, told: str) -> None:
    said = talk(("position startpos moves e2e4"), line, "stop", "isready", "go nodes 3")
    assert any(told in answer for answer in only(said, "info string")), said
    assert "readyok" in said
    assert said[-1].startswith(BEST)


@pytest.mark.parametrize(
    "limits",
    [
        "nodes abc",
        "nodes --5",
        "nodes ²",
        "nodes -5",
        "wtime abc winc 1000",
        "movestogo 5 movetime x",
        "wtime abc btime 1000",
        "movestogo 10",
        "winc 100 binc 100",
    ],
)
def test_an_unreadable_limit_is_not_taken_for_none(limits: str) -> None:
    said = talk("position startpos", f"go {limits}")
    assert len(bests(said)) == 1
    assert all(" nodes 1 " in line for line in only(said, "info depth"))


def test_nothing_is_told_twice() -> None:
    assert len(only(talk("position startpos", "go nodes 1"), "info depth")) == 1


def test_where_the_board_stands_after_a_bad_position() -> None:
    before = talk(MATE_IN_TWO + " moves a1a6 b7a6 a6a7", "go nodes 100")
    assert bests(before) == ["b6b7"]  # the position before the move that cannot be played


@pytest.mark.parametrize("refused", ["position fen nonsense", "position", "position fen nonsense moves e2e4"])
def test_after_a_refused_position_there_is_none(refused: str) -> None:
    held = ("go infinite", "info string"), ("isready", "readyok"), ("stop", BEST)
    said = talk(MATE_IN_ONE, refused, "go nodes 100", "go", *held)
    assert bests(said) == ["(none)"] * 3
    assert not only(said, "info depth")
    told = f"info string go: there is no position to search, because {refused!r} was refused"
    assert only(said, "info string")[1:] == [told] * 3
    assert said[-2:] == ["readyok", "bestmove (none)"]
    assert bests(talk(refused, MATE_IN_ONE, "go nodes 100")) == ["a1a8"]
    assert "(none)" not in bests(talk(MATE_IN_ONE, refused, "ucinewgame", "go nodes 3"))


def test_words_out_of_order() -> None:
    twice = ("go infinite", "info depth"), ("go nodes 4", "info string")
    said = talk("stop", "ponderhit", "isready", *twice, MATE_IN_ONE, ("stop", BEST), "go nodes 90")
    assert len(bests(said)) == 2
    assert any("already" in line for line in only(said, "info string"))
    assert bests(said)[1] == "a1a8"
    assert said[0] == "readyok"
    assert talk("", "   ", "joho debug on", "go nodes 2")[-1].startswith("info string ")


@pytest.mark.parametrize("ending", ["quit", ""])
def test_quit_during_a_search_ends_it(ending: str) -> None:
    steps = [("go infinite", "info depth"), *([ending] if ending else [])]
    assert talk(*steps)[-1].startswith(BEST)


def test_where_there_is_no_memory_at_all_a_move_is_played(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("pawnzero.engine.thinking.Thinking", no_room)
    said = talk("setoption name Hash value 4", "go nodes 10")
    assert [line.split(";")[0] for line in only(said, "info string no memory")] == [
        "info string no memory for a Hash of 4 MB",
        "info string no memory for a Hash of 2 MB",
        "info string no memory for a Hash of 1 MB",
    ]
    assert chess.Move.from_uci(bests(said)[0]) in chess.Board().legal_moves


@pytest.mark.parametrize("first", ["go infinite", "go ponder wtime 1000 btime 1000"])
def test_another_search_may_follow_a_stop_without_waiting(first: str) -> None:
    rushed = [(first, ""), ("stop", ""), ("position startpos moves e2e4", ""), "go nodes 10"]
    said = talk("position startpos", *rushed, ("isready", "readyok"))
    white, black = bests(said)
    assert chess.Move.from_uci(white) in chess.Board().legal_moves
    after = chess.Board()
    after.push_uci("e2e4")
    assert chess.Move.from_uci(black) in after.legal_moves
    assert not only(said, "info string go")
