"""An agent's directory: made whole or not at all, written by one process at a time."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List

import pytest

from pawnzero.agent import Agent, directory
from pawnzero.config import Config, ModelConfig, to_json
from pawnzero.errors import PawnzeroError, UsageError
from pawnzero.files import replacing
from pawnzero.progress import Progress

SMALL = Config(model=ModelConfig(channels=8, blocks=1), game="tic_tac_toe", seed=5)


class _Notes(Progress):
    def __init__(self) -> None:
        self.lines: List[str] = []

    def note(self, text: str) -> None:
        self.lines.append(text)


def test_create_and_open(tmp_path: Path) -> None:
    Agent.create(tmp_path / "models" / "AgentA", SMALL)
    agent = Agent.open(tmp_path / "models" / "AgentA")
    assert (agent.name, agent.game, agent.model, agent.metadata["seed"]) == ("AgentA", "tic_tac_toe", SMALL.model, 5)
    assert agent.checkpoints.is_dir()
    assert agent.experiments.is_dir()
    assert (agent.metadata["next_iteration"], agent.metadata["stage"], agent.iterations) == (0, None, [])
    assert agent.metadata["config"]["seed"] == 5


def test_open_says_what_creates_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nobody: no agent here; pawnzero iterate, run and selfplay create one"):
        Agent.open(tmp_path / "nobody")
    assert not (tmp_path / "nobody").exists()


def test_open_or_create_keeps_what_is_there(tmp_path: Path) -> None:
    first = Agent.open_or_create(tmp_path / "A", SMALL)
    second = Agent.open_or_create(tmp_path / "A", dataclasses.replace(SMALL, seed=6))
    assert second.metadata == first.metadata


@pytest.mark.parametrize(
    ("changes", "told"), [({}, True), ({"seed": 6}, False), ({"model": ModelConfig(channels=16, blocks=1)}, False)]
)
def test_a_new_agent_that_is_another_one_again_is_told(tmp_path: Path, changes: Dict[str, Any], told: bool) -> None:
    notes = _Notes()
    Agent.open_or_create(tmp_path / "A", SMALL, notes)
    assert notes.lines == []
    (tmp_path / "X").mkdir()
    (tmp_path / "X" / "metadata.json").write_text("{")
    for _ in range(2):
        Agent.open_or_create(tmp_path / "B", dataclasses.replace(SMALL, **changes), notes)
    assert notes.lines == told * [
        "B starts with the same net as A, from seed 5: with the same settings both start with the same games and learn "
        "nearly the same; for a different agent give another --seed"
    ]


def test_create_does_not_replace_an_agent(tmp_path: Path) -> None:
    Agent.create(tmp_path / "A", SMALL)
    with pytest.raises(PawnzeroError, match="lies here"):
        Agent.create(tmp_path / "A", SMALL)


def test_create_leaves_a_directory_of_something_else_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(PawnzeroError, match=r"thesis\.txt lies here"):
        Agent.create(tmp_path, SMALL)
    assert os.listdir(str(tmp_path)) == ["thesis.txt"]


def test_unknown_game_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="checkers"):
        Agent.create(tmp_path / "A", dataclasses.replace(SMALL, game="checkers"))
    assert not (tmp_path / "A").exists()


@pytest.mark.parametrize("place", ["/dev/null/AgentA", "/proc/AgentA"])
def test_a_place_that_cannot_be_written(place: str) -> None:
    if not Path(place).parent.exists():
        pytest.skip("no such place on this system")
    with pytest.raises(PawnzeroError, match=f"{place}: an agent cannot be created here"):
        Agent.create(Path(place), SMALL)


def under_way(**entries: Any) -> Dict[str, Any]:
    """metadata.json's entry of an iteration under way that has found this."""
    return {"stage": {"iteration": 0, "name": "train", "found": {"iteration": 0, **entries}}}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"format": 3}, "format 3, expected 2"),
        ({"format": 1}, "format 1, expected 2: written by another version; use that one, or move it to another folder"),
        ({"game": None}, "game is None, expected str"),
        ({"next_iteration": "3"}, "next_iteration is '3', expected int"),
        ({"stage": ...}, "stage is missing, expected dict or null"),
        ({"stage": "train"}, "stage is 'train', expected dict or null"),
        ({"stage": {"iteration": 0, "found": {}}}, "stage.name is missing, expected str"),
        ({"stage": {"iteration": 0, "name": "train"}}, "stage.found is missing, expected dict"),
        ({"stage": {"iteration": 0, "name": "train", "found": {}}}, "stage.found.iteration is missing, expected int"),
        (under_way(selfplay={}), "stage.found.selfplay.positions is missing, expected int"),
        (under_way(selfplay=[]), "stage.found.selfplay is [], expected dict or null"),
        (under_way(spent="x"), "stage.found.spent is 'x', expected int or float"),
        (under_way(frozen={}), "stage.found.frozen.archive is missing, expected list or null"),
        (under_way(steps=5), "stage.found.until_step is missing, expected int"),
        ({"next_iteration": -1}, "next_iteration is -1, expected 0 or more"),
        ({"seed": -1}, "seed is -1, expected 0 or more"),
        ({"games_outside_iterations": -1}, "games_outside_iterations is -1, expected 0 or more"),
        ({"config": []}, "config is [], expected dict"),
        ({"samples_owed": "1"}, "samples_owed is '1', expected int or float"),
        ({"selfplay_alone": {"games": 4}}, "selfplay_alone.first is missing, expected int"),
        (
            {"selfplay_alone": {"first": 0, "games": 4, "frozen": {}}},
            "selfplay_alone.frozen.archive is missing, expected list or null",
        ),
        ({"model": {"channels": 8}}, "expected blocks in it"),
        ({"model": {"channels": -8, "blocks": 1, "se_ratio": 4}}, "channels is -8, expected an integer from 1 to 4,096"),
        (
            {"model": {"channels": 8, "blocks": 1, "se_ratio": 4, "activation": "silu"}},
            "model has 'activation', which is unknown",
        ),
        ({"model": {"channels": 9, "blocks": 1, "se_ratio": 0, "mirrored": True}}, "expected even numbers"),
        (
            {"model": {"channels": 8, "blocks": 1, "se_ratio": 4, "depth": 3}},
            "model has 'depth', which is unknown here (written by another version?)",
        ),
    ],
)
def test_metadata_that_cannot_be_relied_on(tmp_path: Path, change: dict, told: str) -> None:
    agent = Agent.create(tmp_path / "A", SMALL)
    path = agent.directory / "metadata.json"
    changed = {**agent.metadata, **change}
    path.write_text(json.dumps({key: value for key, value in changed.items() if value is not ...}))
    with pytest.raises(PawnzeroError, match=r"metadata\.json: ") as caught:
        Agent.open(agent.directory)
    assert told in str(caught.value)


def test_a_net_beyond_the_machines_memory_leaves_no_agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needed = 2 * 4 * 3 * 2 * 9 * 64 * 64
    monkeypatch.setattr(directory, "usable_memory", lambda: needed - 1)
    config = Config(model=ModelConfig(channels=64, blocks=3), game="tic_tac_toe")
    with pytest.raises(UsageError, match=r"model\.channels 64 and model\.blocks 3: .* memory"):
        Agent.create(tmp_path / "A", config)
    assert not (tmp_path / "A").exists()
    for memory in (needed, None):
        monkeypatch.setattr(directory, "usable_memory", lambda memory=memory: memory)
        Agent.create(tmp_path / f"B{memory}", config)


@pytest.mark.parametrize("more", [{}, {"mirrored": False, "activation": "relu"}])
def test_metadata_from_before_nets_were_mirrored_and_one_that_names_the_activation(
    tmp_path: Path, more: Dict[str, Any]
) -> None:
    agent = Agent.create(tmp_path / "A", SMALL)
    shape = {**{name: agent.metadata["model"][name] for name in ("channels", "blocks", "se_ratio")}, **more}
    used = {**agent.metadata["config"], "model": shape}
    (agent.directory / "metadata.json").write_text(json.dumps({**agent.metadata, "model": shape, "config": used}))
    found = Agent.open(agent.directory)
    assert found.model == SMALL.model
    assert "activation" not in {**found.metadata["model"], **found.metadata["config"]["model"]}


def test_update_is_on_disk_and_needs_the_lock(tmp_path: Path) -> None:
    agent = Agent.create(tmp_path / "A", SMALL)
    with pytest.raises(AssertionError):
        agent.update(next_iteration=1)
    with agent.lock():
        agent.update(next_iteration=1)
    assert Agent.open(agent.directory).metadata == agent.metadata
    assert agent.metadata["next_iteration"] == 1


def test_update_keeps_what_another_holder_wrote(tmp_path: Path) -> None:
    agent = Agent.create(tmp_path / "A", SMALL)
    other = Agent.open(tmp_path / "A")
    with other.lock():
        other.update(next_iteration=4)
    with agent.lock():
        agent.update(best={"step": 1})
    assert Agent.open(tmp_path / "A").metadata["next_iteration"] == 4


_HOLD = """
import sys, time
from pathlib import Path
from pawnzero.agent import Agent
with Agent.open(Path(sys.argv[1])).lock():
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_writer_is_told_who_holds_it_until_that_one_dies(tmp_path: Path) -> None:
    agent = Agent.create(tmp_path / "A", SMALL)
    holder = subprocess.Popen([sys.executable, "-c", _HOLD, str(agent.directory)], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(PawnzeroError, match=f"in use by process {holder.pid}"), agent.lock():
            pass
    finally:
        holder.kill()
        holder.communicate()
    with agent.lock():
        pass


def test_the_lock_may_be_taken_again_inside(tmp_path: Path) -> None:
    agent = Agent.create(tmp_path / "A", SMALL)
    with agent.lock():
        with agent.lock():
            pass
        with pytest.raises(PawnzeroError, match="in use"), Agent.open(tmp_path / "A").lock():
            pass
    with Agent.open(tmp_path / "A").lock():
        pass


def test_numbered_checkpoints_in_order_of_steps(tmp_path: Path) -> None:
    agent = Agent.create(tmp_path / "A", SMALL)
    for name in ("ckpt_000200.pt", "ckpt_000100.pt", "ckpt_1000000.pt", "latest.pt", "ckpt_abc.pt"):
        (agent.checkpoints / name).touch()
    assert [step for step, _ in agent.numbered()] == [100, 200, 1000000]


def test_what_a_killed_write_left_is_cleared_by_the_next_holder(tmp_path: Path) -> None:
    agent = Agent.create(tmp_path / "A", SMALL)
    (agent.experiments / "report").mkdir()
    left = [agent.checkpoints / ".latest.pt.99999.new", agent.experiments / "report" / ".arena.png.99999.new"]
    for path in left:
        path.touch()
    os.utime(str(left[1]), (0, 0))
    with agent.lock():
        assert not any(path.exists() for path in left)


def test_a_report_that_is_being_written_beside_is_left_to_its_writer(tmp_path: Path) -> None:
    agent = Agent.create(tmp_path / "A", SMALL)
    with replacing(agent.experiments / "report.html") as stream:
        stream.write(b"half of")
        with agent.lock():
            stream.write(b" it")
    assert (agent.experiments / "report.html").read_bytes() == b"half of it"


def test_game_and_shape_stay_the_agents_own(tmp_path: Path) -> None:
    agent, notes = Agent.create(tmp_path / "A", SMALL), _Notes()
    assert agent.adopt(SMALL, notes) == SMALL
    assert notes.lines == []
    adopted = agent.adopt(Config(mcts_sims=9), notes)
    assert (adopted.game, adopted.model, adopted.mcts_sims) == ("tic_tac_toe", SMALL.model, 9)
    assert any("channels 8, not 64" in line for line in notes.lines)
    assert any("tic_tac_toe" in line for line in notes.lines)


def test_only_what_is_used_is_recorded_and_told(tmp_path: Path) -> None:
    agent, notes = Agent.create(tmp_path / "A", SMALL), _Notes()
    trainer = dataclasses.replace(SMALL.trainer, lr=0.5)
    changed = dataclasses.replace(SMALL, mcts_sims=SMALL.mcts_sims + 1, batch_size=SMALL.batch_size + 1, trainer=trainer)
    with agent.lock():
        agent.keep_settings(changed, notes, ("batch_size", "trainer"))
    kept = agent.metadata["config"]
    assert (kept["mcts_sims"], kept["batch_size"], kept["trainer"]["lr"]) == (SMALL.mcts_sims, changed.batch_size, 0.5)
    assert kept.keys() == to_json(SMALL).keys()
    (line,) = notes.lines
    assert line.endswith(f"batch_size {SMALL.batch_size} → {changed.batch_size}, trainer.lr {SMALL.trainer.lr} → 0.5")


def test_an_agents_own_folder_names_the_agent(tmp_path: Path) -> None:
    agent = Agent.create(tmp_path / "A", SMALL)
    with pytest.raises(UsageError, match=f"checkpoints: no agent here; the agent is {re.escape(str(agent.directory))}$"):
        Agent.open(agent.checkpoints)


def test_every_setting_that_changes_is_told_and_which_are_as_by_default_again(tmp_path: Path) -> None:
    agent, notes = Agent.create(tmp_path / "A", SMALL), _Notes()
    changed = Config(num_selfplay=7, eval_games=8, batch_size=9, trainer_iters=10, keep_checkpoints=11, seed=12, eval_elo1=13.0)
    own = dataclasses.replace(changed, game=SMALL.game, model=SMALL.model)
    with agent.lock():
        agent.keep_settings(own, notes)
        agent.keep_settings(dataclasses.replace(own, eval_games=20, batch_size=64, seed=14), notes)
    many, back = notes.lines
    for name in ("num_selfplay", "eval_games", "batch_size", "trainer_iters", "keep_checkpoints", "seed", "eval_elo1"):
        assert f"{name} " in many
    assert back.endswith(
        "batch_size 9 → 64, eval_games 8 → 20, seed 12 → 14; 2 of them back to the default: was --config FILE or a "
        "flag left out this time?"
    )
