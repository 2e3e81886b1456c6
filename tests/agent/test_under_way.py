"""What is kept of an iteration under way, as metadata.json holds it."""

from __future__ import annotations

from pawnzero.agent.under_way import TRAIN, UnderWay


def test_what_is_kept_is_what_was_found() -> None:
    under_way = UnderWay(3, frozen={"seed": 1}, selfplay={"positions": 5, "alarms": ["slow"]}, steps=7, until_step=9, spent=1.5)
    assert UnderWay.of(under_way.stage(TRAIN)) == under_way
    assert "lacks" not in under_way.stage(TRAIN)["found"]
    assert UnderWay.of(None) is None


def test_entries_of_another_version_do_no_harm() -> None:
    assert UnderWay.of({"iteration": 3, "name": TRAIN, "found": {"iteration": 3, "mood": "good"}}) == UnderWay(3)


def test_what_training_lacks_is_reckoned_once() -> None:
    under_way = UnderWay(0, until_step=30)
    assert under_way.keep_lacking(10)
    assert under_way.keep_lacking(25)
    assert under_way.lacks == 20
    assert not UnderWay(0).keep_lacking(10)
    assert not UnderWay(0, until_step=30, train={}).keep_lacking(10)


def test_the_line_of_a_finished_iteration() -> None:
    found = {"frozen": {}, "selfplay": {"alarms": ["a"]}, "steps": 1, "until_step": 1, "train": {"alarms": ["b"]}}
    under_way = UnderWay(0, **found, arena={"promoted": True}, spent=2.0)
    line, owed = under_way.finished(samples_owed=4.0)
    assert list(line) == ["iteration", "selfplay", "train", "arena", "seconds", "promoted", "alarms"]
    assert (line["promoted"], line["alarms"], line["seconds"], owed) == (True, ["a", "b"], 2.0, 4.0)
    under_way.samples_owed = 0.5
    assert under_way.finished(samples_owed=4.0)[1] == 0.5
