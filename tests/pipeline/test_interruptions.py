"""Iterations that are interrupted, killed or meddled with go on where they were, and nothing is counted twice."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, List, Mapping

import pytest

from pawnzero.agent import Agent
from pawnzero.config import SelfplayConfig
from pawnzero.errors import PawnzeroError
from pawnzero.files.journal import Journal
from pawnzero.pipeline import iteration as pipeline
from pawnzero.pipeline.selfplay import iteration_games, selfplay_stage
from pawnzero.replay import ReplayBuffer
from pawnzero.selfplay.records import GameRecord
from tests.iterations import CONFIG, Notes, moves


@pytest.mark.parametrize(("stage", "count"), [("self-play", 3), ("train", 3), ("arena", 0)])
def test_an_interrupted_iteration_goes_on(tmp_path: Path, stage: str, count: int) -> None:
    class Stopper(Notes):
        def start(self, stage: str, total: int, unit: str) -> None:
            super().start("arena" if stage.startswith("arena") else stage, total, unit)

    with pytest.raises(KeyboardInterrupt):
        pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu", progress=Stopper(stage, count))
    agent = Agent.open(tmp_path / "A")
    assert agent.metadata["next_iteration"] == 0
    notes = Notes()
    figures = pipeline.run_iteration(tmp_path / "A", CONFIG, iteration=0, device="cpu", progress=notes)
    assert any("goes on" in text for text in notes.texts)
    assert figures["selfplay"]["games"] == 6
    assert figures["train"]["step"] == 5
    assert len(ReplayBuffer(agent.replay)) == figures["selfplay"]["positions"]
    assert Agent.open(tmp_path / "A").metadata["next_iteration"] == 1


def test_selfplay_alone_goes_on_where_it_was_interrupted(tmp_path: Path) -> None:
    agent = Agent.create(tmp_path / "A", CONFIG)
    with pytest.raises(KeyboardInterrupt):
        selfplay_stage(agent, CONFIG, games=8, device="cpu", progress=Notes("self-play", 3))
    stored = ReplayBuffer(agent.replay).games_stored
    assert 0 < stored < 8
    notes = Notes()
    figures = selfplay_stage(agent, CONFIG, games=8, device="cpu", progress=notes)
    assert any(f"{stored} of 8 games were played before" in text for text in notes.texts)
    assert figures["games"] == ReplayBuffer(agent.replay).games_stored == 8
    assert selfplay_stage(agent, CONFIG, games=8, device="cpu")["games"] == 8
    assert ReplayBuffer(agent.replay).games_stored == 16


def test_a_journal_of_another_version_is_refused_in_one_line(tmp_path: Path) -> None:
    agent = Agent.create(tmp_path / "A", CONFIG)
    with pytest.raises(KeyboardInterrupt):
        selfplay_stage(agent, CONFIG, games=8, device="cpu", progress=Notes("self-play", 3))
    path = agent.experiments / "selfplay_alone.jsonl"
    path.write_text(path.read_text().replace('"plies"', '"moves"'))
    with pytest.raises(PawnzeroError) as caught:
        selfplay_stage(agent, CONFIG, games=8, device="cpu")
    assert str(caught.value) == f"{path}: the line of a game lacks 'plies' (written by another version?)"


def test_games_that_the_buffer_has_overwritten_were_played(tmp_path: Path) -> None:
    config = dataclasses.replace(CONFIG, replay_capacity=20)
    agent = Agent.create(tmp_path / "A", config)
    with pytest.raises(KeyboardInterrupt):
        selfplay_stage(agent, config, games=12, device="cpu", progress=Notes("self-play", 9))
    with Journal(agent.experiments / "selfplay_alone.jsonl") as journal:
        played = len([line for line in journal.lines() if "game_id" in line])
    assert ReplayBuffer(agent.replay).games_stored < played
    notes = Notes()
    figures = selfplay_stage(agent, config, games=12, device="cpu", progress=notes)
    assert any(f"{played} of 12 games were played before" in text for text in notes.texts)
    assert figures["games"] == 12
    assert figures["positions"] == ReplayBuffer(agent.replay).total


def test_a_game_that_died_unstored_is_played_however_many_rows_came_since(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its line names a row that the file passes later, as if the game had been stored and overwritten."""
    config = dataclasses.replace(CONFIG, replay_capacity=40)
    stored: List[int] = []
    append = ReplayBuffer.append

    def dies(buffer: ReplayBuffer, record: GameRecord) -> None:
        if len(stored) == 2:
            raise KeyboardInterrupt
        append(buffer, record)
        stored.append(record.game_id)

    monkeypatch.setattr(ReplayBuffer, "append", dies)
    with pytest.raises(KeyboardInterrupt):
        pipeline.run_iteration(tmp_path / "A", config, device="cpu")
    agent = Agent.open(tmp_path / "A")
    with Journal(agent.experiments / "selfplay.jsonl") as journal:
        noted = [line["game_id"] for line in journal.lines() if "game_id" in line]
    assert len(noted) == 3
    monkeypatch.setattr(ReplayBuffer, "append", append)
    selfplay_stage(agent, config, games=12, device="cpu")
    assert not set(stored) & set(ReplayBuffer(agent.replay).last_game_ids(100))  # overwritten, and so played

    def noting(buffer: ReplayBuffer, record: GameRecord) -> None:
        append(buffer, record)
        stored.append(record.game_id)

    monkeypatch.setattr(ReplayBuffer, "append", noting)
    notes = Notes()
    figures = pipeline.run_iteration(tmp_path / "A", config, device="cpu", progress=notes)["selfplay"]
    assert any("2 of 6 games were played before" in text for text in notes.texts)
    assert figures["games"] == len(stored) == len(set(stored)) == 6
    assert set(noted) <= set(stored)


def test_games_longer_than_the_buffer_are_counted(tmp_path: Path) -> None:
    config = dataclasses.replace(CONFIG, replay_capacity=5)
    agent = Agent.create(tmp_path / "A", config)
    with pytest.raises(KeyboardInterrupt):
        selfplay_stage(agent, config, games=12, device="cpu", progress=Notes("self-play", 9))
    assert ReplayBuffer(agent.replay).total == 9 * 5  # no game of tic-tac-toe is over sooner
    notes = Notes()
    figures = selfplay_stage(agent, config, games=12, device="cpu", progress=notes)
    assert any("9 of 12 games were played before" in text for text in notes.texts)
    assert figures["games"] == 12


def test_a_game_is_counted_though_the_process_died_as_it_was_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored: List[int] = []
    append = ReplayBuffer.append

    def dies(buffer: ReplayBuffer, record: GameRecord) -> None:
        append(buffer, record)
        stored.append(record.game_id)
        if len(stored) == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(ReplayBuffer, "append", dies)
    with pytest.raises(KeyboardInterrupt):
        pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu")
    monkeypatch.undo()
    agent = Agent.open(tmp_path / "A")
    with (agent.experiments / "selfplay.jsonl").open("ab") as stream:
        stream.write(b'{"game_id": 4, "positions": 1')  # a line cut short
    figures = pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu")["selfplay"]
    assert figures["games"] == 6
    assert figures["positions"] == len(ReplayBuffer(agent.replay))
    assert figures["simulations"] >= figures["simulations_per_move"] * figures["positions"] - 1
    assert figures["settings"]["max_plies"] == CONFIG.selfplay.max_plies
    later = pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu")["selfplay"]
    assert later["games"] == 6


@pytest.mark.parametrize("instant", ["before the stage", "before the journal is emptied", "after it was"])
def test_no_instant_has_games_outside_iterations_played_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, instant: str
) -> None:
    agent = Agent.create(tmp_path / "A", CONFIG)
    update, remove = Agent.update, Journal.remove

    def dies_at_the_end(agent: Agent, **changes: Any) -> None:
        if changes == {"selfplay_alone": None}:
            raise KeyboardInterrupt
        update(agent, **changes)

    def dies_before_the_stage(agent: Agent, **changes: Any) -> None:
        if "selfplay_alone" in changes:
            raise KeyboardInterrupt
        update(agent, **changes)

    def dies_at_the_journal(journal: Journal) -> None:
        if instant == "after it was":
            remove(journal)
        raise KeyboardInterrupt

    monkeypatch.setattr(Agent, "update", dies_at_the_end)
    with pytest.raises(KeyboardInterrupt):
        selfplay_stage(agent, CONFIG, games=12, device="cpu")
    monkeypatch.undo()
    if instant == "before the stage":
        monkeypatch.setattr(Agent, "update", dies_before_the_stage)
    else:
        monkeypatch.setattr(Journal, "remove", dies_at_the_journal)
    with pytest.raises(KeyboardInterrupt):
        selfplay_stage(agent, CONFIG, games=5, device="cpu")
    monkeypatch.undo()
    other = Agent.open(tmp_path / "A")
    for games in (12, 5) if instant == "before the stage" else (5, 12):
        figures = selfplay_stage(other, CONFIG, games=games, device="cpu")
        assert figures["games"] == games
        assert figures["simulations"] == pytest.approx(figures["simulations_per_move"] * figures["positions"], abs=1)
    games_of = [game.game_id for game in ReplayBuffer(agent.replay).newest_games(100)]
    assert len(games_of) == len(set(games_of)) == (17 if instant == "before the stage" else 29)


def test_all_games_count_though_fewer_are_asked_for_by_then(tmp_path: Path) -> None:
    many, few = (dataclasses.replace(CONFIG, num_selfplay=games) for games in (12, 2))
    with pytest.raises(KeyboardInterrupt):
        pipeline.run_iteration(tmp_path / "A", many, device="cpu", progress=Notes("self-play", 7))
    buffer = ReplayBuffer(Agent.open(tmp_path / "A").replay)
    stored, notes = buffer.games_stored, Notes()
    assert stored >= 7
    figures = pipeline.run_iteration(tmp_path / "A", few, device="cpu", progress=notes)["selfplay"]
    assert f"{stored} of {stored} games were played before the interruption" in notes.texts
    assert (figures["games"], figures["positions"]) == (stored, len(buffer))
    assert buffer.games_stored == stored


def outlooks(agent: Agent) -> Any:
    """What is known of resigning; games end in any order."""
    return sorted(json.loads((agent.experiments / "resignation.json").read_text()))


def test_what_games_say_of_resigning_outlives_a_kill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, killed = (Agent.create(tmp_path / name, CONFIG) for name in ("A", "B"))
    selfplay_stage(whole, CONFIG, games=8, device="cpu")
    monkeypatch.setattr("pawnzero.pipeline.selfplay.write_json", lambda *_: None)  # what a kill skips
    with pytest.raises(KeyboardInterrupt):
        selfplay_stage(killed, CONFIG, games=8, device="cpu", progress=Notes("self-play", 6))
    monkeypatch.undo()
    for _ in range(2):  # the second time, it is written as well
        with pytest.raises(KeyboardInterrupt):
            selfplay_stage(killed, CONFIG, games=8, device="cpu", progress=Notes("self-play", 1))
    selfplay_stage(killed, CONFIG, games=8, device="cpu")
    assert outlooks(killed) == outlooks(whole)
    assert len({game_id for _, _, game_id in outlooks(killed)}) == 8


def test_nobody_goes_on_with_some_games_and_they_say_what_they_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = Agent.create(tmp_path / "A", CONFIG)
    monkeypatch.setattr("pawnzero.pipeline.selfplay.write_json", lambda *_: None)
    with pytest.raises(KeyboardInterrupt):
        selfplay_stage(agent, CONFIG, games=8, device="cpu", progress=Notes("self-play", 6))
    monkeypatch.undo()
    selfplay_stage(agent, CONFIG, games=3, device="cpu")
    assert len({game_id for _, _, game_id in outlooks(agent)}) == ReplayBuffer(agent.replay).games_stored >= 9


def test_killed_after_the_match_it_is_not_played_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*arguments: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "_complete", killed)
    with pytest.raises(KeyboardInterrupt):
        pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu")
    monkeypatch.undo()
    agent = Agent.open(tmp_path / "A")
    figures = pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu")
    assert figures["promoted"] is True
    assert figures["arena"]["opponent"] == "untrained net"
    assert len((agent.experiments / "arena.csv").read_text().splitlines()) == 2


def test_an_agent_whose_metadata_was_lost_plays_again_though_its_games_are_stored(tmp_path: Path) -> None:
    pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu")
    (tmp_path / "A" / "metadata.json").unlink()
    notes = Notes()
    found = pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu", progress=notes)
    assert found["selfplay"]["games"] == CONFIG.num_selfplay
    assert not [text for text in notes.texts if "before the interruption" in text]


def test_games_are_on_the_disk_before_the_iteration_says_that_they_are_played(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stages: List[str] = []

    def flush(buffer: ReplayBuffer) -> None:
        stages.append(json.loads((tmp_path / "A" / "metadata.json").read_text())["stage"]["name"])

    monkeypatch.setattr(ReplayBuffer, "flush", flush)
    pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu")
    assert stages == ["selfplay"]


def test_an_iterations_seconds_are_those_it_was_at_work(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu", progress=Notes("self-play", 2))
    agent = Agent.open(tmp_path / "A")
    stage = agent.metadata["stage"]
    assert 0.0 < stage["found"]["spent"] < 600.0
    with agent.lock():
        agent.update(stage={**stage, "found": {**stage["found"], "spent": 7200.0}})
    found = pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu")
    assert 7200.0 < found["seconds"] < 7800.0
    assert "spent" not in found


@pytest.mark.parametrize(("stage", "before"), [("train", 100.0), ("arena", 200.0)])
def test_a_kill_loses_the_seconds_of_one_stage_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str, before: float
) -> None:
    class Clock:
        seconds = 0.0

        def monotonic(self) -> float:
            return self.seconds

    clock, take = Clock(), pipeline.iteration_training
    monkeypatch.setattr(pipeline, "time", clock)

    def games(*arguments: Any) -> Any:
        clock.seconds += 100.0
        return iteration_games(*arguments)

    def steps(*arguments: Any) -> Any:
        kept.append(json.loads((tmp_path / "A" / "metadata.json").read_text())["stage"])
        clock.seconds += 100.0
        return take(*arguments)

    def match(*arguments: Any, **options: Any) -> Any:
        kept.append(json.loads((tmp_path / "A" / "metadata.json").read_text())["stage"])
        raise KeyboardInterrupt

    kept: List[Any] = []
    monkeypatch.setattr(pipeline, "iteration_games", games)
    monkeypatch.setattr(pipeline, "iteration_training", steps)
    monkeypatch.setattr(pipeline, "evaluate_and_promote", match)
    with pytest.raises(KeyboardInterrupt):
        pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu")
    (killed,) = (one for one in kept if one["name"] == stage)
    monkeypatch.undo()
    agent = Agent.open(tmp_path / "A")
    with agent.lock():
        agent.update(stage=killed)  # as a kill would leave it
    assert killed["found"]["spent"] == before
    assert before < pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu")["seconds"]


def test_games_go_on_as_they_were_begun_though_the_seed_was_changed(tmp_path: Path) -> None:
    whole, torn = (Agent.create(tmp_path / name, CONFIG) for name in ("A", "B"))
    selfplay_stage(whole, CONFIG, games=8, device="cpu")
    with pytest.raises(KeyboardInterrupt):
        selfplay_stage(torn, CONFIG, games=8, device="cpu", progress=Notes("self-play", 1))
    selfplay_stage(torn, dataclasses.replace(CONFIG, seed=9), games=8, device="cpu")
    assert moves(torn) == moves(whole)


def test_what_games_cost_is_added_up_over_two_interruptions(tmp_path: Path) -> None:
    agent = Agent.create(tmp_path / "A", CONFIG)
    one_by_one = dataclasses.replace(CONFIG, selfplay=SelfplayConfig(games_in_flight=1))
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            selfplay_stage(agent, one_by_one, games=8, device="cpu", progress=Notes("self-play", 3))
    figures = selfplay_stage(agent, one_by_one, games=8, device="cpu")
    assert figures["games"] == 8
    assert figures["simulations"] >= figures["simulations_per_move"] * figures["positions"] - 1


def die_before_the_cost_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Self-play dies where it would write what it has cost into a line of its own."""
    add = Journal.add

    def dies(journal: Journal, line: Mapping[str, Any]) -> None:
        if "session" in line:
            raise KeyboardInterrupt
        add(journal, line)

    monkeypatch.setattr(Journal, "add", dies)


@pytest.mark.parametrize("played", [6, 0])
def test_what_stored_games_cost_is_known_after_a_kill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, played: int) -> None:
    agent = Agent.create(tmp_path / "A", CONFIG)
    die_before_the_cost_is_noted(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        selfplay_stage(agent, CONFIG, games=8, device="cpu", progress=Notes("self-play", played) if played else Notes())
    monkeypatch.undo()
    figures = selfplay_stage(agent, CONFIG, games=8, device="cpu")
    assert figures["games"] == 8
    assert figures["simulations"] >= figures["simulations_per_move"] * figures["positions"] - 1
    assert figures["precision"] is not None
    assert min(figures["evaluations"], figures["seconds"], figures["nodes_per_second"], sum(figures["phases"].values())) > 0
