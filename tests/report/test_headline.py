"""The verdict: yes or no only where the interval says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Optional

import pytest

from pawnzero.agent import Agent
from pawnzero.ladder.ratings import Result, rate
from pawnzero.report.headline import headline
from pawnzero.report.sources import Run
from tests.report.invented import ladder, pairing


def _run(matches: List[Dict[str, Any]], ladder: Optional[Dict[str, Any]] = None, agent: Optional[Agent] = None) -> Run:
    return Run(agent or Agent(Path("nobody"), {}), [], None, None, [], matches, ladder, [])


def _match(pairs: List[int], opponent: str = "best") -> Dict[str, Any]:
    games = 2 * sum(pairs)
    score = sum(count * index / 4 for index, count in enumerate(pairs)) / sum(pairs)
    return {"games": games, "score": score, "pairs": pairs, "opponent": opponent, "score_low": 0.0, "score_high": 1.0}


def test_nothing_measured() -> None:
    assert headline(_run([])).answer == "not measured"


@pytest.mark.parametrize(
    ("pairs", "answer"), [([0, 0, 6, 10, 20], "yes"), ([20, 10, 6, 0, 0], "no"), ([4, 4, 10, 5, 4], "not shown")]
)
def test_by_matches(pairs: List[int], answer: str) -> None:
    told = headline(_run([_match([0, 0, 0, 0, 40], "untrained net"), _match(pairs)]))
    assert told.answer == answer
    assert "best net before it" in told.sentence
    assert told.caveat


def test_the_first_match_is_judged_alone_while_there_is_no_other() -> None:
    told = headline(_run([_match([0, 0, 0, 0, 10], "untrained net")]))
    assert told.answer == "yes"
    assert "against untrained net" in told.sentence


def test_small_matches_are_taken_together_and_only_the_last_few() -> None:
    slightly = _match([1, 1, 3, 3, 2])
    assert headline(_run([slightly, slightly])).answer == "not shown"
    old = [_match([40, 0, 0, 0, 0])] * 3
    told = headline(_run(old + [slightly] * 5))
    assert "the last 5 matches (100 games) the newest net scored 0.60" in told.sentence
    assert told.answer == "yes"


def test_a_match_that_is_played_again_is_no_new_evidence() -> None:
    slightly = {**_match([1, 1, 3, 3, 2]), "step": 40.0, "seed": 1.0}
    once, again = (headline(_run([_match([0, 0, 0, 0, 40])] + [slightly] * times)) for times in (1, 5))
    assert once.answer == "not shown"
    assert again == once
    assert "in the last match (20 games)" in once.sentence
    reseeded = [{**slightly, "seed": float(seed)} for seed in range(1, 6)]  # other openings may lead to the same games
    assert headline(_run([_match([0, 0, 0, 0, 40]), *reseeded])) == once
    others = [{**slightly, **other} for other in ({}, {"step": 60.0}, {"step": 80.0}, {"opponent": "other"}, {"step": None})]
    assert "the last 5 matches (100 games)" in headline(_run([_match([0, 0, 0, 0, 40]), *others])).sentence


def test_after_going_back_the_same_steps_are_other_nets() -> None:
    def row(step: int, iteration: int, pairs: List[int]) -> Dict[str, Any]:
        return {**_match(pairs), "step": float(step), "iteration": float(iteration), "opponent": "best of 100"}

    first = row(100, 0, [0, 0, 0, 0, 10])
    given_up = [row(100 * n, n, [7, 1, 1, 1, 0]) for n in range(2, 9)]
    anew = [row(100 * n, n + 7, [0, 1, 1, 1, 7]) for n in range(2, 5)]
    plain = [{**one, "step": None} for one in (first, *given_up, *anew)]
    assert headline(_run([first, *given_up, *anew])) == headline(_run(plain))
    long = {**row(200, 1, [14, 2, 2, 2, 0]), "games": 40}
    assert headline(_run([first, long, row(200, 2, [0, 1, 1, 1, 7])])).sentence.count("60 games") == 1


def test_a_match_of_the_best_net_with_itself_tells_nothing() -> None:
    better = [{**_match([0, 0, 4, 8, 8]), "step": float(step), "opponent": "best"} for step in (20, 40, 60)]
    alone = {**_match([0, 0, 20, 0, 0]), "step": 60.0, "opponent": "best of 60", "itself": True}
    assert headline(_run([*better, alone])) == headline(_run(better))
    told = headline(_run([alone]))
    assert told.answer == "not measured"
    assert "of the best net with itself" in told.sentence


def test_of_a_match_that_is_played_again_the_longest_counts() -> None:
    long, short = ({**_match(pairs), "step": 40.0, "seed": 1.0} for pairs in ([1, 1, 3, 3, 2], [0, 0, 0, 0, 2]))
    for rows in ([long, short], [short, long]):
        told = headline(_run([_match([9, 0, 0, 0, 0]), *rows])).sentence
        assert "in the last match (20 games) the newest net scored 0.60" in told


def test_a_match_of_one_game_has_no_pairs() -> None:
    lone = {"games": 1, "score": 1.0, "pairs": [0, 0, 0, 0, 0], "opponent": "x", "score_low": 0.3, "score_high": 1.0}
    assert headline(_run([lone])).answer == "not shown"
    for rows in ([lone], [lone] * 7):
        told = headline(_run(rows)).sentence
        assert "in the last match (1 game) the newest net scored 1.00" in told
        assert "0.30 to 1.00" in told


def test_the_games_told_are_those_that_the_score_is_of() -> None:
    odd = {**_match([1, 1, 3, 3, 2]), "games": 21, "score": 13 / 21}
    lone = {"games": 1, "score": 1.0, "pairs": [0, 0, 0, 0, 0], "opponent": "best", "score_low": 0.3, "score_high": 1.0}
    assert "the last 2 matches (42 games) the newest net scored 0.62" in headline(_run([lone, odd, odd])).sentence
    assert "the last 3 matches (43 games) the newest net scored 0.63" in headline(_run([lone, odd, odd, lone])).sentence


def test_the_odd_games_of_short_matches_weigh_as_they_were_played() -> None:
    row = {"games": 3, "wins": 2, "draws": 0, "losses": 1, "score": 2 / 3, "pairs": [0, 0, 0, 0, 1], "opponent": "best"}
    told = headline(_run([row] * 6))
    assert told.answer == "not shown"
    assert "the last 5 matches (15 games) the newest net scored 0.67" in told.sentence


def test_games_that_repeat_others_count_in_the_score_alone() -> None:
    """Twenty pairs, of which four are new; the others repeat them."""
    once = {"games": 8, "wins": 6, "draws": 0, "losses": 2, "score": 0.75, "pairs": [0, 0, 2, 0, 2], "opponent": "best"}
    again = {**once, "games": 40, "wins": 30, "losses": 10}
    few, many = (headline(_run([row, row])).sentence for row in (once, again))
    assert "(8 games) the newest net scored 0.75" in few
    assert "(40 games) the newest net scored 0.75" in many
    assert few.partition("95 % interval")[2] == many.partition("95 % interval")[2] != ""


def test_a_match_that_its_test_ended_is_said_to_look_surer_than_it_is() -> None:
    fixed, ended = _match([0, 0, 0, 0, 40]), {**_match([0, 0, 0, 0, 40]), "sprt_decision": "H1"}
    assert "more certain than it is" not in headline(_run([fixed, fixed, {**fixed, "sprt_decision": "continue"}])).caveat
    assert "more certain than it is" in headline(_run([fixed, fixed, ended])).caveat


@pytest.mark.parametrize(
    ("pairs", "answer"), [([4, 8, 28, 32, 28], "yes"), ([10, 20, 40, 25, 10], "not shown"), ([28, 32, 28, 8, 4], "no")]
)
def test_a_ladder_is_believed_before_matches(pairs: List[int], answer: str) -> None:
    played = ladder()
    played["pairings"][0] = pairing("step 200", "step 20", pairs)
    told = headline(_run([_match([0, 0, 0, 0, 40])] * 2, played))
    assert told.answer == answer
    gain = rate([Result("200", "20", tuple(pairs))], "20")["200"]
    assert f"{abs(gain.elo):.0f} Elo {'above' if gain.elo > 0 else 'below'} that of step 20" in told.sentence
    assert f"(95 % interval: {gain.low:+.0f} to {gain.high:+.0f})" in told.sentence
    assert told.caveat == ""


@pytest.mark.parametrize("pairs", [[4, 8, 28, 32, 28], [10, 20, 40, 25, 10], [28, 32, 28, 8, 4]])
def test_a_net_that_is_newer_than_the_ladder_is_told(pairs: List[int], tmp_path: Path) -> None:
    played = ladder()
    played["pairings"][0] = pairing("step 200", "step 20", pairs)
    agent = Agent(tmp_path / "My agent", {})
    agent.checkpoints.mkdir(parents=True)
    (agent.checkpoints / "ckpt_000200.pt").touch()
    level = headline(_run([], played, agent))
    assert "newest" not in level.sentence
    (agent.checkpoints / "ckpt_001550.pt").touch()
    behind = headline(_run([], played, agent))
    assert behind.sentence.endswith(
        " The ladder ends at step 200, but the newest net is of step 1,550; run pawnzero ladder again to add it."
    )
    assert behind.answer == level.answer
    assert "More games" not in behind.sentence


@pytest.mark.parametrize("turned", [False, True])
def test_the_games_between_two_nets_tell_them_apart_however_unsure_their_distance_from_the_anchor(turned: bool) -> None:
    played = ladder()
    between = [10, 12, 30, 25, 23]
    names = ("step 20", "step 200", between[::-1]) if turned else ("step 200", "step 20", between)
    played["pairings"] = [pairing(name, "random", [0, 0, 0, 0, 10]) for name in ("step 20", "step 200")] + [pairing(*names)]
    told = headline(_run([], played))
    assert told.answer == "yes"
    assert "is 68 Elo above that of step 20 (95 % interval: +25 to +113)" in told.sentence


@pytest.mark.parametrize("best", ["step 200", "step 200 (ab)", ""])
@pytest.mark.parametrize("stronger", [0, 1])
def test_of_two_nets_of_one_step_the_best_one_is_the_newest_and_else_the_later_one(best: str, stronger: int) -> None:
    played = ladder()
    (net,) = (player for player in played["players"] if player["name"] == "step 200")
    twins = [{**net, "name": name, "best": name == best} for name in ("step 200", "step 200 (ab)")]
    others = [player for player in played["players"] if player["name"] not in ("step 200", "step 500")]
    played["players"] = [twins[stronger], twins[1 - stronger], *others]
    played["pairings"] = [
        pairing("step 200", "step 20", [1, 2, 20, 9, 8]),
        pairing("step 200 (ab)", "step 20", [9, 8, 20, 2, 1]),
    ]
    newest = best or "step 200 (ab)"
    assert headline(_run([], played)).answer == ("yes" if newest == "step 200" else "no")


def test_nets_of_a_single_step_leave_the_word_to_the_matches() -> None:
    played = ladder()
    played["players"] = [{**player, "step": player["step"] and 20} for player in played["players"]]
    assert "match" in headline(_run([_match([0, 0, 0, 0, 40])] * 2, played)).sentence


def test_checkpoints_that_no_games_connect_leave_the_word_to_the_matches() -> None:
    assert "match" in headline(_run([_match([0, 0, 0, 0, 40])] * 2, {**ladder(), "pairings": []})).sentence


def test_a_ladder_with_one_rated_checkpoint_leaves_the_word_to_the_matches(tmp_path: Path) -> None:
    played = ladder()
    played["players"] = [player for player in played["players"] if player["name"] != "step 20"]
    assert "match" in headline(_run([_match([0, 0, 0, 0, 40])] * 2, played)).sentence


def test_equals_are_told_to_be_level() -> None:
    played = ladder()
    played["pairings"] = [pairing("step 200", "step 20", [0, 0, 10, 0, 0])]
    assert "the net of step 200 is level with that of step 20 (95 % interval: " in headline(_run([], played)).sentence
