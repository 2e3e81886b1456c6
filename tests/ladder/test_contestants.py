"""Who stands on a ladder: which nets are chosen and kept, what they had cost, and which engines come in."""

from __future__ import annotations

import shutil

import pytest

from pawnzero.agent import Agent
from pawnzero.config import Config, ModelConfig
from pawnzero.errors import PawnzeroError, UsageError
from pawnzero.games import get_game
from pawnzero.ladder.contestants import engines, keep_nets, spent_until, spread
from pawnzero.nets import make_model
from pawnzero.nets.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from pawnzero.progress import Progress

SHAPE = ModelConfig(channels=4, blocks=1)
ITERATIONS = [
    {
        "iteration": number,
        "selfplay": {"positions": 1000, "seconds": 600.0},
        "train": {"step": 100 * (number + 1)},
        "seconds": 1800.0,
    }
    for number in range(3)
]


def put(path, step, seed):
    weights = make_model("cpu", 4, 1, game="tic_tac_toe", seed=seed).state_dict()
    averaged = {name: tensor * 0.5 for name, tensor in weights.items()}
    save_checkpoint(path, Checkpoint("tic_tac_toe", SHAPE, step, 1, weights, averaged, {"optimizer": weights}))


@pytest.fixture
def agent(tmp_path):
    found = Agent.create(tmp_path / "AgentT", Config(game="tic_tac_toe", model=SHAPE))
    for step in (100, 200, 300):
        put(found.checkpoints / f"ckpt_{step:06d}.pt", step, step)
    shutil.copy(str(found.checkpoints / "ckpt_000200.pt"), str(found.best))
    return found


def test_nets_are_kept_slim_and_stay_when_their_checkpoints_go(agent):
    nets = keep_nets(agent, 12)
    assert [(net.name, net.best) for net in nets] == [("step 100", False), ("step 200", True), ("step 300", False)]
    for net in nets:
        copy = load_checkpoint(agent.directory / net.spec)
        original = load_checkpoint(agent.checkpoints / f"ckpt_{net.step:06d}.pt")
        assert copy.training is None
        assert all((copy.averaged[name] == tensor).all() for name, tensor in original.averaged.items())
        assert (agent.directory / net.spec).stat().st_size < 0.6 * (
            agent.checkpoints / f"ckpt_{net.step:06d}.pt"
        ).stat().st_size
    (agent.checkpoints / "ckpt_000100.pt").unlink()
    put(agent.checkpoints / "ckpt_000400.pt", 400, 400)
    assert [net.name for net in keep_nets(agent, 12)] == ["step 100", "step 200", "step 300", "step 400"]
    assert keep_nets(agent, 12)[0] == nets[0]


def test_few_of_many_lie_evenly_and_the_best_is_among_them(agent):
    for step in range(400, 2000, 100):
        put(agent.checkpoints / f"ckpt_{step:06d}.pt", step, step)
    assert [net.step for net in keep_nets(agent, 3)] == [100, 200, 1900]
    assert len(list((agent.experiments / "ladder").iterdir())) == 3
    assert [(net.step, net.best) for net in keep_nets(agent, 1)] == [(200, True)]
    assert [net.step for net in keep_nets(agent, 4)] == [100, 200, 1000, 1900]
    assert spread([1, 2, 3, 50, 98, 99, 100], 3) == [1, 50, 100]
    assert spread([5, 9], 1) == [9]


def test_another_net_of_the_same_step_is_another_player(agent):
    before = keep_nets(agent, 12)
    put(agent.checkpoints / "ckpt_000100.pt", 100, seed=7)
    after = keep_nets(agent, 12)
    assert [net.step for net in after] == [100, 100, 200, 300]
    assert len({net.digest for net in after}) == 4
    assert before[0] in after
    few = keep_nets(agent, 3)
    assert [net.step for net in few] == [100, 200, 300]
    assert few[0] not in before


def test_no_net_is_an_error_that_names_the_command(tmp_path):
    agent = Agent.create(tmp_path / "AgentT", Config(game="tic_tac_toe", model=SHAPE))
    with pytest.raises(PawnzeroError, match=r"no checkpoint to rate; `pawnzero train .*AgentT` makes one"):
        keep_nets(agent, 12)


@pytest.mark.parametrize(("step", "spent"), [(100, (1000, 0.5)), (300, (3000, 1.5)), (301, (None, None))])
def test_what_a_net_had_cost(step, spent):
    assert spent_until(ITERATIONS, None, step) == spent


def test_nets_of_one_iteration_differ_in_the_hours_by_their_steps():
    hours = [spent_until(ITERATIONS, None, step) for step in (25, 50, 150, 199)]
    played, trained = 600 / 3600, 1200 / 3600
    expected = [(1000, played + 0.25 * trained), (1000, played + 0.5 * trained), (2000, 0.5 + played + 0.5 * trained)]
    assert [(positions, pytest.approx(at, abs=1e-4)) for positions, at in expected] == hours[:3]
    assert hours[2] < hours[3] < (2000, 1.0)
    untold = [{**found, "selfplay": {"positions": 1000}} for found in ITERATIONS]
    assert [spent_until(untold, None, step) for step in (150, 200)] == [(2000, None), (2000, 1.0)]


def test_positions_of_an_iteration_under_way_count():
    stage = {"iteration": 3, "name": "train", "found": {"selfplay": {"positions": 50}}}
    assert spent_until(ITERATIONS, stage, 350) == (3050, None)
    assert spent_until(ITERATIONS, {"found": {}}, 350) == (None, None)


class Noting(Progress):
    def __init__(self):
        self.notes = []

    def note(self, text):
        self.notes.append(text)


def test_engines_that_are_missing_are_said_and_passed_over(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("pawnzero.arena.uci_player.EXTRA_PATH", str(tmp_path))
    progress = Noting()
    assert engines(get_game("chess"), None, progress) == []
    assert [note.split(":")[0] for note in progress.notes] == ["playing without fairy-stockfish", "playing without stockfish"]
    assert "apt-get install stockfish" in progress.notes[1]
    with pytest.raises(UsageError, match="'stockfish' not found"):
        engines(get_game("chess"), "stockfish", progress)


def test_engines_are_chosen_by_name():
    assert engines(get_game("chess"), "none", Progress()) == []
    assert engines(get_game("connect_four"), None, Progress()) == []
    with pytest.raises(UsageError, match="engine 'crafty', expected none, fairy-stockfish, stockfish or uci:"):
        engines(get_game("chess"), "crafty", Progress())
