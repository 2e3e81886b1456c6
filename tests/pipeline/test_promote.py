"""Promotion: who plays whom, when the best net is replaced, and what is written down."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import json

import pytest

from pawnzero.agent import Agent
from pawnzero.arena.pgn import read_games
from pawnzero.arena.players import game_of, parse_player
from pawnzero.config import Config, ModelConfig
from pawnzero.errors import PawnzeroError
from pawnzero.games import get_game
from pawnzero.games.line import Line
from pawnzero.nets import make_model
from pawnzero.nets.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from pawnzero.pipeline import promote as promotion
from pawnzero.pipeline.match_log import COLUMNS, UNTRAINED
from pawnzero.pipeline.promote import evaluate_and_promote
from pawnzero.progress import Progress

SHAPE = ModelConfig(channels=8, blocks=1)
CONFIG = Config(game="tic_tac_toe", model=SHAPE, mcts_sims=4, eval_games=5, seed=3)


def checkpoint(step, seed, averaged_seed=None):
    def weights(number):
        return make_model("cpu", SHAPE.channels, SHAPE.blocks, SHAPE.se_ratio, game="tic_tac_toe", seed=number).state_dict()

    return Checkpoint("tic_tac_toe", SHAPE, step, 1, weights(seed), weights(seed if averaged_seed is None else averaged_seed))


@pytest.fixture
def agent(tmp_path):
    found = Agent.create(tmp_path / "AgentT", CONFIG)
    save_checkpoint(found.latest, checkpoint(100, seed=7))
    return found


def rows(agent):
    with open(agent.experiments / "arena.csv", newline="") as stream:
        return list(csv.DictReader(stream))


def promote(agent, games=CONFIG.eval_games, threshold=CONFIG.eval_threshold, **options):
    config = dataclasses.replace(CONFIG, eval_games=games, eval_threshold=threshold)
    return evaluate_and_promote(agent, config, device="cpu", **options)


def test_the_first_best_plays_the_untrained_net_and_is_promoted_whatever_the_score(agent):
    found = promote(agent, threshold=1.0)
    assert found["promoted"]
    assert found["opponent"] == found["second"] == UNTRAINED
    assert (found["games"], found["simulations"], found["threshold"], found["step"]) == (5, 4, 1.0, 100)
    assert agent.best.read_bytes() == agent.latest.read_bytes()
    assert Agent.open(agent.directory).metadata["best"]["step"] == 100


def test_the_untrained_net_is_the_one_the_agent_starts_from(agent):
    save_checkpoint(agent.latest, checkpoint(0, seed=CONFIG.seed))
    found = promote(agent, games=4)
    assert (found["score"], found["distinct_games"]) == (0.5, 2)


def test_an_equal_net_is_not_promoted(agent):
    promote(agent)
    save_checkpoint(agent.latest, checkpoint(200, seed=7))
    found = promote(agent, games=4, threshold=0.5)
    assert found["score"] == 0.5
    assert not found["promoted"]
    assert load_checkpoint(agent.best).step == 100
    assert Agent.open(agent.directory).metadata["best"]["step"] == 100


def test_only_above_the_threshold(agent):
    promote(agent)
    save_checkpoint(agent.latest, checkpoint(200, seed=11))
    score = promote(agent, threshold=1.0)["score"]
    assert load_checkpoint(agent.best).step == 100
    assert not promote(agent, threshold=score)["promoted"]
    assert promote(agent, threshold=score - 0.01)["promoted"]
    assert load_checkpoint(agent.best).step == 200


def test_promotion_by_a_sequential_test(agent):
    promote(agent)
    save_checkpoint(agent.latest, checkpoint(200, seed=11))
    promote(agent, threshold=1.0)
    by_test = dataclasses.replace(CONFIG, eval_promotion="sprt", eval_games=60, eval_threshold=0.0)

    def ask(elo0, elo1):
        return evaluate_and_promote(agent, dataclasses.replace(by_test, eval_elo0=elo0, eval_elo1=elo1), device="cpu")

    kept = ask(400.0, 800.0)
    assert (kept["sprt"]["decision"], kept["promoted"], kept["threshold"]) == ("H0", False, None)
    assert kept["games"] == 2 * kept["sprt"]["pairs"] < 60
    undecided = ask(-1.0, 1.0)
    assert (undecided["sprt"]["decision"], undecided["promoted"], undecided["games"]) == ("continue", False, 60)
    assert load_checkpoint(agent.best).step == 100
    taken = ask(-800.0, -400.0)
    assert (taken["sprt"]["decision"], taken["promoted"], taken["promotion"]) == ("H1", True, "sprt")
    assert load_checkpoint(agent.best).step == 200
    threshold, _, *tests = rows(agent)
    assert (threshold["promotion"], threshold["threshold"], threshold["sprt_decision"]) == ("threshold", "0.55", "")
    assert [row["sprt_decision"] for row in tests] == ["H0", "continue", "H1"]
    assert (tests[0]["sprt_elo0"], tests[0]["threshold"]) == ("400", "")
    assert float(tests[2]["sprt_llr"]) == pytest.approx(taken["sprt"]["llr"], rel=1e-5)
    assert float(tests[2]["sprt_los"]) == pytest.approx(taken["sprt"]["los"], rel=1e-5)
    assert [bool(row["sprt_elo"]) for row in (threshold, tests[2])] == [False, taken["sprt"]["elo"] is not None]


def test_a_row_has_all_figures_of_its_match(agent):
    found = promote(agent)
    (row,) = rows(agent)
    assert sum(int(row[f"white_{what}"]) for what in ("wins", "draws", "losses")) == 3
    assert int(row["black_wins"]) == found["by_colour"]["black"]["wins"]
    assert row["endings"] == "; ".join(f"{name}: {count}" for name, count in found["endings"].items())
    assert "" not in {row[name] for name in COLUMNS if not name.startswith(("elo", "sprt", "iteration"))}


def test_the_averaged_weights_play(agent):
    promote(agent)
    save_checkpoint(agent.latest, checkpoint(100, seed=11, averaged_seed=7))
    found = promote(agent, games=4)
    assert found["score"] == 0.5
    assert found["distinct_games"] == 2


def test_what_was_found_is_on_disk(agent):
    found = promote(agent, iteration=0)
    assert json.loads((agent.experiments / "last_arena.json").read_text()) == json.loads(json.dumps(found))
    assert found["winrate"] == found["score"]
    again = promote(agent, games=2, iteration=1)
    first, second = rows(agent)
    assert (first["iteration"], first["promoted"], second["iteration"]) == ("0", "true", "1")
    assert float(first["score"]) == pytest.approx(found["score"], abs=1e-5)
    assert second["pairs"] == " ".join(map(str, again["pairs"]))
    assert second["opponent"] == "AgentT best (step 100)"
    assert (agent.experiments / "last_arena.pgn").read_text().count("[Result ") == 2
    assert (agent.experiments / "arena.csv").read_text().startswith(",".join(COLUMNS) + "\n")


class _Notes(Progress):
    def __init__(self):
        self.lines = []

    def note(self, text):
        self.lines.append(text)


def test_a_match_that_was_written_down_is_not_played_again(agent):
    found, notes = promote(agent, iteration=0), _Notes()
    again = promote(agent, iteration=0, progress=notes)
    assert again == json.loads(json.dumps(found))
    assert len(rows(agent)) == 1
    assert notes.lines == []


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("[]", "not the report of a match; it is ignored"),
        ("7", "not the report of a match; it is ignored"),
        ('{"iteration": 0,', "not the report of a match; it is ignored"),
    ],
)
def test_a_damaged_report_is_passed_over(agent, content, told):
    path, notes = agent.experiments / "last_arena.json", _Notes()
    path.write_text(content)
    found = promote(agent, iteration=0, progress=notes)
    assert [told in line for line in notes.lines if str(path) in line] == [True]
    assert json.loads(path.read_text()) == json.loads(json.dumps(found))
    assert len(rows(agent)) == 1


@pytest.mark.parametrize("change", [{"by_colour": []}, {"endings": None}, {"sprt": 7}, {"promoted": "yes"}, {"winrate": ...}])
def test_a_report_with_a_damaged_entry_is_passed_over(agent, change):
    path, notes = agent.experiments / "last_arena.json", _Notes()
    found = promote(agent, iteration=0)
    path.write_text(json.dumps({name: value for name, value in {**found, **change}.items() if value is not ...}))
    promote(agent, iteration=0, progress=notes)
    assert any("is damaged; its match is played again" in line for line in notes.lines)
    assert set(json.loads(path.read_text())) == set(found)
    assert json.loads(path.read_text())["by_colour"]


@pytest.mark.parametrize("torn", [0, 1])
def test_a_match_whose_row_was_torn_is_in_the_table_in_the_end(agent, torn):
    found, table = promote(agent, iteration=0), agent.experiments / "arena.csv"
    table.write_bytes(table.read_bytes()[:-torn] if torn else table.read_bytes())
    promote(agent, iteration=0)
    (row,) = rows(agent)
    assert (row["iteration"], row["endings"]) == ("0", "; ".join(f"{k}: {v}" for k, v in found["endings"].items()))
    assert table.read_bytes().endswith(b"\n")


def test_a_match_of_the_best_net_with_itself_is_told_as_such(agent):
    first, again = promote(agent, games=2), promote(agent, games=4)
    assert (first["itself"], again["itself"]) == (False, True)
    assert [row["itself"] for row in rows(agent)] == ["false", "true"]


class _Broken(Progress):
    """Breaks off when the second match's first game has ended."""

    def advance(self, count=1, **figures):
        raise KeyboardInterrupt


def test_a_match_that_is_broken_off_leaves_the_games_of_the_one_before(agent):
    promote(agent, games=4)
    before = {path.name: path.read_bytes() for path in agent.experiments.iterdir()}
    assert before["last_arena.pgn"].count(b"[Result ") == 4
    with pytest.raises(KeyboardInterrupt):
        promote(agent, games=2, progress=_Broken())
    assert {path.name: path.read_bytes() for path in agent.experiments.iterdir()} == before


@pytest.mark.parametrize("first", [True, False])
def test_metadata_says_which_net_is_the_best_though_a_promotion_was_killed(agent, monkeypatch, first):
    if not first:
        promote(agent)
    save_checkpoint(agent.latest, checkpoint(200, seed=11))

    def killed(path):
        raise KeyboardInterrupt

    monkeypatch.setattr(promotion, "replacing", killed)
    with pytest.raises(KeyboardInterrupt):
        promote(agent, threshold=0.0)
    monkeypatch.undo()
    told = Agent.open(agent.directory).metadata["best"]
    assert told["step"] == 200
    if not first:
        assert told["sha256"] != hashlib.sha256(agent.best.read_bytes()).hexdigest()  # so that it is seen not to be true
    with agent.lock():
        best = promotion.best_net(agent)
    told = Agent.open(agent.directory).metadata["best"]
    if first:
        assert best is told is None
    else:
        assert best.step == told["step"] == 100
        assert told["sha256"] == hashlib.sha256(agent.best.read_bytes()).hexdigest()


def test_what_metadata_says_of_the_best_net_is_kept_where_it_is_true(agent):
    promote(agent)
    before = Agent.open(agent.directory).metadata["best"]
    assert {"step", "iteration", "score", "opponent", "time", "sha256"} == set(before)
    promote(agent, threshold=1.0)
    assert Agent.open(agent.directory).metadata["best"] == before


def test_the_same_seed_plays_the_same_match(agent):
    first = promote(agent, seed=5)
    agent.best.unlink()
    assert {**first, "time": ""} == {**promote(agent, seed=5), "time": ""}


def test_without_a_latest_net_the_command_that_makes_one_is_named(tmp_path):
    agent = Agent.create(tmp_path / "AgentT", CONFIG)
    with pytest.raises(PawnzeroError, match=r"no latest net to evaluate; `pawnzero train .*AgentT` makes one"):
        promote(agent)


def test_a_latest_net_of_another_shape_changes_nothing(agent):
    other = dataclasses.replace(SHAPE, channels=16)
    net = make_model("cpu", 16, 1, game="tic_tac_toe").state_dict()
    save_checkpoint(agent.latest, Checkpoint("tic_tac_toe", other, 5, 0, net, net))
    with pytest.raises(PawnzeroError, match="16 channels"):
        promote(agent)
    assert list(agent.experiments.iterdir()) == []


def test_agents_and_checkpoints_are_players(agent):
    game = get_game("tic_tac_toe")
    with pytest.raises(PawnzeroError, match=r"no best net yet; `pawnzero promote .*` makes one, or name .*latest\.pt"):
        parse_player(str(agent.directory), game=game, device="cpu")
    promote(agent)
    assert game_of(str(agent.directory)) == game_of(str(agent.latest)) == "tic_tac_toe"
    best = parse_player(str(agent.directory), game=game, device="cpu", simulations=3)
    latest = parse_player(str(agent.latest), game=game, device="cpu", simulations=0)
    assert (best.name, latest.name) == ("AgentT", "AgentT/latest")
    assert best.details == {"Net": f"{agent.best} (step 100)", "Simulations": "3"}
    with pytest.raises(PawnzeroError, match=r"latest\.pt: plays tic_tac_toe, expected a player of connect_four"):
        parse_player(str(agent.latest), game=get_game("connect_four"))
    agent.latest.write_bytes(agent.latest.read_bytes()[:500])
    with pytest.raises(PawnzeroError, match="truncated or damaged"):
        parse_player(str(agent.latest), game=game)


def test_a_player_plays_the_averaged_weights(agent):
    game = get_game("tic_tac_toe")

    def said(net):
        save_checkpoint(agent.latest, net)
        return parse_player(str(agent.latest), game=game, device="cpu", simulations=0).assess([Line(game)])[1].tolist()

    assert said(checkpoint(100, seed=11, averaged_seed=7)) == said(checkpoint(100, seed=7)) != said(checkpoint(100, seed=11))


def test_another_net_is_judged_from_other_openings(agent):
    def begun(step):
        save_checkpoint(agent.latest, checkpoint(step, seed=7))
        promote(agent, games=8)
        return [written.moves[0] for written in read_games(agent.experiments / "last_arena.pgn")]

    assert begun(100) == begun(100)
    assert begun(100) != begun(200)


def test_the_match_of_another_net_does_not_count_though_the_iteration_is_the_same(agent):
    promote(agent, iteration=0)
    save_checkpoint(agent.latest, checkpoint(200, seed=7))
    found = promote(agent, iteration=0, threshold=1.0)
    assert (found["step"], found["promoted"]) == (200, False)
    assert [row["step"] for row in rows(agent)] == ["100", "200"]
    assert load_checkpoint(agent.best).step == 100


def test_the_match_of_another_net_does_not_count_though_its_step_is_the_same_too(agent):
    before = promote(agent, iteration=0)
    save_checkpoint(agent.latest, checkpoint(100, seed=8))
    found = promote(agent, iteration=0, threshold=1.0)
    assert before["sha256"] != found["sha256"] == hashlib.sha256(agent.latest.read_bytes()).hexdigest()
    assert (found["promoted"], found["itself"]) == (False, False)
    assert len(rows(agent)) == 2
