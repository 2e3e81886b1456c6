"""The commands that work on an agent, each for real with a tiny net: what they report and what they leave."""

from __future__ import annotations

import json
import math
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pawnzero.agent import Agent
from pawnzero.cli.main import script
from pawnzero.cli.stories import closing_lines
from pawnzero.nets.checkpoint import load_checkpoint
from pawnzero.replay import ReplayBuffer
from tests.conftest import TELLING_OFTEN

ROOT = Path(__file__).resolve().parents[2]
TRAINING = ROOT / "training"
SCRIPTS = {"train": ("train", str(TRAINING / "train.py")), "run_iteration": ("iterate", str(TRAINING / "run_iteration.py"))}


def test_iterate_leaves_everything_the_contract_lists(agent_dir: Path) -> None:
    for name in (
        "metadata.json",
        "checkpoints/latest.pt",
        "checkpoints/best.pt",
        "checkpoints/replay.pt",
        "experiments/prechecks.json",
        "experiments/last_arena.json",
        "experiments/arena.csv",
        "experiments/train.json",
    ):
        assert (agent_dir / name).is_file(), name
    assert sorted((agent_dir / "checkpoints").glob("ckpt_*.pt"))
    assert "winrate" in json.loads((agent_dir / "experiments" / "last_arena.json").read_text())
    assert isinstance(json.loads((agent_dir / "experiments" / "train.json").read_text()), list)
    assert json.loads((agent_dir / "metadata.json").read_text())["config"]["mcts_sims"] == 4


def test_iterate_goes_on_with_the_next_and_does_a_finished_one_no_more(cli: Any, agent_dir: Path, tiny_config: Path) -> None:
    told = cli("iterate", agent_dir, "--iteration", "1", "--config", tiny_config, "--json")
    assert told.code == 0
    found = told.json()
    assert found["iteration"] == 1
    assert found["selfplay"]["games"] == 3
    assert found["train"]["step"] == 8
    assert found["arena"]["games"] == 2
    assert isinstance(found["promoted"], bool)
    before = (agent_dir / "checkpoints" / "latest.pt").read_bytes()
    again = cli("iterate", agent_dir, "--iteration", "1", "--config", tiny_config)
    assert again.code == 0
    assert "finished" in again.out
    assert (agent_dir / "checkpoints" / "latest.pt").read_bytes() == before


def test_iterate_tells_people_what_happened(cli: Any, tmp_path: Path, tiny_config: Path) -> None:
    shown = cli("iterate", tmp_path / "A", "--config", tiny_config, "--seed", "3").out
    for word in (
        f"settings: {tiny_config}",
        "self-play",
        "training",
        "arena",
        "promotion",
        "there was no best net yet",
        "Next:",
    ):
        assert word in shown


def test_a_command_without_the_agents_own_file_keeps_its_positions_and_says_what_changes(
    cli: Any, tmp_path: Path, tiny_config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {**json.loads(tiny_config.read_text()), "replay_capacity": 150_000}
    own = tmp_path / "own.json"
    own.write_text(json.dumps(settings))
    agent = tmp_path / "A"
    shown = cli("iterate", agent, "--config", own).out
    assert f"run {agent} --config {own} --hours 1" in shown
    assert "settings changed since" not in shown

    def capacity() -> int:
        return ReplayBuffer(agent / "checkpoints" / "replay.pt").capacity

    assert capacity() == 150_000
    shown = cli("selfplay", agent, "--games", "1", "--mcts-sims", "2").out
    assert "the replay buffer keeps its 150,000 positions" in shown
    assert "settings changed since A was last used: " in shown
    assert "mcts_sims " in shown
    assert " of them back to the default: was --config FILE or a flag left out this time?" in shown
    assert capacity() == 150_000
    kept = ("train", agent, "--iters-per-epoch", "1")
    assert "keeps its 150,000 positions" in cli(*kept).out
    for name, argv in (
        ("train", ["--agent-dir", agent, "--iters-per-epoch", "1"]),
        ("run_iteration", [agent, "--iteration", "0"]),
    ):
        assert script(*SCRIPTS[name], [str(argument) for argument in argv]) == 0
        assert "keeps its 150,000 positions" in capsys.readouterr().out
    assert capacity() == 150_000
    partial = tmp_path / "partial.json"
    partial.write_text('{"trainer": {"lr": 0.0005}}')
    assert "keeps its 150,000 positions" in cli(*kept, "--config", partial).out
    (agent / "metadata.json").unlink()
    without = tmp_path / "without.json"
    without.write_text(json.dumps({name: value for name, value in settings.items() if name != "replay_capacity"}))
    again = cli("selfplay", agent, "--games", "1", "--config", without).out
    assert "keeps its 150,000 positions" in again
    assert capacity() == 150_000
    cli("selfplay", agent, "--games", "1", "--mcts-sims", "2", "--replay-capacity", "140000")
    assert capacity() == 140_000
    without.write_text(json.dumps({**settings, "replay_capacity": 100_000}))
    cli("selfplay", agent, "--games", "1", "--config", without)
    assert capacity() == 100_000


def test_a_command_without_the_agents_own_file_deletes_none_of_its_checkpoints(
    cli: Any, tmp_path: Path, tiny_config: Path
) -> None:
    own = tmp_path / "own.json"
    own.write_text(json.dumps({**json.loads(tiny_config.read_text()), "keep_checkpoints": 8}))
    agent = tmp_path / "A"
    kept = "8 numbered checkpoints are kept, as before"
    assert kept not in cli("iterate", agent, "--config", own).out
    for _ in range(6):
        assert kept not in cli("train", agent, "--config", own, "--iters-per-epoch", "1").out
    assert len(Agent.open(agent).numbered()) == 7
    shown = cli("train", agent, "--iters-per-epoch", "1").out
    assert kept in shown
    assert "keep_checkpoints 8" not in shown
    assert len(Agent.open(agent).numbered()) == 8
    assert kept in cli("train", agent, "--iters-per-epoch", "1").out  # it is still known as the agent's
    assert len(Agent.open(agent).numbered()) == 8
    assert "checkpoints are kept" not in cli("train", agent, "--iters-per-epoch", "1", "--keep-checkpoints", "6").out
    assert len(Agent.open(agent).numbered()) == 6
    fewer = tmp_path / "fewer.json"
    fewer.write_text('{"keep_checkpoints": 5}')
    cli("train", agent, "--iters-per-epoch", "1", "--config", fewer)
    assert len(Agent.open(agent).numbered()) == 5


def test_run_does_so_many_iterations(cli: Any, agent_dir: Path, tiny_config: Path) -> None:
    found = cli("run", agent_dir, "--iterations", "2", "--config", tiny_config, "--json").json()
    assert [done["iteration"] for done in found["iterations"]] == [1, 2]


def test_run_for_hours_stops(cli: Any, agent_dir: Path, tiny_config: Path) -> None:
    found = cli("run", agent_dir, "--hours", "1e-9", "--config", tiny_config, "--json").json()
    assert len(found["iterations"]) <= 1


def test_stages_alone(cli: Any, tmp_path: Path, tiny_config: Path) -> None:
    agent = tmp_path / "A"
    assert cli("selfplay", agent, "--games", "2", "--config", tiny_config, "--json").json()["games"] == 2
    assert cli("selfplay", agent, "--games", "1", "--config", tiny_config, "--json").json()["games"] == 1
    argv = ["train", "--agent-dir", agent, "--epochs", "2", "--iters-per-epoch", "3", "--grad-accum-steps", "2"]
    assert cli(*argv, "--config", tiny_config, "--json").json()["step"] == 6
    assert cli(*argv, "--config", tiny_config, "--json").json()["step"] == 12
    found = cli("promote", agent, "--games", "3", "--threshold", "0.9", "--config", tiny_config, "--json").json()
    assert (found["games"], found["promoted"], found["threshold"]) == (3, True, 0.9)
    for key in ("wins", "draws", "losses", "score", "elo", "elo_low", "elo_high", "los", "distinct_games"):
        assert key in found
    again = cli("promote", agent, "--games", "2", "--threshold", "1", "--config", tiny_config)
    assert again.code == 0
    assert "the best net stays" in again.out


def test_the_learning_rates_schedule_is_a_flag(cli: Any, agent_dir: Path, tiny_config: Path) -> None:
    command = ("train", agent_dir, "--config", tiny_config, "--schedule", "drop")
    assert "expected trainer.schedule_steps" in cli(*command).error()
    assert cli(*command, "--schedule-steps", "6", "--lr", "0.5").code == 0
    last = json.loads((agent_dir / "experiments" / "train.json").read_text())[-1]
    assert (last["step"], last["lr"]) == (8, pytest.approx(0.5 * 0.1 * 8 / 100))


def test_arena_between_agents_checkpoints_and_random(cli: Any, agent_dir: Path, tiny_config: Path, tmp_path: Path) -> None:
    latest = agent_dir / "checkpoints" / "latest.pt"
    for first, second in ((agent_dir, latest), (latest, "random"), ("random", agent_dir)):
        argv = ["--games", "4", "--sims", "2", "--config", tiny_config, "--pgn", tmp_path / "games.pgn", "--json"]
        found = cli("arena", first, second, *argv).json()
        assert found["games"] == found["wins"] + found["draws"] + found["losses"] == 4
    assert (tmp_path / "games.pgn").read_text().count('[Event "pawnzero arena"]') == 12


def test_flags_may_stand_between_the_players(cli: Any, tiny_config: Path) -> None:
    argv = ["random", "--games", "2", "random", "--game", "tic_tac_toe", "--config", tiny_config, "--json"]
    assert cli("arena", *argv).json()["games"] == 2


def test_an_arena_with_a_sequential_test(cli: Any, tiny_config: Path) -> None:
    argv = ["arena", "random", "random", "--config", tiny_config, "--game", "tic_tac_toe", "--games", "400"]
    found = cli(*argv, "--sprt", "-800", "-300", "--alpha", "0.1", "--json").json()
    assert found["sprt"]["decision"] == "H1"
    assert (found["sprt"]["elo0"], found["sprt"]["elo1"], found["sprt"]["alpha"]) == (-800.0, -300.0, 0.1)
    assert found["games"] == 2 * found["sprt"]["pairs"] < 400
    shown = cli(*argv, "--sprt", "300", "800").out
    assert "SPRT of Elo 300 against 800: H0 accepted, Elo 300 rather than 800 (LLR -" in shown
    assert "as x: " in shown
    assert "distinct games of" in shown


def test_promotion_by_a_sequential_test_is_told(cli: Any, agent_dir: Path, tiny_config: Path) -> None:
    argv = ["promote", agent_dir, "--config", tiny_config, "--games", "40", "--sims", "2", "--promotion", "sprt"]
    shown = cli(*argv, "--elo0", "300", "--elo1", "800").out
    assert "no: SPRT of Elo 300 against 800: H0 accepted" in shown
    assert "the best net stays" in shown
    shown = cli(*argv, "--elo0", "-800", "--elo1", "-300").out
    assert "yes: SPRT of Elo -800 against -300: H1 accepted" in shown


def test_a_flag_turns_the_rule_of_a_file_round(cli: Any, agent_dir: Path, tiny_config: Path, tmp_path: Path) -> None:
    by_test = tmp_path / "by_test.json"
    by_test.write_text(json.dumps({**json.loads(tiny_config.read_text()), "eval_promotion": "sprt"}))
    argv = ("promote", agent_dir, "--config", by_test, "--promotion", "threshold", "--threshold", "1", "--json")
    found = cli(*argv).json()
    assert (found["promotion"], found["threshold"], found["promoted"]) == ("threshold", 1.0, False)


def test_openings_of_a_file_are_played(cli: Any, agent_dir: Path, tiny_config: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.epd").write_text("a2a4 h7h5\n")
    argv = ["--games", "2", "--openings", tmp_path / "mine.epd", "--config", tiny_config]
    assert cli("arena", "random", "random", *argv, "--pgn", tmp_path / "games.pgn").code == 0
    assert cli("promote", agent_dir, *argv).code == 0
    assert cli("ladder", agent_dir, "--engines", "none", *argv).code == 0
    experiments = agent_dir / "experiments"
    for games in (tmp_path / "games.pgn", experiments / "last_arena.pgn", experiments / "ladder" / "games.pgn"):
        assert games.read_text().count("\n1. a4 h5 ") == 2, games


def test_the_error_rates_of_a_sequential_test(cli: Any, tiny_config: Path) -> None:
    argv = ["arena", "random", "random", "--config", tiny_config, "--game", "tic_tac_toe", "--games", "2"]
    found = cli(*argv, "--sprt", "0", "10", "--alpha", "0.1", "--beta", "0.2", "--json").json()["sprt"]
    assert (found["alpha"], found["beta"]) == (0.1, 0.2)
    assert found["lower"] == pytest.approx(math.log(0.2 / 0.9))
    assert found["upper"] == pytest.approx(math.log(0.8 / 0.1))


def test_the_agents_own_shape_is_kept_and_said(cli: Any, agent_dir: Path, tiny_config: Path) -> None:
    told = cli("iterate", agent_dir, "--config", tiny_config, "--channels", "16")
    assert told.code == 0
    assert "channels 8, not 16" in told.out


def test_smoke_touches_no_agent(cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = cli("smoke", "--device", "cpu", "--json").json()
    assert found["ok"] is True
    assert os.listdir(str(tmp_path)) == []
    assert "The set-up works." in cli("smoke", "--device", "cpu").out


def test_smoke_names_what_is_wrong(cli: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pawnzero.checks.smoke.smoke", lambda **_: {"ok": False, "faults": ["check perft: 21, expected 20"]})
    shown = cli("smoke", "--device", "cpu")
    assert shown.code == 1
    assert shown.out.endswith("The set-up does not work:\n  check perft: 21, expected 20\n")


def test_players_without_a_game_of_their_own_play_the_files(cli: Any, tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text('{"game": "tic_tac_toe"}')
    assert cli("arena", "random", "random", "--games", "2", "--config", config, "--json").json()["game"] == "tic_tac_toe"


def test_the_built_in_openings_leave_room_in_the_shortest_games(cli: Any) -> None:
    found = cli("arena", "random", "random", "--games", "4", "--max-plies", "4", "--json").json()
    assert (found["games"], found["adjudicated"], found["mean_plies"]) == (4, 4, 4.0)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names of files are text")
def test_an_agent_whose_name_is_no_text_lives_as_others_do(cli: Any, agent_dir: Path, tiny_config: Path) -> None:
    odd = agent_dir.with_name("na\udce9me")  # the byte E9
    agent_dir.rename(odd)
    commands = (
        ["iterate", odd, "--config", tiny_config],
        ["arena", odd, "random", "--games", "2", "--sims", "1", "--config", tiny_config, "--pgn", odd / "games.pgn"],
        ["report", odd],
        ["export", odd, odd / "self.pgn", "--games", "1"],
        ["ladder", odd, "--games", "2", "--engines", "none", "--sims", "1", "--checkpoints", "1", "--config", tiny_config],
    )
    program = "import sys; from pawnzero.cli.main import main\n"  # one process, as each takes seconds to load torch
    program += "for line in ' '.join(sys.argv[1:]).split(' / '): print(main(line.split()), file=sys.stderr)"
    words = " / ".join(" ".join(str(word) for word in argv) for argv in commands).split()
    command = [os.fsencode(word) for word in (sys.executable, "-c", program, *words)]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True)
    assert (done.returncode, done.stderr.split()) == (0, [b"0"] * len(commands)), done.stderr
    assert b'"na?me"' in (odd / "games.pgn").read_bytes()


def test_what_to_do_next_can_be_typed_where_a_name_has_a_space(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = closing_lines(Path("my models/AgentA"), "chess", ["--config", "my settings.json"])
    steps = lines[lines.index("Next:") + 1 :]
    commands = [shlex.split(line.rpartition("   ")[2]) for line in steps]
    assert all("my models/AgentA" in words for words in commands)
    assert commands[0][-4:] == ["--config", "my settings.json", "--hours", "1"]
    assert len({line.rindex("   ") for line in steps}) == 1  # the commands begin below each other
    assert [words[-1] for words in commands[1:]] == ["my models/AgentA", "20"]  # report, arena
    (how,) = (line for line in closing_lines(Path("A"), "tic_tac_toe", []) if "arena A" in line or "judge A" in line)
    assert how.endswith(f" judge {Path('A') / 'checkpoints' / 'latest.pt'} --sims 0")


def test_what_to_do_next_has_the_settings_that_were_given(
    cli: Any, tmp_path: Path, tiny_config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    given = ["--config", str(tiny_config), "--sims", "3", "--seed", "3", "--lr", "0.0005", "--game", "tic_tac_toe"]
    first = cli("iterate", "A", *given, "--device", "cpu", "--channels", "8")
    (line,) = (line for line in first.out.splitlines() if "continue training" in line)
    words = shlex.split(line)
    again = words[words.index("run") : words.index("--hours")]
    assert again == ["run", "A", *given, "--channels", "8", "--device", "cpu"]
    assert "settings changed since" not in cli(*again, "--iterations", "1").out
    for count, kept in (("1", False), ("2", True)):  # amounts that show one iteration quickly are not for hours of them
        shown = cli(*again, "--iterations", count, "--num-selfplay", "2", "--trainer-iters", "1").out
        (line,) = (line for line in shown.splitlines() if "continue training" in line)
        assert ("--num-selfplay 2 --trainer-iters 1" in line) == kept
        assert "--seed 3" in line


def test_trainer_iters_beside_a_replay_ratio_is_told(cli: Any, agent_dir: Path, tmp_path: Path, tiny_config: Path) -> None:
    path = tmp_path / "ratio.json"
    path.write_text(json.dumps({**json.loads(tiny_config.read_text()), "trainer": {"replay_ratio": 0.5}}))
    command = ["iterate", agent_dir, "--iteration", "0", "--config", path]
    told = (
        "trainer_iters 20 is not used: trainer.replay_ratio 0.5 sets the number of steps; "
        "--replay-ratio 0 makes trainer_iters count"
    )
    assert told in cli(*command, "--iters-per-epoch", "20").out.splitlines()
    assert "is not used" not in cli(*command).out
    assert "is not used" not in cli(*command, "--trainer-iters", "20", "--replay-ratio", "0").out
    assert "is not used" not in cli("train", agent_dir, "--config", path, "--iters-per-epoch", "1").out


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
def test_an_interrupted_iteration_goes_on(cli: Any, agent_dir: Path, tiny_config: Path) -> None:
    argv = [sys.executable, "-u", "-m", "pawnzero", "iterate", str(agent_dir), "--config", str(tiny_config)]
    child = subprocess.Popen([*argv, "--sims", "200"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    assert child.stdout is not None
    for line in child.stdout:
        if line.startswith("self-play:"):
            break
    child.send_signal(signal.SIGINT)
    _, told = child.communicate(timeout=60)
    assert child.returncode == 130
    assert told == "pawnzero iterate: interrupted; run the same command again to go on from here\n"
    shown = cli(*argv[4:])
    assert shown.code == 0
    assert "iteration 1 of AgentA goes on with: selfplay" in shown.out
    metadata = json.loads((agent_dir / "metadata.json").read_text())
    assert metadata["next_iteration"] == 2


def test_an_iteration_that_trains_goes_on_to_the_step_it_began_for(cli: Any, agent_dir: Path, tiny_config: Path) -> None:
    file = agent_dir / "metadata.json"
    metadata = json.loads(file.read_text())
    (first,) = Agent.open(agent_dir).iterations
    found = {"iteration": 1, "selfplay": first["selfplay"], "until_step": 6, "steps": 2}
    file.write_text(json.dumps({**metadata, "stage": {"iteration": 1, "name": "train", "found": found}}))
    shown = cli("iterate", agent_dir, "--config", tiny_config, "--trainer-iters", "50")
    assert "iteration 1 of AgentA goes on with: train, to step 6 as planned before the interruption\n" in shown.out
    assert load_checkpoint(agent_dir / "checkpoints" / "latest.pt", game="chess").step == 6


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGTERM is sent to a process there")
def test_a_command_that_is_terminated_ends_as_an_interrupted_one(tmp_path: Path, tiny_config: Path) -> None:
    words = ["selfplay", tmp_path / "A", "--config", tiny_config, "--games", "100000", "--device", "cpu"]
    command = [sys.executable, "-c", TELLING_OFTEN, *map(str, words)]
    playing = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert playing.stdout is not None
        assert any("games/" in line for line in iter(playing.stdout.readline, ""))
        playing.terminate()
        _, said = playing.communicate(timeout=60)
    finally:
        playing.kill()
    assert playing.returncode == 130
    assert said.splitlines()[-1] == "pawnzero selfplay: interrupted; run the same command again to go on from here"


def test_game_and_shape_are_the_agent_s_own_where_nobody_names_others(
    cli: Any, agent_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where no file names a shape
    assert "can only be set for a new agent" not in cli("selfplay", agent_dir, "--games", "1", "--mcts-sims", "2").out
    other = tmp_path / "other.json"
    other.write_text('{"game": "connect_four", "model": {"channels": 24}}')
    shown = cli("selfplay", agent_dir, "--games", "1", "--mcts-sims", "2", "--config", other).out
    (line,) = (line for line in shown.splitlines() if "only be set for a new agent" in line)
    assert "plays chess, not connect_four, and keeps its net's shape (channels " in line


def test_a_damaged_replay_buffer_stops_nobody_who_does_not_need_it(cli: Any, agent_dir: Path) -> None:
    (agent_dir / "checkpoints" / "replay.pt").write_bytes(b"garbage")
    assert cli("promote", agent_dir, "--games", "2", "--sims", "2").code == 0
    assert "not a replay file" in cli("train", agent_dir, "--epochs", "1").error()
