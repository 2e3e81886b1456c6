"""An iteration end to end: what it leaves behind, what its settings do, and what it refuses."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any, Dict

import pytest

from pawnzero.agent import Agent
from pawnzero.config import ModelConfig, SelfplayConfig
from pawnzero.errors import PawnzeroError, UsageError
from pawnzero.nets.checkpoint import Checkpoint, Weights, load_checkpoint, save_checkpoint
from pawnzero.nets.resnet import PolicyValueNet
from pawnzero.pipeline import iteration as pipeline
from pawnzero.pipeline.selfplay import selfplay_stage
from pawnzero.pipeline.training import train_stage
from pawnzero.replay import ReplayBuffer
from tests.iterations import CONFIG, Notes, files_of


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
    with agent.lock():  # of a folder that nobody else may write to, what is finished may still be asked
        assert pipeline.run_iteration(tmp_path / "A", CONFIG, iteration=0, device="cpu")["already_done"] is True
    with pytest.raises(UsageError, match="at iteration 1"):
        pipeline.run_iteration(tmp_path / "A", CONFIG, iteration=2, device="cpu")
    assert files_of(agent) == before


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
        train_stage(agent, CONFIG, device="cpu")
    assert selfplay_stage(agent, CONFIG, games=3, device="cpu")["games"] == 3
    assert selfplay_stage(agent, CONFIG, games=2, device="cpu")["games"] == 2
    assert len(set(ReplayBuffer(agent.replay).last_game_ids(10))) == 5
    assert train_stage(agent, CONFIG, epochs=2, device="cpu")["step"] == 10
    assert train_stage(agent, CONFIG, epochs=1, device="cpu")["step"] == 15


def test_the_capacity_follows_the_settings_and_the_shape_does_not(tmp_path: Path) -> None:
    pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu")
    changed = dataclasses.replace(CONFIG, replay_capacity=40, model=ModelConfig(channels=16, blocks=1))
    notes = Notes()
    pipeline.run_iteration(tmp_path / "A", changed, device="cpu", progress=notes)
    assert any("resized from 500 to 40" in text for text in notes.texts)
    assert any(
        "A keeps its net's shape (channels 8, not 16); game and net shape can only be set for a new agent" in text
        for text in notes.texts
    )
    assert ReplayBuffer(Agent.open(tmp_path / "A").replay).capacity == 40


def test_a_run_counts_its_iterations(tmp_path: Path) -> None:
    done = pipeline.run_until(tmp_path / "A", CONFIG, iterations=2, device="cpu")
    assert [found["iteration"] for found in done["iterations"]] == [0, 1]
    more = pipeline.run_until(tmp_path / "A", CONFIG, hours=1e-5, device="cpu")
    assert [found["iteration"] for found in more["iterations"]] == [2]  # the budget was spent while it ran


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


def test_the_seed_of_the_settings_is_the_games_seed(tmp_path: Path) -> None:
    played = []
    for name, seed in (("A", 1), ("B", 2), ("C", 1)):
        agent = Agent.create(tmp_path / name, CONFIG)
        selfplay_stage(agent, dataclasses.replace(CONFIG, seed=seed), games=3, device="cpu")
        played.append((agent.checkpoints / "replay.pt").read_bytes())
    assert played[0] != played[1]
    assert played[0] == played[2]


def test_restarts_that_cannot_be_are_told(tmp_path: Path) -> None:
    config = dataclasses.replace(CONFIG, selfplay=SelfplayConfig(restart_share=0.5))
    notes = Notes()
    for _ in range(2):
        pipeline.run_iteration(tmp_path / "A", config, device="cpu", progress=notes)
    (told,) = (text for text in notes.texts if text.startswith("no game restarts from a position of the replay buffer"))
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


def test_hopeless_games_are_given_up_where_that_is_asked_for(tmp_path: Path) -> None:
    agent = Agent.create(tmp_path / "A", CONFIG)
    (agent.experiments / "resignation.json").write_text(json.dumps([(0.49999, True, 1)] * 300))
    for resign in (False, True):
        config = dataclasses.replace(
            CONFIG, selfplay=SelfplayConfig(resign=resign, resign_playthrough=0.01, resign_false_positives=0.1)
        )
        found = selfplay_stage(agent, config, games=12, device="cpu")
        assert (found["resignation"]["threshold"] > 0.4) is resign
        assert (found["resigned"] > 0) is resign


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
        lambda: train_stage(Agent.open(tmp_path / "A"), CONFIG, device="cpu"),
        lambda: selfplay_stage(Agent.open(tmp_path / "A"), CONFIG, games=2, device="cpu"),
    ):
        with pytest.raises(
            PawnzeroError, match=f"latest.pt is missing; copy {newest.name} to latest.pt to go on from step {step}"
        ):
            go_on()
    assert files_of(agent) == before
    newest.replace(agent.best)
    with pytest.raises(PawnzeroError, match=r"latest.pt is missing; copy best.pt to latest.pt"):
        pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu")
    kept = agent.best.read_bytes()
    shutil.rmtree(agent.checkpoints)
    with pytest.raises(PawnzeroError, match=r"latest.pt is missing, and there is no net to go on from"):
        pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu")
    agent.latest.write_bytes(kept)
    assert pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu")["train"]["step"] > step


def test_a_damaged_net_is_told_before_anything_is_played_with_what_helps(tmp_path: Path) -> None:
    for _ in range(2):
        pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu")
    agent = Agent.open(tmp_path / "A")
    (_, older), (_, newer) = agent.numbered()
    sound = agent.best.read_bytes()

    def refused(path: Path, told: str) -> None:
        path.write_bytes(path.read_bytes()[:1000])
        before = files_of(agent)
        with pytest.raises(PawnzeroError, match=rf"{path.name}: truncated or damaged checkpoint; {told}"):
            pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu")
        assert {**files_of(agent), **before} == before

    refused(agent.best, rf"remove it, and the latest net becomes the best one .*, or copy .* such as {newer.name} over it")
    agent.best.unlink()
    assert pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu")["promoted"] is True
    (_, older), (_, newer) = agent.numbered()
    newer.write_bytes(b"PK")
    refused(agent.latest, f"copy {older.name} over it to go on from step 10")
    older.unlink()
    refused(agent.latest, "copy best.pt over it to go on from the promoted net")
    agent.best.unlink()
    refused(agent.latest, "there is no other net to go on from")
    with pytest.raises(PawnzeroError, match="there is no other net to go on from"):
        train_stage(Agent.open(tmp_path / "A"), CONFIG, device="cpu")
    agent.latest.write_bytes(sound)
    assert pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu")["iteration"] == 3


def test_folders_that_are_gone_are_made_again(tmp_path: Path) -> None:
    pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu")
    shutil.rmtree(tmp_path / "A" / "experiments")
    assert train_stage(Agent.open(tmp_path / "A"), CONFIG, device="cpu")["steps_done"] == CONFIG.trainer_iters


def test_training_alone_never_goes_on_with_what_an_iteration_left(tmp_path: Path) -> None:
    """The steps may end alike by chance; the games since then are to count, and the seed that was asked for."""
    with pytest.raises(KeyboardInterrupt):
        pipeline.run_iteration(tmp_path / "A", CONFIG, device="cpu", progress=Notes("train", 3))
    agent = Agent.open(tmp_path / "A")

    def stage() -> Dict[str, Any]:
        training = load_checkpoint(agent.latest).training
        assert training is not None
        found: Dict[str, Any] = training["stage"]
        return found

    left = stage()
    assert (left["name"], left["start_step"]) == ("iteration 0", 0)
    selfplay_stage(agent, CONFIG, games=4, device="cpu")
    rest = left["until_step"] - load_checkpoint(agent.latest).step
    assert rest > 0
    config = dataclasses.replace(CONFIG, trainer_iters=rest, seed=CONFIG.seed + 1)
    train_stage(Agent.open(tmp_path / "A"), config, device="cpu")
    own = stage()
    assert own["until_step"] == left["until_step"]
    assert (own["start_step"], own["seed"]) == (left["until_step"] - rest, config.seed)
    assert own["window"][1] > left["window"][1]


@pytest.mark.parametrize(
    ("file", "content", "helps"),
    [
        ("checkpoints/replay.pt", b"PZREPLAY", "move it away, and the next games begin a new one"),
        (
            "metadata.json",
            b"",
            "move it to another folder, and `pawnzero run` with the agent's own game, net shape and seed recreates it",
        ),
        (
            "experiments/iterations.jsonl",
            b'{"iteration": 0}\n',
            "take that line out, and the agent goes on without it",
        ),
    ],
)
def test_what_helps_with_a_damaged_file_is_told_and_does_help(tmp_path: Path, file: str, content: bytes, helps: str) -> None:
    agent_dir = tmp_path / "A"
    pipeline.run_iteration(agent_dir, CONFIG, device="cpu")
    pipeline.run_iteration(agent_dir, CONFIG, device="cpu")
    second = (agent_dir / "experiments" / "iterations.jsonl").read_bytes().splitlines(keepends=True)[1]
    damaged = agent_dir / file
    damaged.write_bytes(content + second if damaged.suffix == ".jsonl" else content)
    with pytest.raises(PawnzeroError) as caught:
        pipeline.run_iteration(agent_dir, CONFIG, device="cpu")
    assert str(damaged) in str(caught.value)
    assert str(caught.value).endswith(helps)
    if damaged.suffix == ".jsonl":
        damaged.write_bytes(second)
    else:
        damaged.rename(tmp_path / damaged.name)
    found = pipeline.run_iteration(agent_dir, CONFIG, device="cpu")
    assert (found["iteration"], found["train"]["step"]) == (2, 3 * CONFIG.trainer_iters)


def test_later_games_are_searched_longer(tmp_path: Path) -> None:
    longer = dataclasses.replace(CONFIG.selfplay, later_sims=20, later_from=1)
    config = dataclasses.replace(CONFIG, mcts_sims=4, selfplay=longer)
    sims = [pipeline.run_iteration(tmp_path / "A", config, device="cpu")["selfplay"]["simulations_per_move"] for _ in range(2)]
    assert 2 < sims[0] <= 4 < 10 < sims[1] <= 20
    outside = selfplay_stage(Agent.open(tmp_path / "A"), config, games=3, device="cpu")
    assert 10 < outside["simulations_per_move"] <= 20
