"""experiments/iterations.jsonl: a line for each finished iteration, whatever happened as it was written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict

import pytest

from pawnzero.agent import Agent
from pawnzero.errors import PawnzeroError
from pawnzero.files.journal import Journal
from tests.agent.test_agent import SMALL
from tests.iterations import Notes


def found(iteration: int, **changes: Any) -> Dict[str, Any]:
    """What a finished iteration may have found."""
    played = {"games": 4, "positions": 80, "draws": 1, "adjudicated": 0, "endings": {"checkmate": 3, "stalemate": 1}}
    return {"iteration": iteration, "selfplay": played, "train": {"step": 10}, "arena": {}, "seconds": 1.5, **changes}


def played(**changes: Any) -> Dict[str, Any]:
    """The record of an iteration 0 whose self-play found other things."""
    return found(0, selfplay={**found(0)["selfplay"], **changes})


def test_each_finished_iteration_is_a_line_and_metadata_stays_small(tmp_path: Path) -> None:
    agent = Agent.create(tmp_path / "A", SMALL)
    with agent.lock():
        for number in range(3):
            agent.update(stage={"iteration": number, "name": "arena", "found": {"iteration": number}})
            agent.finish(found(number), samples_owed=2.5)
        assert agent.iterations == [found(0), found(1), found(2)]
    other = Agent.open(agent.directory)
    assert other.iterations == agent.iterations
    assert (other.metadata["next_iteration"], other.metadata["stage"], other.metadata["samples_owed"]) == (3, None, 2.5)
    lines = (agent.experiments / "iterations.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == agent.iterations
    assert "iterations" not in json.loads((agent.directory / "metadata.json").read_text())


def test_an_iteration_killed_while_it_was_written_down_is_finished_once_more(tmp_path: Path) -> None:
    agent = Agent.create(tmp_path / "A", SMALL)
    path = agent.experiments / "iterations.jsonl"
    with agent.lock():
        agent.finish(found(0))
    path.write_bytes(path.read_bytes() + json.dumps(found(1, seconds=3.0)).encode())  # metadata.json does not say so
    assert Agent.open(agent.directory).iterations == [found(0)]
    path.write_bytes(path.read_bytes()[:-20])
    with agent.lock():
        agent.finish(found(1))
    assert Agent.open(agent.directory).iterations == agent.iterations == [found(0), found(1)]


def test_no_iteration_stands_twice_in_the_record(tmp_path: Path) -> None:
    """Neither after a kill between its line and metadata.json, nor after an older metadata.json was put back."""
    agent = Agent.create(tmp_path / "A", SMALL)
    log = agent.experiments / "iterations.jsonl"
    with agent.lock():
        for number in range(4):
            agent.finish(found(number))
        agent.update(next_iteration=2)
    again = Agent.open(agent.directory)
    with again.lock():
        notes = Notes()
        again.finish(found(2, seconds=7.0), notes)
    assert len(notes.texts) == 1
    assert "went on to iteration 3, and this is 2; it is now iterations.1.jsonl" in notes.texts[0]
    aside = (agent.experiments / "iterations.1.jsonl").read_text().splitlines()
    assert [json.loads(line)["iteration"] for line in aside] == [0, 1, 2, 3]
    expected = [found(0), found(1), found(2, seconds=7.0)]
    assert [json.loads(line) for line in log.read_text().splitlines()] == again.iterations == expected
    assert again.metadata["next_iteration"] == 3


def test_of_two_lines_of_an_iteration_the_later_one_counts(tmp_path: Path) -> None:
    agent = Agent.create(tmp_path / "A", SMALL)
    with agent.lock():
        agent.finish(found(0))
    with Journal(agent.experiments / "iterations.jsonl") as log:
        log.add(found(0, seconds=9.0))
    assert Agent.open(agent.directory).iterations == [found(0, seconds=9.0)]


def test_what_is_not_written_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where metadata.json cannot be written, the line is there already; where the lines cannot, metadata.json is as before."""
    agent = Agent.create(tmp_path / "A", SMALL)
    path, log = agent.directory / "metadata.json", agent.experiments / "iterations.jsonl"

    def full(*_: Any) -> None:
        raise PawnzeroError("no room")

    with agent.lock(), monkeypatch.context() as patch:
        patch.setattr("pawnzero.agent.directory.write_json", full)
        with pytest.raises(PawnzeroError, match="no room"):
            agent.finish(found(0))
    assert [json.loads(line) for line in log.read_text().splitlines()] == [found(0)]
    assert Agent.open(agent.directory).iterations == []

    before = path.read_bytes()
    with agent.lock(), monkeypatch.context() as patch:
        for name in ("add", "replace"):
            patch.setattr(Journal, name, full)
        with pytest.raises(PawnzeroError, match="no room"):
            agent.finish(found(0))
    assert path.read_bytes() == before


def test_iterations_that_have_no_line_are_counted(tmp_path: Path) -> None:
    agent = Agent.create(tmp_path / "A", SMALL)
    with agent.lock():
        for number in range(3):
            agent.finish(found(number))
    assert agent.iterations_lost == 0
    log = agent.experiments / "iterations.jsonl"
    log.write_bytes(b"\n".join(log.read_bytes().splitlines()[::2]))
    assert Agent.open(agent.directory).iterations_lost == 1


def test_iterations_in_a_newer_metadata_are_none_of_its(tmp_path: Path) -> None:
    agent = Agent.create(tmp_path / "A", SMALL)
    with agent.lock():
        agent.finish(found(0))
    path = agent.directory / "metadata.json"
    for strange in ([], None, 5):
        path.write_text(json.dumps({**agent.metadata, "iterations": strange}))
        other = Agent.open(agent.directory)
        with other.lock():
            assert other.iterations == [found(0)]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ({"iteration": 0, "selfplay": None}, "iteration 0.selfplay is None, expected dict"),
        ({}, "iteration ?.iteration is missing"),
        (found(0, selfplay={}), "iteration 0.selfplay.games is missing, expected int"),
        (played(draws="many"), "iteration 0.selfplay.draws is 'many', expected int"),
        (played(seconds="1"), "iteration 0.selfplay.seconds is '1', expected int or float"),
        (played(endings={"board full": None}), "iteration 0.selfplay.endings.board full is None, expected int"),
        (found(0, train={}), "iteration 0.train.step is missing, expected int"),
    ],
)
def test_a_line_that_cannot_be_relied_on(tmp_path: Path, line: Dict[str, Any], told: str) -> None:
    agent = Agent.create(tmp_path / "A", SMALL)
    (agent.experiments / "iterations.jsonl").write_text(json.dumps(line) + "\n")
    with pytest.raises(PawnzeroError, match=r"iterations\.jsonl: ") as caught:
        _ = agent.iterations
    assert told in str(caught.value)
