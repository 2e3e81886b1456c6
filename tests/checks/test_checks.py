"""The integrity checks pass, and notice what is wrong."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pawnzero.checks import rules as checks
from pawnzero.checks.rules import check_codec, check_perft, check_rules, run_checks
from pawnzero.errors import UsageError
from pawnzero.games import get_game
from pawnzero.games.chess import GAME, Chess, actions
from pawnzero.games.chess.state import META
from pawnzero.progress import Progress


class Counting(Progress):
    """Remembers what it was told."""

    def __init__(self):
        self.stages = []
        self.done = {}

    def start(self, stage, total, unit):
        self.stages.append((stage, total))
        self.done[stage] = 0

    def advance(self, count=1, **figures):
        self.done[self.stages[-1][0]] += count


def test_quick_checks_pass_and_report():
    progress = Counting()
    report = run_checks("quick", plies=200, seed=5, progress=progress)
    assert report.ok, [row for row in report.rows if not row.ok]
    assert progress.done == dict(progress.stages)
    found = json.loads(json.dumps(report.to_json()))
    assert set(found) == {"ok", "perft", "codec", "rules"}
    assert found["ok"] is True
    assert [found[section]["ok"] for section in ("perft", "codec", "rules")] == [True, True, True]
    assert set(found["perft"]["rows"][0]) == {"section", "name", "expected", "found", "seconds", "ok"}
    assert found["rules"]["rows"][0]["found"] == 200
    assert not {"rules", "game"} & set(run_checks("quick").to_json())


def test_a_game_that_is_named_is_checked_too(monkeypatch: pytest.MonkeyPatch) -> None:
    found = run_checks("quick", game="tic_tac_toe", game_plies=50).to_json()
    (row,) = found["game"]["rows"]
    assert (row["name"], row["expected"], row["found"]) == ("plies of tic_tac_toe by the contract of all games", 50, 50)
    monkeypatch.setattr(type(get_game("tic_tac_toe")), "max_legal", 8)
    found = run_checks("quick", game="tic_tac_toe", game_plies=50).to_json()
    assert found["ok"] is found["game"]["ok"] is False
    assert "count 9 in" in found["game"]["rows"][0]["found"]
    assert found["perft"]["ok"] is True
    monkeypatch.setattr(type(get_game("tic_tac_toe")), "player", lambda self, state: {}[0])
    assert run_checks("quick", game="tic_tac_toe", game_plies=50).to_json()["game"]["rows"][0]["found"] == "KeyError(0)"
    with pytest.raises(UsageError, match="unknown game 'go'"):
        run_checks("quick", game="go")


def test_a_wrong_count_is_noticed(monkeypatch):
    monkeypatch.setitem(checks.PERFT, "startpos", (checks.PERFT["startpos"][0], (2, 401), (2, 401)))
    report = checks.Report(check_perft("quick"))
    assert not report.ok
    assert [row.found for row in report.rows if not row.ok] == [400]
    assert report.to_json()["perft"]["ok"] is False


def test_a_wrong_index_is_noticed(monkeypatch):
    broken = actions.INDEX.copy()
    broken[12, 28], broken[12, 20] = actions.INDEX[12, 20], actions.INDEX[12, 28]
    monkeypatch.setattr(actions, "INDEX", broken)
    assert [row.ok for row in check_codec()][:3] == [False, True, False]


@pytest.mark.parametrize("plane", [5, 6, 12, 13, 30])
def test_a_wrong_plane_is_noticed(monkeypatch, plane):
    right = Chess.encode

    def encode(self, history, repeated, length, bits, scalars):
        right(self, history, repeated, length, bits, scalars)
        bits[:, plane] ^= np.uint64(1 << 12)

    monkeypatch.setattr(Chess, "encode", encode)
    assert [row.ok for row in check_codec()] == [True, True, True, False]


@pytest.mark.parametrize("number", range(6))
def test_a_wrong_scalar_is_noticed(monkeypatch, number):
    right = Chess.encode

    def encode(self, history, repeated, length, bits, scalars):
        right(self, history, repeated, length, bits, scalars)
        scalars[:, number] = 1 - scalars[:, number]

    monkeypatch.setattr(Chess, "encode", encode)
    assert [row.ok for row in check_codec()] == [True, True, True, False]


@pytest.mark.parametrize(
    ("bits", "complaint"),
    [(0b1111, "where python-chess has"), (0xF0, "where python-chess has"), (0xFF00, "where python-chess has")],
)
def test_forgotten_rights_captures_and_counters_are_noticed(monkeypatch, bits, complaint):
    right = Chess.step

    def step(self, states, played, out):
        right(self, states, played, out)
        out.state[:, META] &= np.uint64(~bits & 2**64 - 1)
        self.inspect(out)

    monkeypatch.setattr(Chess, "step", step)
    (row,) = check_rules(plies=3000, seed=1)
    assert not row.ok
    assert complaint in str(row.found)


@pytest.mark.parametrize("ending", GAME.endings[4:])
def test_a_missed_ending_is_noticed(monkeypatch, ending):
    right = Chess.step

    def step(self, states, played, out):
        right(self, states, played, out)
        out.ending[out.ending == GAME.endings.index(ending)] = 0

    monkeypatch.setattr(Chess, "step", step)
    (row,) = check_rules(plies=20_000, seed=1)
    assert f"ongoing where python-chess has {ending}" in str(row.found)


def test_a_missing_move_is_noticed(monkeypatch):
    right = Chess.step

    def step(self, states, played, out):
        right(self, states, played, out)
        out.count[:] = np.maximum(out.count - 1, 0)

    monkeypatch.setattr(Chess, "step", step)
    (row,) = check_rules(plies=10)
    assert "legal moves differ by" in str(row.found)


def test_same_seed_same_games():
    def played(seed):
        return [int(line.keys[-1]) for line, _ in checks.random_games(50, seed)]

    assert played(1) == played(1) != played(2)


def test_bad_arguments():
    with pytest.raises(UsageError, match="level 'slow'"):
        run_checks("slow")
    with pytest.raises(UsageError, match="plies -1"):
        run_checks("quick", plies=-1)


@pytest.mark.slow
def test_full_checks_pass():
    report = run_checks("full", plies=50_000)
    assert report.ok, [row for row in report.rows if not row.ok]
