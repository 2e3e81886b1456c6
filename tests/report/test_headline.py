"""The verdict: yes or no only where the interval says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Optional

import pytest

from pawnzero.report.headline import headline
from pawnzero.report.sources import Run
from tests.report.invented import ladder


def _run(matches: List[Dict[str, Any]], ladder: Optional[Dict[str, Any]] = None) -> Run:
    return Run(None, [], None, None, [], matches, ladder, [])  # type: ignore[arg-type]  # the agent is not asked


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


def test_a_match_of_one_game_has_no_pairs() -> None:
    lone = {"games": 1, "score": 1.0, "pairs": [0, 0, 0, 0, 0], "opponent": "x", "score_low": 0.3, "score_high": 1.0}
    assert headline(_run([lone])).answer == "not shown"


@pytest.mark.parametrize(("elo", "answer"), [(210.0, "yes"), (120.0, "not shown"), (20.0, "no")])
def test_a_ladder_is_believed_before_matches(elo: float, answer: str) -> None:
    played = ladder()
    newest = next(player for player in played["players"] if player["name"] == "step 200")
    newest.update(elo=elo, elo_low=elo - 30, elo_high=elo + 30)
    told = headline(_run([_match([0, 0, 0, 0, 40])] * 2, played))
    assert told.answer == answer
    assert f"{abs(elo - 90):.0f} Elo {'above' if elo > 90 else 'below'} that of step 20" in told.sentence
    assert told.caveat == ""


def test_a_rating_without_a_bound_proves_nothing_on_that_side() -> None:
    played = ladder()
    for player in played["players"]:
        player["elo_low"] = None if player["name"] == "step 200" else player["elo_low"]
    told = headline(_run([], played))
    assert told.answer == "not shown"
    assert "interval: open to +162" in told.sentence


def test_a_ladder_with_one_rated_checkpoint_leaves_the_word_to_the_matches(tmp_path: Path) -> None:
    played = ladder()
    played["players"] = [player for player in played["players"] if player["name"] != "step 20"]
    assert "match" in headline(_run([_match([0, 0, 0, 0, 40])] * 2, played)).sentence
