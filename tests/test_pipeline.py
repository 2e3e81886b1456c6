"""An iteration end to end: what it leaves behind, how it goes on after an interruption, and what it refuses."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, Dict, List

import pytest

from pawnzero import pipeline
from pawnzero.agent import Agent
from pawnzero.config import Config, ModelConfig, SelfplayConfig
from pawnzero.errors import PawnzeroError, UsageError
from pawnzero.nets.checkpoint import Checkpoint, Weights, save_checkpoint
from pawnzero.nets.resnet import PolicyValueNet
from pawnzero.progress import Progress
from pawnzero.records import GameRecord
from pawnzero.replay import ReplayBuffer
from pawnzero.selfplay_stage import selfplay_stage
from pawnzero.train_loop import train_loop

CONFIG = Config(
    game="tic_tac_toe",
    mcts_sims=8,
    num_selfplay=6,
    batch_size=16,
    trainer_iters=5,
    replay_capacity=500,
    eval_games=4,
    keep_checkpoints=2,
    model=ModelConfig(channels=8, blocks=1),
)


class Notes(Progress):
    """Keeps what it is told; raises KeyboardInterrupt in the stage and at the count it is given."""

    def __init__(self, stage: str = "", count: int = 0) -> None:
        self.texts: List[str] = []
        self._stop_at = (stage, count)
        self._at = ("", 0)

    def start(self, stage: str, total: int, unit: str) -> None:
        self._at = (stage, 0)
        if self._at == self._stop_at:
            raise KeyboardInterrupt

    def advance(self, count: int = 1, **figures: object) -> None:
        self._at = (self._at[0], self._at[1] + count)
        if self._at == self._stop_at:
            raise KeyboardInterrupt

    def note(self, text: str) -> None:
        self.texts.append(text)


def files_of(agent: Agent) -> Dict[str, Any]:
    found = (p for p in agent.directory.rglob("*") if p.is_file() and p.name != ".lock")
    return {str(p.relative_to(agent.directory)): p.stat().st_mtime_ns for p in found}


def test_iterations_leave_what_is_promised(tmp_path: Path) -> None:
    figures = pipeline.run_iteration(tmp_path / "A", CONFIG, iteration=0, device="cpu")
    agent = Agent.open(tmp_path / "A")
    assert {"iteration", "selfplay", "train", "arena", "promoted"} <= set(figures)
    assert figures["iteration"] == 0
    assert figures["selfplay"]["games"] == 6
    assert figures["selfplay"]["precision"] in ("float32", "bfloat16")  # too few positions for int8
    assert figures["train"]["step"] == 5
    assert figures["arena"]["games"] == 4
    assert figures["promoted"] is True  # the first challenger always is
    for path in (agent.latest, agent.best, agent.replay, agent.checkpoints / "ckpt_000005.pt"):
        assert path.is_file()
    arena = json.loads((agent.experiments / "last_arena.json").read_text())
    assert arena["winrate"] == figures["arena"]["score"]
    checked = json.loads((agent.experiments / "prechecks.json").read_text())
    assert checked["ok"] is True
    assert CONFIG.game in checked["game"]["rows"][0]["name"]
    assert len((agent.experiments / "arena.csv").read_text().splitlines()) == 2
    records = json.loads((agent.experiments / "train.json").read_text())
    assert records
    assert all({"step", "epoch", "loss"} <= set(record) for record in records)
    buffer = ReplayBuffer(agent.replay)
    assert len(buffer) == figures["selfplay"]["positions"]

    for number in (1, 2):
        later = pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu")
        assert later["iteration"] == number
        assert later["train"]["step"] == 5 * (number + 1)
    agent = Agent.open(tmp_path / "A")
    assert [step for step, _ in agent.numbered()] == [10, 15]
    assert [found["iteration"] for found in agent.iterations] == [0, 1, 2]
    ids = ReplayBuffer(agent.replay).last_game_ids(500)
    assert sorted(ids) == [(number << 32) + game for number in range(3) for game in range(6)]


def test_a_finished_iteration_does_nothing_and_a_gap_is_refused(tmp_path: Path) -> None:
    first = pipeline.run_iteration(tmp_path / "A", CONFIG, iteration=0, device="cpu")
    agent = Agent.open(tmp_path / "A")
    before = files_of(agent)
    notes = Notes()
    again = pipeline.run_iteration(tmp_path / "A", CONFIG, iteration=0, device="cpu", progress=notes)
    assert again.pop("already_done") is True
    assert again == first
    assert any("finished" in text for text in notes.texts)
    with pytest.raises(UsageError, match="at iteration 1"):
        pipeline.run_iteration(tmp_path / "A", CONFIG, iteration=2, device="cpu")
    assert files_of(agent) == before


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


def test_the_replay_ratio_says_how_far_an_iteration_trains(tmp_path: Path) -> None:
    """An iteration that is interrupted keeps what it was to do, whatever the settings say by then."""
    config = dataclasses.replace(CONFIG, trainer=dataclasses.replace(CONFIG.trainer, replay_ratio=3.0))
    samples = positions = 0
    for number in range(3):
        if number == 1:
            with pytest.raises(KeyboardInterrupt):
                pipeline.run_iteration(tmp_path / "A", config, device="cpu", progress=Notes("train", 2))
            other = dataclasses.replace(config, trainer=dataclasses.replace(config.trainer, replay_ratio=50.0))
            found = pipeline.run_iteration(tmp_path / "A", other, device="cpu")
        else:
            found = pipeline.run_iteration(tmp_path / "A", config, device="cpu")
        new, steps = found["selfplay"]["positions"], found["train"]["step"] - samples // 16
        assert steps == (3 * (positions + new) - samples) // 16
        assert found["train"]["replay_ratio"] == pytest.approx(steps * 16 / new, abs=1e-4)
        assert found["train"]["epoch"] == number + 1
        samples, positions = samples + steps * 16, positions + new
        assert Agent.open(tmp_path / "A").metadata["samples_owed"] == 3 * positions - samples
    without = pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu")
    assert without["train"]["step"] == samples // 16 + 5
    assert Agent.open(tmp_path / "A").metadata["samples_owed"] == 3 * positions - samples


def test_the_replay_ratio_counts_all_samples_of_a_step(tmp_path: Path) -> None:
    config = dataclasses.replace(CONFIG, grad_accum_steps=2, trainer=dataclasses.replace(CONFIG.trainer, replay_ratio=8.0))
    found = pipeline.run_iteration(tmp_path / "A", config, device="cpu")
    assert found["train"]["step"] == 8 * found["selfplay"]["positions"] // (2 * CONFIG.batch_size)


def test_stages_alone(tmp_path: Path) -> None:
    agent = Agent.create(tmp_path / "A", CONFIG)
    with pytest.raises(PawnzeroError, match="selfplay"):
        pipeline.train_stage(agent, CONFIG, device="cpu")
    assert selfplay_stage(agent, CONFIG, games=3, device="cpu")["games"] == 3
    assert selfplay_stage(agent, CONFIG, games=2, device="cpu")["games"] == 2
    assert len(set(ReplayBuffer(agent.replay).last_game_ids(10))) == 5
    assert pipeline.train_stage(agent, CONFIG, epochs=2, device="cpu")["step"] == 10
    assert pipeline.train_stage(agent, CONFIG, epochs=1, device="cpu")["step"] == 15


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


def test_the_capacity_follows_the_settings_and_the_shape_does_not(tmp_path: Path) -> None:
    pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu")
    changed = dataclasses.replace(CONFIG, replay_capacity=40, model=ModelConfig(channels=16, blocks=1))
    notes = Notes()
    pipeline.run_iteration(tmp_path / "A", changed, device="cpu", progress=notes)
    assert any("resized from 500 to 40" in text for text in notes.texts)
    assert any("keeps its shape" in text for text in notes.texts)
    assert ReplayBuffer(Agent.open(tmp_path / "A").replay).capacity == 40


def test_a_run_counts_its_iterations(tmp_path: Path) -> None:
    done = pipeline.run_until(tmp_path / "A", CONFIG, iterations=2, device="cpu")
    assert [found["iteration"] for found in done["iterations"]] == [0, 1]
    more = pipeline.run_until(tmp_path / "A", CONFIG, hours=1e-5, device="cpu")
    assert [found["iteration"] for found in more["iterations"]] == [2]  # the budget was spent while it ran


def test_smoke_finds_a_sound_setup() -> None:
    figures = pipeline.smoke(device="cpu")
    assert figures["ok"] is True
    assert figures["faults"] == []
    assert figures["plies"] > 0


def test_a_failed_precheck_stops_training(tmp_path: Path, failing_checks: None) -> None:
    with pytest.raises(PawnzeroError, match="integrity checks failed"):
        pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu")
    agent = Agent.open(tmp_path / "A")
    assert json.loads((agent.experiments / "prechecks.json").read_text())["ok"] is False
    assert not agent.latest.exists()


def test_long_games_are_counted_as_adjudicated(tmp_path: Path) -> None:
    config = dataclasses.replace(CONFIG, selfplay=SelfplayConfig(max_plies=3))
    figures = pipeline.run_iteration(tmp_path / "A", config, device="cpu")
    assert figures["selfplay"]["adjudicated"] == 6
    assert figures["selfplay"]["draw_rate"] == 1.0


def test_a_gap_creates_no_agent(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="first iteration is 0"):
        pipeline.run_iteration(tmp_path / "A", CONFIG, iteration=3, device="cpu")
    assert not (tmp_path / "A").exists()


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


def test_the_seed_of_the_settings_is_the_games_seed(tmp_path: Path) -> None:
    played = []
    for name, seed in (("A", 1), ("B", 2), ("C", 1)):
        agent = Agent.create(tmp_path / name, CONFIG)
        selfplay_stage(agent, dataclasses.replace(CONFIG, seed=seed), games=3, device="cpu")
        played.append((agent.checkpoints / "replay.pt").read_bytes())
    assert played[0] != played[1]
    assert played[0] == played[2]


def test_training_meanwhile_leaves_an_interrupted_iteration_its_own(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu", progress=Notes("train", 3))
    agent = Agent.open(tmp_path / "A")
    pipeline.train_stage(agent, CONFIG, device="cpu")
    reached = pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu")["train"]
    assert reached["step"] == 10
    assert reached["steps_done"] > 0


def test_training_from_python_meanwhile_leaves_it_its_own_too(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu", progress=Notes("train", 3))
    agent = Agent.open(tmp_path / "A")
    cfg = {"ckpt_dir": agent.checkpoints, "iters": 30, "batch_size": CONFIG.batch_size}
    train_loop(PolicyValueNet(agent.model, CONFIG.game), ReplayBuffer(agent.replay), cfg)
    reached = pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu")["train"]
    assert reached["step"] == CONFIG.trainer_iters + 30
    assert 0 < reached["steps_done"] < CONFIG.trainer_iters


def test_training_that_is_interrupted_meanwhile_adds_nothing_to_it(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu", progress=Notes("train", 2))
    agent = Agent.open(tmp_path / "A")
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            pipeline.train_stage(agent, CONFIG, device="cpu", progress=Notes("train", 1))
    assert pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu")["train"]["step"] == CONFIG.trainer_iters + 2


def test_training_after_an_iterations_own_leaves_nothing_in_its_record(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu", progress=Notes("arena", 1))
    pipeline.train_stage(Agent.open(tmp_path / "A"), CONFIG, device="cpu")
    found = pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu")
    assert found["train"]["step"] == CONFIG.trainer_iters
    assert set(found) == {"iteration", "selfplay", "train", "arena", "seconds", "promoted", "alarms"}


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


def test_restarts_that_cannot_be_are_told(tmp_path: Path) -> None:
    config = dataclasses.replace(CONFIG, selfplay=SelfplayConfig(restart_share=0.5))
    notes = Notes()
    for _ in range(2):
        pipeline.run_iteration(tmp_path / "A", config, device="cpu", progress=notes)
    (told,) = (text for text in notes.texts if text.startswith("no game restarts from an archived position"))
    assert "6 games of up to 200 plies could overwrite all" in told


def test_whoever_takes_the_lock_sees_what_the_one_before_wrote(tmp_path: Path) -> None:
    Agent.create(tmp_path / "A", CONFIG)
    early, late = Agent.open(tmp_path / "A"), Agent.open(tmp_path / "A")
    with late.lock():
        late.update(next_iteration=5)
    with early.lock():
        assert early.metadata["next_iteration"] == 5


@pytest.mark.parametrize("text", ["", "[1, 2]", '{"a": 1}'])
def test_a_damaged_record_of_resignations_stops_nothing(tmp_path: Path, text: str) -> None:
    pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu")
    (tmp_path / "A" / "experiments" / "resignation.json").write_text(text)
    notes = Notes()
    assert pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu", progress=notes)["iteration"] == 1
    assert [text for text in notes.texts if "resignation.json: damaged" in text]


def test_the_averaged_weights_play_for_training(tmp_path: Path) -> None:
    def weights(seed: int) -> Weights:
        return PolicyValueNet(CONFIG.model, CONFIG.game, seed).state_dict()

    played = []
    for name, current, averaged in (("A", 1, 2), ("B", 2, 2), ("C", 1, 1)):
        agent = Agent.create(tmp_path / name, CONFIG)
        save_checkpoint(agent.latest, Checkpoint(CONFIG.game, CONFIG.model, 5, 1, weights(current), weights(averaged)))
        selfplay_stage(agent, CONFIG, games=3, device="cpu")
        played.append(agent.replay.read_bytes())
    assert played[0] == played[1]
    assert played[0] != played[2]


def moves(agent: Agent) -> Dict[int, List[int]]:
    """The moves of each game in its replay buffer, by the game's id."""
    return {game.game_id: game.line.actions for game in ReplayBuffer(agent.replay).newest_games(100)}


def test_games_go_on_as_they_were_begun_though_the_seed_was_changed(tmp_path: Path) -> None:
    whole, torn = (Agent.create(tmp_path / name, CONFIG) for name in ("A", "B"))
    selfplay_stage(whole, CONFIG, games=8, device="cpu")
    with pytest.raises(KeyboardInterrupt):
        selfplay_stage(torn, CONFIG, games=8, device="cpu", progress=Notes("self-play", 1))
    selfplay_stage(torn, dataclasses.replace(CONFIG, seed=9), games=8, device="cpu")
    assert moves(torn) == moves(whole)


def test_hopeless_games_are_given_up_where_that_is_asked_for(tmp_path: Path) -> None:
    agent = Agent.create(tmp_path / "A", CONFIG)
    (agent.experiments / "resignation.json").write_text(json.dumps([(0.9, True)] * 200))
    for resign, threshold in ((False, 0.0), (True, 0.9)):
        config = dataclasses.replace(CONFIG, selfplay=SelfplayConfig(resign=resign, resign_playthrough=0.0))
        found = selfplay_stage(agent, config, games=4, device="cpu")
        assert found["resignation"]["threshold"] == threshold
        assert (found["resigned"] > 0) is resign


def test_what_games_cost_is_added_up_over_two_interruptions(tmp_path: Path) -> None:
    agent = Agent.create(tmp_path / "A", CONFIG)
    one_by_one = dataclasses.replace(CONFIG, selfplay=SelfplayConfig(games_in_flight=1))
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            selfplay_stage(agent, one_by_one, games=8, device="cpu", progress=Notes("self-play", 3))
    figures = selfplay_stage(agent, one_by_one, games=8, device="cpu")
    assert figures["games"] == 8
    assert figures["simulations"] >= figures["simulations_per_move"] * figures["positions"] - 1


def test_games_restart_where_earlier_ones_stood(tmp_path: Path) -> None:
    agent = Agent.create(tmp_path / "A", CONFIG)
    config = dataclasses.replace(CONFIG, selfplay=SelfplayConfig(max_plies=9, restart_share=1.0))
    assert selfplay_stage(agent, config, games=4, device="cpu")["restart_share"] == 0.0
    assert selfplay_stage(agent, config, games=4, device="cpu")["restart_share"] > 0.0
    games = ReplayBuffer(agent.replay).newest_games(8)
    assert any(game.context > 0 for game in games[:4])
    beginnings = {tuple(old.line.actions[:plies]) for old in games[4:] for plies in range(10)}
    assert {tuple(game.line.actions[: game.context]) for game in games[:4]} <= beginnings


def test_nobody_else_writes_between_the_iterations_of_a_run(tmp_path: Path) -> None:
    def another(_: Dict[str, Any]) -> None:
        with pytest.raises(PawnzeroError, match="in use by process"), Agent.open(tmp_path / "A").lock():
            pass

    done = pipeline.run_until(tmp_path / "A", CONFIG, iterations=2, device="cpu", each=another)
    assert [one["iteration"] for one in done["iterations"]] == [0, 1]
    with Agent.open(tmp_path / "A").lock():
        pass


def test_a_net_that_is_gone_is_not_begun_anew(tmp_path: Path) -> None:
    pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu")
    agent = Agent.open(tmp_path / "A")
    ((step, newest),) = agent.numbered()
    agent.latest.unlink()
    before = files_of(agent)
    for go_on in (
        lambda: pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu"),
        lambda: pipeline.train_stage(Agent.open(tmp_path / "A"), CONFIG, device="cpu"),
        lambda: selfplay_stage(Agent.open(tmp_path / "A"), CONFIG, games=2, device="cpu"),
    ):
        with pytest.raises(PawnzeroError, match=f"latest.pt is missing; copy {newest.name} over it to go on from step {step}"):
            go_on()
    assert files_of(agent) == before
    newest.replace(agent.latest)
    assert pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu")["train"]["step"] > step
