"""What a user may get wrong: each ends with one line and exit code 1 or 2, and damages nothing."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Dict

import pytest

from pawnzero.agent import Agent


def contents(directory: Path) -> Dict[str, bytes]:
    """Every file under a directory, to see that nothing was damaged."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


@pytest.mark.parametrize("argv", [["train"], ["promote"], ["arena", "random"]])
def test_no_such_agent(cli: Any, tmp_path: Path, argv: list) -> None:
    outcome = cli(*argv, tmp_path / "nobody")
    assert "nobody" in outcome.error()
    assert not (tmp_path / "nobody").exists()


def test_a_directory_that_is_no_agent(cli: Any, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    for argv in (["train"], ["promote"], ["iterate"], ["selfplay"], ["arena", "random"]):
        assert str(tmp_path) in cli(*argv, tmp_path).error()
    assert contents(tmp_path) == {"thesis.txt": b"mine"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"batchsize": 64}', "unknown key 'batchsize'; the nearest valid one is 'batch_size'"),
        ('{"batch_size": "64"}', "batch_size is '64', expected an integer"),
        ('{"batch_size": 0}', "batch_size is 0, expected an integer from 1 to 1,000,000,000"),
        ('{"batch_size": 64', "not JSON"),
    ],
)
def test_configuration(cli: Any, tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "mine.json"
    path.write_text(text)
    outcome = cli("iterate", tmp_path / "A", "--config", path)
    assert outcome.code == 2
    assert told in outcome.error()
    assert "mine.json" in outcome.error()
    assert not (tmp_path / "A").exists()


@pytest.mark.parametrize(
    ("command", "first", "second", "other"),
    [("train", "--iters-per-epoch", "--trainer-iters", "2"), ("promote", "--threshold", "--eval-threshold", "0")],
)
def test_two_names_of_one_setting_do_not_contradict_each_other(
    cli: Any, tmp_path: Path, command: str, first: str, second: str, other: str
) -> None:
    for contradiction in ((second, "1", first, other), (second, "1", first, "1", second, other)):
        outcome = cli(command, tmp_path / "A", *contradiction)
        assert outcome.code == 2
        assert f"{contradiction[-4]} and {contradiction[-2]} are the same setting" in outcome.error()
    for agreed in ((first, "1", second, "1"), (first, other, first, "1")):
        assert "no agent here" in cli(command, tmp_path / "A", *agreed).error()


def test_a_threshold_beside_a_file_that_promotes_by_a_test_is_told_to_be_unused(
    cli: Any, agent_dir: Path, tiny_config: Path, tmp_path: Path
) -> None:
    """The documented commands name one."""
    by_test = tmp_path / "by_test.json"
    by_test.write_text(json.dumps({**json.loads(tiny_config.read_text()), "eval_promotion": "sprt"}))
    outcome = cli("promote", agent_dir, "--config", by_test, "--threshold", "0.55", "--games", "2")
    assert outcome.code == 0
    assert f"--threshold is not used: {by_test} sets eval_promotion to sprt" in outcome.out


@pytest.mark.parametrize("command", ["promote", "iterate"])
def test_a_flag_of_the_other_rule_of_promotion(
    cli: Any, agent_dir: Path, tiny_config: Path, tmp_path: Path, command: str
) -> None:
    by_test = tmp_path / "by_test.json"
    by_test.write_text(json.dumps({**json.loads(tiny_config.read_text()), "eval_promotion": "sprt"}))
    before = contents(agent_dir)
    for argv, told in (
        (
            ("--config", by_test, "--eval-promotion", "sprt", "--threshold", "0.6"),
            "--threshold needs .*but eval_promotion is sprt; expected threshold there, or no --threshold",
        ),
        (("--config", tiny_config, "--eval-elo1", "20"), "--eval-elo1 needs --eval-promotion sprt, but .* is threshold"),
        (("--config", by_test, "--eval-promotion", "threshold", "--eval-elo0", "0"), "--eval-elo0 .* is threshold; expected"),
    ):
        outcome = cli(command, agent_dir, *argv)
        assert outcome.code == 2
        assert re.search(told, outcome.error())
    assert contents(agent_dir) == before


def test_a_configuration_that_is_not_there(cli: Any, tmp_path: Path) -> None:
    outcome = cli("iterate", tmp_path / "A", "--config", tmp_path / "none.json")
    assert outcome.code == 2
    assert "none.json" in outcome.error()


@pytest.mark.parametrize("fen", ["nonsense", "8/8/8/8/8/8/8/8 w - - 0 1", "4k3/8/8/8/8/8/8/4K2R b K - 0 1 extra", "startpos2"])
def test_a_fen_that_is_no_position(cli: Any, fen: str) -> None:
    outcome = cli("perft", fen, "2")
    assert outcome.code == 2
    assert fen in outcome.error()


@pytest.mark.parametrize(
    "argv", [["iterate"], ["run", "--iterations", "1"], ["selfplay"], ["train"], ["promote"], ["smoke"], ["uci"]]
)
def test_a_device_that_is_not_there(cli: Any, agent_dir: Path, argv: list) -> None:
    before = contents(agent_dir)
    place = [] if argv == ["smoke"] else [agent_dir]
    outcome = cli(*argv, *place, "--device", "cuda:99")
    assert outcome.code == 2
    assert "cuda:99" in outcome.error()
    assert contents(agent_dir) == before


def test_an_agent_is_not_made_for_a_device_that_is_not_there(cli: Any, tmp_path: Path) -> None:
    cli("iterate", tmp_path / "A", "--device", "cuda:99").error()
    assert not (tmp_path / "A").exists()


def test_cheap_searches_that_are_not_cheaper_are_refused_where_games_are_played_for_training(
    cli: Any, agent_dir: Path, tmp_path: Path, tiny_config: Path
) -> None:
    settings = json.loads(tiny_config.read_text())
    settings["selfplay"]["full_search_share"] = 0.25
    path, new, before = tmp_path / "cheap.json", tmp_path / "New", contents(agent_dir)
    path.write_text(json.dumps(settings))
    for argv in (["iterate"], ["run", "--iterations", "1"], ["selfplay"]):
        for place in (agent_dir, new):
            outcome = cli(*argv, place, "--config", path)
            assert outcome.code == 2
            assert "selfplay.cheap_sims is 16, expected fewer than mcts_sims, which is 4" in outcome.error()
    assert contents(agent_dir) == before
    assert not new.exists()
    assert cli("promote", agent_dir, "--config", path, "--games", "2").code == 0  # a match searches as little as it likes


def _truncated(path: Path, _: Path) -> None:
    path.write_bytes(path.read_bytes()[:1000])


def _empty(path: Path, _: Path) -> None:
    path.write_bytes(b"")


def _text(path: Path, _: Path) -> None:
    path.write_text("not a checkpoint at all\n" * 50)


def _a_zip(path: Path, tmp_path: Path) -> None:
    (tmp_path / "zipped").mkdir()
    (tmp_path / "zipped" / "note.txt").write_text("hello")
    shutil.move(shutil.make_archive(str(tmp_path / "note"), "zip", str(tmp_path / "zipped")), str(path))


def _of_another_shape(path: Path, tmp_path: Path) -> None:
    from pawnzero.pipeline.iteration import run_iteration
    from pawnzero.settings import load_config

    settings = {"mcts_sims": 2, "num_selfplay": 1, "batch_size": 4, "trainer_iters": 1, "eval_games": 1}
    shape = {"model.channels": 4, "model.blocks": 1, "selfplay.max_plies": 16}
    run_iteration(tmp_path / "other", load_config(None, {**settings, **shape}), device="cpu")
    shutil.copy(str(tmp_path / "other" / "checkpoints" / "latest.pt"), str(path))


@pytest.mark.parametrize("damage", [_truncated, _empty, _text, _a_zip, _of_another_shape])
def test_a_checkpoint_that_cannot_be_used(cli: Any, agent_dir: Path, tmp_path: Path, tiny_config: Path, damage: Any) -> None:
    path = agent_dir / "checkpoints" / "latest.pt"
    damage(path, tmp_path)
    before = contents(agent_dir)
    commands = [["train", agent_dir], ["promote", agent_dir], ["selfplay", agent_dir, "--games", "1"], ["iterate", agent_dir]]
    for argv in commands:
        outcome = cli(*argv, "--config", tiny_config)
        assert "latest.pt" in outcome.error(), argv
    after = contents(agent_dir)
    assert {name: after[name] for name in before if name.endswith(".pt")} == {
        name: data for name, data in before.items() if name.endswith(".pt")
    }
    if damage is not _of_another_shape:
        assert "latest.pt" in cli("arena", path, "random", "--games", "1").error()


def test_a_replay_file_of_another_version(cli: Any, agent_dir: Path, tiny_config: Path) -> None:
    from pawnzero.replay.ring import MAGIC

    path = agent_dir / "checkpoints" / "replay.pt"
    data = bytearray(path.read_bytes())
    data[len(MAGIC)] ^= 0x40
    path.write_bytes(bytes(data))
    before = contents(agent_dir)
    for argv in (["train", agent_dir], ["selfplay", agent_dir, "--games", "1"]):
        assert "replay.pt" in cli(*argv, "--config", tiny_config).error()
    assert contents(agent_dir)["checkpoints/replay.pt"] == before["checkpoints/replay.pt"]


def test_training_without_data_says_what_fills_the_buffer(cli: Any, agent_dir: Path, tiny_config: Path) -> None:
    (agent_dir / "checkpoints" / "replay.pt").unlink()
    outcome = cli("train", agent_dir, "--config", tiny_config)
    assert outcome.code == 1
    assert "pawnzero selfplay" in outcome.error()
    assert "replay.pt" in outcome.error()


@pytest.mark.skipif(sys.platform == "win32", reason="paths of Unix")
@pytest.mark.parametrize("command", ["iterate", "selfplay"])
def test_a_directory_that_cannot_be_written(cli: Any, command: str) -> None:
    outcome = cli(command, "/dev/null/AgentA")
    assert outcome.code == 1
    assert "/dev/null/AgentA" in outcome.error()


def test_a_gap_in_the_iterations_names_the_next(cli: Any, agent_dir: Path, tiny_config: Path) -> None:
    before = contents(agent_dir)
    outcome = cli("iterate", agent_dir, "--iteration", "3", "--config", tiny_config)
    assert outcome.code == 2
    assert "iteration 1" in outcome.error()
    assert contents(agent_dir) == before


def test_an_agent_in_use_names_the_process(cli: Any, agent_dir: Path, tiny_config: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from pawnzero.files.locks import locked\n"
        "with locked(Path(sys.argv[1]) / '.lock', 'it'): print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(agent_dir)], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        before = contents(agent_dir)
        for argv in (["iterate"], ["train"], ["promote"], ["selfplay"]):
            outcome = cli(*argv, agent_dir, "--config", tiny_config)
            assert outcome.code == 1
            assert f"process {holder.pid}" in outcome.error()
        assert contents(agent_dir) == before
    finally:
        holder.kill()
        holder.communicate()


def test_an_unknown_game_or_player(cli: Any, tmp_path: Path) -> None:
    assert "checkers" in cli("iterate", tmp_path / "A", "--game", "checkers").error()
    assert not (tmp_path / "A").exists()
    assert "checkers" in cli("arena", "random", "random", "--game", "checkers").error()
    assert "uci:nosuchengine" in cli("arena", "random", "uci:nosuchengine", "--games", "1").error()


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--sprt", "10", "0"], "SPRT of Elo 10 against 0: expected the second to be the larger one"),
        (["--sprt", "0", "10", "--beta", "0.7"], "SPRT: beta is 0.7, expected an error rate above 0 and below 0.5"),
        (["--alpha", "0.1"], "--alpha needs --sprt ELO0 ELO1"),
        (["--sprt", "0"], "--sprt: expected 2 arguments"),
    ],
)
def test_a_sequential_test_that_is_none(cli: Any, flags: list, told: str) -> None:
    outcome = cli("arena", "random", "random", *flags)
    assert outcome.code == 2
    assert told in outcome.error()


def test_damaged_metadata(cli: Any, agent_dir: Path) -> None:
    (agent_dir / "metadata.json").write_text('{"format": 1')
    assert "metadata.json" in cli("iterate", agent_dir).error()
    (agent_dir / "metadata.json").write_text(json.dumps({"format": 99}))
    assert "format 99" in cli("promote", agent_dir).error()


def test_a_game_that_is_none_is_refused_for_an_agent_of_another_too(cli: Any, agent_dir: Path, tiny_config: Path) -> None:
    told = cli("selfplay", agent_dir, "--games", "1", "--game", "go", "--config", tiny_config)
    assert told.code == 2
    assert "argument --game: unknown game 'go': expected one of chess, connect_four, tic_tac_toe" in told.error()


def test_a_game_of_a_file_that_is_none_is_told_with_the_file(cli: Any, agent_dir: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text('{"game": "Chess"}')
    for place in (agent_dir, tmp_path / "New"):
        told = cli("selfplay", place, "--games", "1", "--config", path)
        assert told.code == 2
        assert f"{path}: unknown game 'Chess': expected one of chess, connect_four, tic_tac_toe" in told.error()
    assert not (tmp_path / "New").exists()


@pytest.mark.parametrize("argv", [["iterate"], ["run", "--iterations", "1"], ["selfplay", "--games", "1"]])
def test_a_flag_that_names_another_game_than_the_agents_is_refused(cli: Any, agent_dir: Path, argv: list) -> None:
    before = contents(agent_dir)
    told = cli(*argv, agent_dir, "--game", "tic_tac_toe")
    assert told.code == 2
    assert f"argument --game: 'tic_tac_toe', but the agent {agent_dir} plays chess" in told.error()
    assert contents(agent_dir) == before
    for argv in (["arena", agent_dir, "random"], ["play", agent_dir]):
        told = cli(*argv, "--game", "tic_tac_toe")
        assert (told.code, "plays chess, expected a player of tic_tac_toe" in told.error()) == (2, True)


@pytest.mark.parametrize("hours", ["-1", "0", "nan", "inf", "1e308", "soon"])
def test_a_budget_of_hours_is_above_0(cli: Any, tmp_path: Path, hours: str) -> None:
    told = cli("run", tmp_path / "A", f"--hours={hours}")
    assert told.code == 2
    assert f"argument --hours: {hours!r}, expected a number above 0, up to a billion" in told.error()


def test_sizes_that_nothing_has_are_refused_before_an_agent_is_made(cli: Any, tmp_path: Path) -> None:
    for flag, value, most in (("--channels", "100000", "4,096"), ("--replay-capacity", str(10**18), "10,000,000,000")):
        told = cli("iterate", tmp_path / "New", flag, value)
        assert told.code == 2
        assert f"expected an integer from 1 to {most}" in told.error()
    assert not (tmp_path / "New").exists()


@pytest.mark.parametrize(
    "argv",
    [
        ["arena", "random", "random", "--sims", str(2**63 - 1)],
        ["arena", "random", "random", "--games", str(2**62)],
        ["train", "A", "--batch-size", str(10**18)],
        ["train", "A", "--epochs", str(2**63 - 1)],
        ["iterate", "A", "--replay-ratio", "1e308"],
        ["ladder", "A", "--anchor-elo", "1e308"],
    ],
)
def test_numbers_that_nothing_can_do_are_refused(cli: Any, argv: list) -> None:
    told = cli(*argv)
    assert told.code == 2
    assert argv[-2] in told.error()
    assert ", expected " in told.error()


def test_a_settings_file_may_be_a_pipe(cli: Any, tmp_path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no named pipes")
    pipe = tmp_path / "settings.json"
    os.mkfifo(str(pipe))
    text = '{"game": "tic_tac_toe", "mcts_sims": 2, "model": {"channels": 8, "blocks": 1}}'
    writer = threading.Thread(target=pipe.write_text, args=(text,), daemon=True)
    writer.start()
    assert cli("selfplay", tmp_path / "A", "--config", pipe, "--games", "1", "--device", "cpu").code == 0
    writer.join()
    assert Agent.open(tmp_path / "A").game == "tic_tac_toe"


def test_a_script_without_its_settings_file_uses_the_defaults(tmp_path: Path) -> None:
    script = tmp_path / "evaluate.py"
    script.write_text("from pawnzero.cli.main import script\n\nraise SystemExit(script('train', __file__))\n")
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "nobody")], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "cannot be read" not in done.stderr
    assert "no agent here" in done.stderr


def test_a_file_that_nests_too_deep_is_one_line(cli: Any, tmp_path: Path) -> None:
    (tmp_path / "deep.json").write_text("[" * 100_000)
    assert "deep.json: not JSON" in cli("iterate", tmp_path / "New", "--config", tmp_path / "deep.json").error()


def test_memory_that_ran_out_is_one_line(cli: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def exhausted(*_: Any, **__: Any) -> None:
        raise MemoryError("Unable to allocate 596. GiB")

    monkeypatch.setattr("pawnzero.pipeline.iteration.run_iteration", exhausted)
    told = cli("iterate", tmp_path / "New").error()
    assert "out of memory (Unable to allocate 596. GiB); try a smaller net, fewer simulations or fewer games at once" in told


@pytest.mark.parametrize("name", ["latest.pt", "games.pgn"])
def test_export_leaves_an_agents_checkpoints_alone(cli: Any, agent_dir: Path, name: str) -> None:
    target = agent_dir / "checkpoints" / name
    before = target.read_bytes() if target.exists() else None
    assert "its folder holds an agent's own checkpoints; name another one" in cli("export", agent_dir, target).error()
    assert (target.read_bytes() if target.exists() else None) == before


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["arena", "", "random"], "empty argument: expected"),
        (["iterate", "A", "--config", ""], "empty argument after --config"),
    ],
)
def test_an_empty_argument(cli: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argv: list, told: str) -> None:
    """An unset shell variable must not stand for the current directory or for the default settings."""
    monkeypatch.chdir(tmp_path)
    outcome = cli(*argv)
    assert outcome.code == 2
    assert told in outcome.error()
    assert contents(tmp_path) == {}
