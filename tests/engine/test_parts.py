"""What `go` and `setoption` say, how long a clock allows, and how values are told."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from pawnzero.config import SearchConfig
from pawnzero.engine import thinking
from pawnzero.engine.info import centipawns, per_mille
from pawnzero.engine.kept import Kept
from pawnzero.engine.limits import Limits, parse_go
from pawnzero.engine.net import EngineNet
from pawnzero.engine.options import Options
from pawnzero.engine.place import parse_place
from pawnzero.errors import UsageError
from pawnzero.games import get_game
from pawnzero.games.base import REPETITION
from pawnzero.games.line import Line
from pawnzero.search import Question, UniformEvaluator


def test_all_that_go_knows() -> None:
    text = "nodes 1 depth 2 mate 3 movetime 4 wtime -5 btime 6 winc 7 binc 8 movestogo 9 ponder infinite searchmoves e2e4 d2d4"
    limits, complaints = parse_go(text.split())
    assert complaints == []
    assert limits == Limits(1, 2, 3, 4, -5, 6, 7, 8, 9, True, True, ("e2e4", "d2d4"))
    between, _ = parse_go(["searchmoves", "e2e4", "nodes", "5"])
    assert between == Limits(nodes=5, searchmoves=("e2e4",))
    assert parse_go([]) == (Limits(), [])


@pytest.mark.parametrize(("text", "told"), [("nodes", "nodes is ''"), ("depth 1.5", "depth is '1.5'"), ("fast", "'fast'")])
def test_what_go_does_not_know_is_passed_over(text: str, told: str) -> None:
    limits, complaints = parse_go(text.split() + ["movetime", "7"])
    assert limits == Limits(movetime=7)
    assert len(complaints) == 1
    assert told in complaints[0]


def test_a_clock_is_shared_among_the_moves_to_come() -> None:
    clock = Limits(wtime=60_000, btime=30_000, winc=1000)
    assert clock.seconds(0, 0, False) == pytest.approx(60 / 30 + 0.75)
    assert clock.seconds(1, 0, False) == pytest.approx(1.0)
    assert Limits(wtime=60_000, movestogo=10).seconds(0, 1000, False) == pytest.approx(5.9)
    assert Limits(wtime=60_000, movestogo=1).seconds(0, 1000, False) == pytest.approx(59.0)
    assert Limits(wtime=60_000, movestogo=-3).seconds(0, 0, False) == Limits(wtime=60_000).seconds(0, 0, False)
    assert Limits(movetime=250, wtime=5).seconds(0, 50, False) == pytest.approx(0.2)
    assert Limits(movetime=40).seconds(0, 50, False) == pytest.approx(0.004)
    assert Limits(movetime=-40).seconds(0, 50, False) == 0
    assert Limits(nodes=5).seconds(0, 50, False) is None
    assert Limits(wtime=60_000, winc=1000).seconds(1, 0, False) == clock.seconds(0, 0, False)  # the only clock there is
    assert clock.seconds(1, 0, True) > clock.seconds(1, 0, False)


@pytest.mark.parametrize("left", [-100, 0, 10, 49, 200, 5000])
@pytest.mark.parametrize("increment", [0, 3000])
@pytest.mark.parametrize("moves", [None, 1, 2, 40])
def test_a_clock_is_never_overstepped(left: int, increment: int, moves: int) -> None:
    limits = Limits(btime=left, binc=increment, movestogo=moves)
    seconds = limits.seconds(1, 50, True)
    assert seconds is not None
    assert 0 <= seconds <= max(0, left - 50) / 1000


def test_options_by_name_in_any_case() -> None:
    options = Options(SearchConfig(cpuct=2.5, leaves_per_tree=4))
    assert (options["CPuct"], options["MinibatchSize"], options["Temperature"]) == (2.5, 4, 0.0)
    options.set(["name", "multipv", "value", "5"])
    options.set(["name", "Move", "Overhead", "value", "100"])
    options.set(["name", "ponder", "value", "TRUE"])
    options.set(["name", "Temperature", "value", ".5"])
    assert [options[name] for name in ("MultiPV", "Move Overhead", "Ponder", "Temperature")] == [5, 100, True, 0.5]
    for wrong in ("name MultiPV value 0", "name MultiPV value 219", "name Temperature value -1", "name Temperature value inf"):
        with pytest.raises(UsageError, match="expected a"):
            options.set(wrong.split())
    for wrong in ("inf", "-inf", "Infinity", "1e999", "nan"):
        with pytest.raises(UsageError, match=f"option CPuct is '{wrong}', expected a number of at least 0"):
            options.set(["name", "CPuct", "value", wrong])
    assert (options["MultiPV"], options["CPuct"]) == (5, 2.5)


def test_values_as_people_read_them() -> None:
    assert centipawns(0.0) == 0
    assert centipawns(0.5) == -centipawns(-0.5) == 89
    assert 12_000 < centipawns(1.0) < 13_000
    assert per_mille((0.3333, 0.3334, 0.3333)) == (333, 334, 333)
    assert per_mille((0.0, 0.0, 1.0)) == (0, 0, 1000)
    assert sum(per_mille((0.5005, 0.0, 0.4995))) == 1000
    assert min(per_mille((0.5005, 0.0, 0.4995))) >= 0


def test_figures_are_those_of_the_last_wave_however_long_the_answer_was_held(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [5.0]
    monkeypatch.setattr(thinking, "time", SimpleNamespace(monotonic=lambda: now[0]))
    search, net = SearchConfig(), EngineNet(get_game("chess"), UniformEvaluator(), 4)
    limits = Limits(infinite=True)
    one = thinking.Thinking(net, Line(net.game), limits, Options(search), search, (), Kept(), began=now[0], seed=0)
    now[0] += 0.25
    one.advance()
    one.advance()
    now[0] += 90.0
    assert " time 250 " in one.last_words()[0]


def test_the_own_time_begins_with_the_ponderhit(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [5.0]
    monkeypatch.setattr(thinking, "time", SimpleNamespace(monotonic=lambda: now[0]))
    search, net = SearchConfig(), EngineNet(get_game("chess"), UniformEvaluator(), 4)
    limits = Limits(movetime=1000, ponder=True)
    one = thinking.Thinking(net, Line(net.game), limits, Options(search), search, (), Kept(), began=now[0], seed=0)
    for seconds, word, over in ((0.0, "", False), (90.0, "", False), (0.0, "hit", False), (0.9, "", False), (0.2, "", True)):
        now[0] += seconds
        if word:
            one.ponder_hit()
        one.advance()
        assert one.over is over


class Sure(UniformEvaluator):
    """Expects the last legal move, or as much the one before it; values all positions alike."""

    def __init__(self, torn: bool) -> None:
        self._torn = torn

    def evaluate(self, question: Question) -> None:
        super().evaluate(question)
        last = question.count.astype(int) - 1
        question.logits[np.arange(len(last)), last] = 4.0
        if self._torn:
            question.logits[np.arange(len(last)), np.maximum(last - 1, 0)] = 4.0


@pytest.mark.parametrize(
    ("torn", "limits", "temperature", "waves"),
    [
        (
            False,
            Limits(wtime=30_000, btime=30_000),
            0.0,
            range(51, 65),
        ),  # after half of the time the rest may be too little to catch up
        (True, Limits(wtime=30_000, btime=30_000), 0.0, range(100, 102)),
        (False, Limits(movetime=1000), 0.0, range(100, 102)),
        (False, Limits(wtime=30_000, btime=30_000), 1.0, range(100, 102)),  # another move may be drawn
    ],
)
def test_a_move_that_none_can_overtake_is_played_before_the_time_is_up(
    monkeypatch: pytest.MonkeyPatch, torn: bool, limits: Limits, temperature: float, waves: range
) -> None:
    now = [5.0]
    monkeypatch.setattr(thinking, "time", SimpleNamespace(monotonic=lambda: now[0]))
    search = SearchConfig(fpu_reduction=0.5)
    net, options = EngineNet(get_game("chess"), Sure(torn), 1), Options(search)
    options.set(["name", "Move", "Overhead", "value", "0"])
    options.set(["name", "Temperature", "value", str(temperature)])
    one = thinking.Thinking(net, Line(net.game), limits, options, search, (), Kept(), began=now[0], seed=0)
    done = 0
    while not one.over:
        now[0] += 0.01
        one.advance()
        done += 1
    assert done in waves


def test_a_repetition_that_nobody_claims_leaves_the_past_known() -> None:
    """Another position that stands for the third time afterwards is a draw to come as well."""
    there_and_back = "g1f3 g8f6 f3g1 f6g8"
    line, complaint = parse_place(get_game("chess"), f"startpos moves {there_and_back} {there_and_back} g1f3 g8f6".split())
    assert (complaint, line.over) == ("", False)
    assert len(line.states) == 11
    assert line.repeated[-3:] == [1, 1, 1]
    assert len(line.past_keys()) == 10
    line.push(line.game.parse_action(line.state, "f3g1"))
    assert line.ending == REPETITION  # for the third time
