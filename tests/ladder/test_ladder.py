"""A ladder of a tiny agent, played for real: who meets whom, what is written, and that nothing is played twice."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from pawnzero.agent import Agent
from pawnzero.config import Config, ModelConfig
from pawnzero.errors import PawnzeroError, UsageError
from pawnzero.ladder import climb
from pawnzero.ladder.book import Book, terms_of
from pawnzero.ladder.climb import play_ladder
from pawnzero.nets import make_model
from pawnzero.nets.checkpoint import Checkpoint, save_checkpoint
from pawnzero.progress import Progress

SHAPE = ModelConfig(channels=4, blocks=1)
CONFIG = Config(game="tic_tac_toe", model=SHAPE, mcts_sims=2)
FAKE = f"uci:{shlex.quote(sys.executable)} {shlex.quote(str(Path(__file__).parent.parent / 'arena' / 'fake_uci.py'))}"


def put(agent, step, game="tic_tac_toe"):
    weights = make_model("cpu", 4, 1, game=game, seed=step).state_dict()
    save_checkpoint(agent.checkpoints / f"ckpt_{step:06d}.pt", Checkpoint(game, SHAPE, step, 1, weights, weights))


@pytest.fixture
def agent(tmp_path):
    found = Agent.create(tmp_path / "AgentT", CONFIG)
    for step in (100, 200, 300):
        put(found, step)
    return found


@pytest.fixture
def matches(monkeypatch):
    """(first, second, games, first opening) of every match that is really played from here on."""
    told = []
    play = climb.play_match

    def telling(first, second, **options):
        told.append((first.name, second.name, options["games"], tuple(options["openings"][0].actions)))
        return play(first, second, **options)

    monkeypatch.setattr(climb, "play_match", telling)
    return told


def match_of(games, wins, draws, losses, played):
    """A match whose games are `moves.result`, the second of a pair after the first."""
    split = [game.split(".") for game in played.split()]
    found = [
        SimpleNamespace(moves=(moves, place % 2), points="ldw".index(result) / 2) for place, (moves, result) in enumerate(split)
    ]
    return SimpleNamespace(games=games, wins=wins, draws=draws, losses=losses, played=found)


def ladder(agent, **options):
    return play_ladder(agent, CONFIG, device="cpu", **{"games": 6, **options})


def test_neighbours_and_the_random_mover(agent, matches):
    found = ladder(agent)
    assert [match[:3] for match in matches] == [
        ("AgentT step 200", "AgentT step 100", 6),
        ("AgentT step 300", "AgentT step 200", 6),
        ("AgentT step 100", "random", 6),
        ("AgentT step 200", "random", 6),
        ("AgentT step 300", "random", 6),
    ]
    assert json.loads((agent.experiments / "ladder.json").read_text()) == json.loads(json.dumps(found))
    assert (found["format"], found["game"], found["simulations"]) == (1, "tic_tac_toe", 2)
    assert found["anchor"] == {"player": "random", "elo": 0.0}
    players = {player["name"]: player for player in found["players"]}
    assert {"name", "spec", "kind", "step", "positions", "hours", "games", "elo", "elo_low", "elo_high"} <= set(
        players["random"]
    )
    assert (players["random"]["kind"], players["random"]["elo"], players["random"]["games"]) == ("random", 0.0, 18)
    assert (players["step 200"]["kind"], players["step 200"]["step"], players["step 200"]["games"]) == ("checkpoint", 200, 18)
    assert all(one["elo_low"] <= one["elo"] <= one["elo_high"] for one in found["players"])
    elos = [player["elo"] for player in found["players"]]
    assert elos == sorted(elos, reverse=True)
    for one in found["pairings"]:
        assert one["games"] == one["wins"] + one["draws"] + one["losses"] == 2 * sum(one["pairs"]) == 6
    assert (agent.experiments / "ladder" / "games.pgn").read_text().count("[Result ") == 30


@pytest.mark.parametrize(("steady", "nets", "told"), [(1, 1, "1"), (1, 3, "5"), (3, 2, "at most 9"), (0, 0, "0")])
def test_how_many_pairings_there_are(steady, nets, told):
    """All meet all but where a net stops, which none does here."""
    names = ([SimpleNamespace(name=f"{kind}{n}") for n in range(count)] for kind, count in (("s", steady), ("n", nets)))
    level = SimpleNamespace(score=lambda first, second: 0.5)
    assert climb.most_pairings(steady, nets) == told
    assert len(list(climb.pairings(*names, level))) == int(told.split()[-1])


def test_only_what_is_missing_is_played(agent, matches):
    before = ladder(agent)
    matches.clear()
    again = ladder(agent)
    assert matches == []
    assert {**again, "updated": ""} == {**before, "updated": ""}
    (agent.checkpoints / "ckpt_000100.pt").unlink()
    put(agent, 400)
    ladder(agent)
    assert [match[:2] for match in matches] == [("AgentT step 400", "AgentT step 300"), ("AgentT step 400", "random")]


def test_more_games_begin_with_the_next_openings(agent, matches):
    ladder(agent, games=3)
    first = list(matches)
    matches.clear()
    found = ladder(agent, games=8)
    assert [(match[0], match[2]) for match in first] == [(match[0], 4) for match in matches]
    assert all(before[3] != after[3] for before, after in zip(first, matches))
    assert {one["games"] for one in found["pairings"]} == {8}


def test_results_of_nets_that_are_gone_stay(agent):
    before = ladder(agent)
    for path in (agent.experiments / "ladder").glob("step_000100*"):
        path.unlink()
    (agent.checkpoints / "ckpt_000100.pt").unlink()
    after = ladder(agent)
    (gone,) = (player for player in after["players"] if player["name"] == "step 100")
    assert gone["elo"] is not None
    assert [one for one in after["pairings"] if "step 100" in (one["first"], one["second"])] == [
        one for one in before["pairings"] if "step 100" in (one["first"], one["second"])
    ]


def test_a_ladder_goes_on_after_an_interruption(agent, matches):
    class Stopping(Progress):
        finished = 0

        def advance(self, games=1, **figures):
            self.finished += games
            if self.finished == 15:  # in the middle of the third pairing
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ladder(agent, progress=Stopping())
    assert len(json.loads((agent.experiments / "ladder.json").read_text())["pairings"]) == 2
    ladder(agent)
    assert [match[:2] for match in matches[2:4]] == [("AgentT step 100", "random")] * 2
    assert len(matches) == 6
    assert (agent.experiments / "ladder" / "games.pgn").read_text().count("[Result ") == 30


def test_a_net_stops_at_the_first_player_that_is_far_too_strong(agent, monkeypatch):
    scores = {"weak": 0.8, "strong": 0.05, "stronger": 0.0}
    net = climb.Contestant("step 100", "", "checkpoint", 100)
    steady = [climb.Contestant(name, "", "engine") for name in scores]

    class Told:
        def score(self, first, second):
            return scores[second]

    met = [(first.name, second.name) for first, second in climb.pairings(steady, [net], Told())]
    assert met == [("strong", "weak"), ("stronger", "strong"), ("step 100", "weak"), ("step 100", "strong")]


def test_a_net_that_another_run_made_at_the_same_step_is_another_player(agent):
    ladder(agent)
    weights = make_model("cpu", 4, 1, game="tic_tac_toe", seed=9).state_dict()
    save_checkpoint(agent.checkpoints / "ckpt_000100.pt", Checkpoint("tic_tac_toe", SHAPE, 100, 1, weights, weights))
    names = {player["name"]: player for player in ladder(agent)["players"]}
    (other,) = (name for name in names if name.startswith("step 100 ("))
    assert names["step 100"]["digest"] != names[other]["digest"]
    assert set(names) == {player["name"] for player in ladder(agent)["players"]}


def test_a_net_is_known_by_its_step_and_its_weights(tmp_path):
    book = Book(tmp_path / "ladder.json", "tic_tac_toe", terms_of(CONFIG, None, None))

    def enter(step, digest):
        return book.enter(climb.Contestant(f"step {step}", "a file", climb.CHECKPOINT, step, digest=digest)).name

    entered = [("step 100", 100, "aa"), ("step 100 (bb)", 100, "bb"), ("step 100 (cc)", 100, "cc"), ("step 200", 200, "aa")]
    for _ in range(2):
        assert [enter(step, digest) for _, step, digest in entered] == [name for name, _, _ in entered]
        assert list(book.names()) == [name for name, _, _ in entered]


def test_a_ladder_without_looking_ahead_goes_on_without(agent):
    ladder(agent)
    path = agent.experiments / "ladder.json"
    content = json.loads(path.read_text())
    del content["search"]["look_ahead"]
    path.write_text(json.dumps(content))
    assert ladder(agent)["search"]["look_ahead"] is False


def test_other_terms_are_refused(agent, tmp_path):
    ladder(agent)
    with pytest.raises(UsageError, match=r"ladder\.json: played with 2 simulations, not 5; move .* away"):
        ladder(agent, simulations=5)
    (tmp_path / "mine.epd").write_text("1\n")
    with pytest.raises(UsageError, match=r"played with the openings built-in, not mine\.epd \(\w{8}\)"):
        ladder(agent, openings_file=tmp_path / "mine.epd")
    with pytest.raises(UsageError, match=r"anchor 'nobody', expected a player of the ladder: .*\brandom\b"):
        ladder(agent, anchor="nobody")
    (agent.experiments / "ladder.json").write_text('{"format": 7}')
    with pytest.raises(PawnzeroError, match=r"ladder\.json: not a ladder of this version"):
        ladder(agent)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda found: found["pairings"][0].update(won=found["pairings"][0].pop("wins")), "KeyError: 'wins'"),
        (lambda found: found["pairings"][0].update(wins="6"), "the pairing of a and random"),
        (lambda found: found["pairings"][0].update(pairs=[1, 2]), "the pairing of a and random"),
        (lambda found: found["pairings"][0].update(pairs=None), "not a ladder of this version"),
        (lambda found: found["pairings"][0].update(digests=[1]), "the pairing of a and random"),
        (lambda found: found["pairings"][0].pop("digests"), "KeyError: 'digests'"),
        (lambda found: found["pairings"][0].update(first="nobody"), "the pairing of nobody and random"),
        (lambda found: found.update(simulations="x"), "mcts_sims is 'x', expected an integer"),
        (lambda found: found["search"].update(cpuct="x"), "search.cpuct is 'x', expected a number"),
        (lambda found: found.update(anchor={"player": "nobody", "elo": 0}), "the anchor 'nobody' at 0"),
        (lambda found: found.update(anchor={"player": ["a"], "elo": 0}), "not a ladder of this version"),
        (lambda found: found["players"][0].update(spec=None), "the player '"),
        (lambda found: found["players"][0].update(kind="engine", digest=""), "the player '"),
    ],
)
def test_a_damaged_ladder_is_one_line(tmp_path, damage, told):
    path, terms = tmp_path / "ladder.json", terms_of(CONFIG, None, None)
    book = Book(path, "tic_tac_toe", terms)
    for name in ("a", "random"):
        book.enter(climb.Contestant(name, name, "random"))
    book.add("a", "random", match_of(6, 3, 2, 1, "a.l a.w b.d b.w c.w c.w"))
    found = book.write()
    assert Book.open(path, "tic_tac_toe", terms, None).games("a", "random") == 6
    damage(found)
    path.write_text(json.dumps(found))
    with pytest.raises(PawnzeroError, match=told) as caught:
        Book.open(path, "tic_tac_toe", terms, None)
    assert str(caught.value).startswith(f"{path}: not a ladder of this version (")
    assert "\n" not in str(caught.value)


def test_another_anchor_is_remembered(agent):
    found = ladder(agent, anchor="step 100", anchor_elo=1200.0)
    assert {player["name"]: player["elo"] for player in found["players"]}["step 100"] == 1200.0
    assert ladder(agent)["anchor"] == {"player": "step 100", "elo": 1200.0}


def test_an_engine_is_known_by_the_name_it_gives_itself(tmp_path):
    config = Config(game="chess", model=SHAPE, mcts_sims=2)
    agent = Agent.create(tmp_path / "AgentC", config)
    put(agent, 100, "chess")
    found = play_ladder(agent, config, games=2, wanted_engines=f"{FAKE};nodes=5", device="cpu")
    (engine,) = (player for player in found["players"] if player["kind"] == "engine")
    assert (engine["name"], engine["spec"], engine["step"]) == ("Fake (nodes=5)", f"{FAKE};nodes=5", None)
    assert {frozenset((one["first"], one["second"])) for one in found["pairings"]} >= {
        frozenset(("Fake (nodes=5)", "random")),
        frozenset(("step 100", "random")),
    }


def test_engines_that_call_themselves_alike_are_told_apart_by_their_commands(tmp_path):
    config = Config(game="chess", model=SHAPE, mcts_sims=2)
    agent = Agent.create(tmp_path / "AgentC", config)
    put(agent, 100, "chess")

    def play(*specs):
        return play_ladder(agent, config, games=2, wanted_engines=",".join(specs), device="cpu")

    def engines(found):
        return {player["spec"]: player["name"] for player in found["players"] if player["kind"] == "engine"}

    one, other = f"{FAKE};nodes=5", f"{FAKE} none a2a3;nodes=5"
    before = play(one)
    names = engines(play(other, one, one))
    assert names[one] == "Fake (nodes=5)"
    assert re.fullmatch(r"Fake \(nodes=5\) \(\w{8}\)", names[other])
    after = play(one, other)
    assert engines(after) == names
    met = [(pairing["first"], pairing["second"]) for pairing in after["pairings"]]
    assert all(first != second for first, second in met)
    assert {frozenset(pair) for pair in met} >= {frozenset(names.values()), frozenset((names[other], "random"))}
    assert after["pairings"][: len(before["pairings"])] == before["pairings"]


@pytest.fixture
def book(tmp_path):
    found = Book(tmp_path / "ladder.json", "tic_tac_toe", terms_of(CONFIG, None, None))
    for name in ("a", "random"):
        found.enter(climb.Contestant(name, name, "random"))
    return found


def test_games_count_alike_whoever_is_named_first(book):
    book.add("a", "random", match_of(6, 3, 2, 1, "a.l a.w b.d b.w c.d c.w"))
    book.add("random", "a", match_of(4, 0, 1, 3, "d.l d.l e.l e.d"))
    (pairing,) = book.to_json()["pairings"]
    assert (pairing["first"], pairing["games"], pairing["pairs"]) == ("a", 10, [0, 0, 1, 3, 1])
    assert (pairing["wins"], pairing["draws"], pairing["losses"]) == (6, 3, 1)
    assert (book.score("a", "random"), book.score("random", "a")) == (0.75, 0.25)
    assert book.games("random", "a") == 10


def test_pairs_that_repeat_others_count_as_games_alone(book):
    book.add("a", "random", match_of(6, 6, 0, 0, "a.w a.w a.w a.w a.w a.w"))
    (pairing,) = book.write()["pairings"]
    assert (pairing["games"], pairing["wins"], pairing["pairs"]) == (6, 6, [0, 0, 0, 0, 1])
    again = Book.open(book.path, "tic_tac_toe", book.terms, None)
    assert (again.games("a", "random"), again.to_json()["pairings"]) == (6, [pairing])


def test_pairs_of_earlier_runs_are_no_new_evidence(book):
    book.add("a", "random", match_of(4, 3, 0, 1, "a.w a.w b.l b.w"))
    before = book.write()["pairings"][0]
    again = Book.open(book.path, "tic_tac_toe", book.terms, None)
    again.add("a", "random", match_of(4, 2, 1, 1, "b.l b.w c.d c.w"))
    (pairing,) = again.write()["pairings"]
    assert (pairing["games"], pairing["wins"], pairing["draws"], pairing["pairs"]) == (8, 5, 1, [0, 0, 1, 1, 1])
    assert pairing["digests"][:2] == before["digests"]
    assert len(set(pairing["digests"])) == 3
    turned = match_of(2, 1, 0, 1, "b.l b.w")  # the same two games where the other one is named first
    turned.played.reverse()
    again.add("random", "a", turned)
    assert again.write()["pairings"][0]["pairs"] == [0, 0, 1, 1, 1]


def test_more_games_than_openings_add_what_was_not_played(agent, tmp_path):
    """Nets play the same from the same opening; the random mover goes on with other lots."""
    (tmp_path / "three.txt").write_text("1\n2\n5\n")
    for games in (6, 12, 60):
        found = ladder(agent, games=games, openings_file=tmp_path / "three.txt")
        pairs = {(one["first"], one["second"]): sum(one["pairs"]) for one in found["pairings"]}
        assert {one["games"] for one in found["pairings"]} == {games}
        assert pairs["step 200", "step 100"] == pairs["step 300", "step 200"] == 3
    assert pairs["step 100", "random"] > 6
    at_once = Agent.create(tmp_path / "AgentU", CONFIG)
    for step in (100, 200, 300):
        put(at_once, step)
    assert ladder(at_once, games=60, openings_file=tmp_path / "three.txt")["pairings"] == found["pairings"]
