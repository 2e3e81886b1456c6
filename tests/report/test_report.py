"""`pawnzero report`: a page that stands alone, shows what the files say at any stage of a run, and says what is missing."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import pytest

from pawnzero.agent import Agent
from pawnzero.files import write_json
from pawnzero.pipeline.selfplay import begin_games, iteration_games
from pawnzero.progress import Progress
from pawnzero.report import write_report
from tests.report.invented import found_again, invent, ladder, pairing
from tests.train.random_games import CONFIG

pytest.importorskip("matplotlib", reason="the report's charts need matplotlib (pip install matplotlib)")

CHARTS = {"ladder", "arena", "losses", "entropy", "results", "endings", "length", "openings", "throughput"}
_VOID = {"meta", "br", "hr", "img", "input", "link"}


class _Reader(HTMLParser):
    """Checks that every element is closed in its order, and keeps attributes and the text that a reader sees."""

    def __init__(self) -> None:
        super().__init__()
        self.open: List[str] = []
        self.ids: List[str] = []
        self.references: List[str] = []
        self.words: List[str] = []

    def handle_starttag(self, tag: str, attrs: List[Tuple[str, Optional[str]]]) -> None:
        assert tag not in ("link", "iframe", "object", "embed")
        if tag not in _VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(str(value))
            if name in ("href", "src", "srcset", "data", "xlink:href"):
                self.references.append(str(value))

    def handle_startendtag(self, tag: str, attrs: List[Tuple[str, Optional[str]]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)


@pytest.fixture
def no_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    """matplotlib is not installed: the pages of tests that are not about charts come sooner."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)


def read(path: Path) -> Tuple[str, str]:
    """The page's source and what a reader sees of it, proved to be well-formed and to stand alone."""
    source = path.read_text(encoding="utf-8")
    reader = _Reader()
    reader.feed(source)
    reader.close()
    assert reader.open == []
    assert len(reader.ids) == len(set(reader.ids))
    assert set(re.findall(r"\w+://[^\s\"'<>)]*", source)) <= {"http://www.w3.org/2000/svg"}
    assert "@import" not in source
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", source))
    assert all(target[0] == "#" and target[1:] in reader.ids for target in reader.references)
    return source, " ".join("".join(reader.words).split())


def test_a_real_agent_after_its_first_iteration(cli: Any, agent_dir: Path) -> None:
    found = cli("report", agent_dir, "--json").json()
    arena = json.loads((agent_dir / "experiments" / "last_arena.json").read_text())
    record = json.loads((agent_dir / "experiments" / "train.json").read_text())[-1]
    assert found["html"] == str(agent_dir / "experiments" / "report.html")
    assert {Path(path).stem for path in found["pictures"]} == CHARTS - {"ladder"}
    assert all(Path(path).read_bytes().startswith(b"\x89PNG") for path in found["pictures"])
    assert (found["game"], found["iterations"], found["games"], found["steps"], found["matches"]) == ("chess", 1, 3, 4, 1)
    assert (found["answer"], found["alarms"]) == ("not shown", [])
    assert ["ladder.json" in sentence for sentence in found["missing"]] == [True]
    _, shown = read(Path(found["html"]))
    assert f"{record['policy_loss']:.2f} + {record['value_loss']:.2f}" in shown
    assert f"{arena['score']:.2f} {arena['score_low']:.2f} to {arena['score_high']:.2f}, 2 games".replace(
        " ", ""
    ) in shown.replace(" ", "")
    assert found["headline"].partition(":")[2] in shown
    assert "untrained net" in found["headline"]
    assert "mcts_sims" in shown


def test_a_long_run_with_ladder_and_alarms(tmp_path: Path) -> None:
    agent = invent(tmp_path, 50)
    write_json(agent.experiments / "ladder.json", ladder())
    ill = [{"name": "draws", "text": "draws <at> 99 % & rising"}]
    agent = found_again(agent, [{**agent.iterations[41], "alarms": ill}])
    found = write_report(agent)
    assert {path.stem for path in found["pictures"]} == CHARTS
    assert (found["missing"], found["replayed_games"], found["ladder_players"]) == ([], 3, 5)
    assert found["alarms"] == [{"iteration": 41, "text": "draws <at> 99 % & rising"}]
    source, shown = read(found["html"])
    assert found["headline"] == (
        "Yes: on the ladder the net of step 200 is 121 Elo above that of step 20 (95 % interval: +79 to +164)."
    )
    assert "Iteration 41: draws <at> 99 % & rising" in shown
    assert f"{sum(1200 + number for number in range(50)):,} positions" in shown
    for text in ("opponent policy loss", "fairymax & co", "in 1.0 hours", "4,370"):
        assert text in shown, text
    assert source.count('<article class="game"') == 3
    assert len(source) < 1_500_000


def test_before_the_first_iteration(tmp_path: Path) -> None:
    found = write_report(invent(tmp_path, 0))
    assert (found["answer"], found["iterations"], found["pictures"], found["replayed_games"]) == ("not measured", 0, [], 1)
    _, shown = read(found["html"])
    for name in ("train.json", "arena.csv", "ladder.json"):
        assert f"({name} does not exist)" in shown


def test_an_agent_without_any_file_but_its_metadata(tmp_path: Path, no_charts: None) -> None:
    agent = invent(tmp_path, 0, "tic_tac_toe")
    agent.replay.unlink()
    agent.experiments.rmdir()
    found = write_report(agent)
    assert "No game to replay: neither a match nor self-play has produced one yet." in found["missing"]
    read(found["html"])


@pytest.mark.parametrize("stage", ["selfplay", "train", "arena"])
def test_in_the_middle_of_an_iteration(tmp_path: Path, stage: str, no_charts: None) -> None:
    agent = invent(tmp_path, 2)
    done: Dict[str, Any] = {"iteration": 2}
    if stage != "selfplay":
        ill = [{"name": "draws", "text": "all drawn"}]
        done["selfplay"] = {**agent.iterations[0]["selfplay"], "games": 7, "alarms": ill}
    with agent.lock():
        agent.update(stage={"iteration": 2, "name": stage, "found": done})
    found = write_report(agent)
    assert found["games"] == (120 if stage == "selfplay" else 127)
    assert found["alarms"] == ([] if stage == "selfplay" else [{"iteration": 2, "text": "all drawn"}])
    _, shown = read(found["html"])
    assert f"Iteration 2 is unfinished, in stage {stage}" in shown
    assert ("0 games with 0 positions so far" in shown) == (stage == "selfplay")


def test_of_selfplay_under_way_the_journal_tells_how_far_it_is(tmp_path: Path, no_charts: None) -> None:
    agent, config = Agent.create(tmp_path / "Three", CONFIG), dataclasses.replace(CONFIG, num_selfplay=3)
    with agent.lock():
        frozen = begin_games(agent, config, Progress())
        iteration_games(agent, config, 1, frozen, "cpu", Progress())  # lines that the iteration after it does not count
        found = iteration_games(agent, config, 2, frozen, "cpu", Progress())
        agent.update(stage={"iteration": 2, "name": "selfplay", "found": {"iteration": 2}})
    journal = agent.experiments / "selfplay.jsonl"
    again = next(line for line in journal.read_bytes().splitlines() if str(2 << 32).encode() in line)
    with journal.open("ab") as stream:
        stream.write(again + b"\n[]\n" + again[:20])
    _, shown = read(write_report(agent)["html"])
    assert f"Iteration 2 is unfinished, in stage selfplay: 3 games with {found['positions']} positions so far." in shown
    with agent.lock():
        agent.update(stage={"iteration": 2, "name": "train", "found": {"iteration": 2, "selfplay": found}})
    assert "in stage train." in read(write_report(agent)["html"])[1]


def test_a_journal_that_cannot_be_read_is_said(tmp_path: Path, no_charts: None) -> None:
    agent = invent(tmp_path, 1)
    (agent.experiments / "selfplay.jsonl").mkdir()
    with agent.lock():
        agent.update(stage={"iteration": 1, "name": "selfplay", "found": {"iteration": 1}})
    assert any("selfplay.jsonl: cannot be read" in sentence for sentence in write_report(agent)["missing"])


@pytest.mark.parametrize("name", ["train.json", "arena.csv", "last_arena.pgn", "ladder.json", "replay.pt"])
@pytest.mark.parametrize("damage", ["missing", "torn", "empty"])
def test_a_file_that_is_missing_or_torn_is_said_and_the_rest_is_shown(
    tmp_path: Path, name: str, damage: str, no_charts: None
) -> None:
    agent = invent(tmp_path, 3)
    write_json(agent.experiments / "ladder.json", ladder())
    whole = write_report(agent)
    path = agent.replay if name == "replay.pt" else agent.experiments / name
    if damage == "missing":
        path.unlink()
    else:
        content = path.read_bytes()
        path.write_bytes(content[: len(content) - 40] if damage == "torn" else b"")
    found = write_report(agent)
    read(found["html"])
    lost = {"train.json": "steps", "arena.csv": "matches", "ladder.json": "ladder_players"}.get(name, "replayed_games")
    same = {"iterations", "games", "matches", "ladder_players", "replayed_games"} - {lost}
    assert {key: found[key] for key in same} == {key: whole[key] for key in same}
    if (name, damage) == ("last_arena.pgn", "torn"):
        return  # only the last game ended there, and it is not among those that are shown
    if lost != "steps":  # the iterations know them too
        assert found[lost] < whole[lost]
    if damage != "missing" or lost != "replayed_games":
        assert any(name in sentence for sentence in found["missing"]), found["missing"]


def test_a_chart_with_nothing_to_draw_leaves_no_old_picture(tmp_path: Path) -> None:
    agent = invent(tmp_path, 1)
    folder = agent.experiments / "report"
    write_report(agent)
    assert {path.stem for path in folder.iterdir()} == CHARTS - {"ladder"}
    (agent.experiments / "train.json").unlink()
    found = write_report(agent)
    assert {path.stem for path in folder.iterdir()} == CHARTS - {"ladder", "losses", "entropy"}
    assert {path.stem for path in found["pictures"]} == {path.stem for path in folder.iterdir()}


def test_files_of_another_shape_are_said(tmp_path: Path, no_charts: None) -> None:
    agent = invent(tmp_path, 2)
    write_json(agent.experiments / "ladder.json", {**ladder(), "format": 2})
    write_json(agent.experiments / "train.json", [{"loss": 1.0}, 7, {"step": 3, "policy_loss": None, "value_loss": 0.5}])
    found = write_report(agent)
    assert any("ladder.json: not a ladder of this version (format 2, expected 1)" in sentence for sentence in found["missing"])
    assert any("train.json: 2 of 3 records" in sentence for sentence in found["missing"])
    read(found["html"])


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("score_low", "abc"),
        ("pairs", "0 0 -1 0 0"),
        ("pairs", "0 0 99 0 0"),
        ("games", "0"),
        ("score", "7"),
        ("opponent", "x" * 200_000),
    ],
)
def test_a_row_of_matches_with_a_wrong_cell_is_said(tmp_path: Path, column: str, cell: str, no_charts: None) -> None:
    agent = invent(tmp_path, 3)
    path = agent.experiments / "arena.csv"
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    rows[1][column] = cell
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    found = write_report(agent)
    assert found["matches"] in (0, 2)
    assert ["arena.csv: " in sentence for sentence in found["missing"]].count(True) == 1
    read(found["html"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"alarms": None},
        {"alarms": [{"name": "draws"}]},
    ],
)
def test_an_iteration_that_holds_other_values_is_said(tmp_path: Path, wrong: Dict[str, Any], no_charts: None) -> None:
    agent = invent(tmp_path, 3)
    found = write_report(found_again(agent, [{**agent.iterations[1], **wrong}]))
    assert found["games"] == 120
    assert "iterations.jsonl: 1 of 3 iterations hold unexpected values and are left out." in found["missing"]
    read(found["html"])


def test_charts_are_drawn_of_what_holds_the_expected_values(tmp_path: Path) -> None:
    """One page with all its charts for the wrong values of the tests around, whose own pages have none."""
    agent, played = invent(tmp_path, 4), ladder()
    played["players"][2]["elo_low"] = "60"
    write_json(agent.experiments / "ladder.json", {**played, "anchor": "random"})
    path = agent.experiments / "arena.csv"
    head, *rows = path.read_text().splitlines()
    columns = head.split(",")
    for number, (column, cell) in enumerate((("score_low", "abc"), ("pairs", "0 0 99 0 0"), ("games", "0"))):
        cells = rows[number].split(",")
        cells[columns.index(column)] = cell
        rows[number] = ",".join(cells)
    path.write_text("\n".join([head, *rows]) + "\n")
    wrong: Tuple[Dict[str, Any], ...] = ({"alarms": [{"name": "draws"}]}, {"alarms": None})
    found = write_report(found_again(agent, [{**agent.iterations[1 + n], **values} for n, values in enumerate(wrong)]))
    assert {picture.stem for picture in found["pictures"]} == CHARTS
    assert (found["games"], found["matches"], found["ladder_players"]) == (120, 1, 4)
    read(found["html"])


def test_iterations_that_cannot_be_relied_on_leave_the_rest_of_the_page(tmp_path: Path, no_charts: None) -> None:
    agent = invent(tmp_path, 3)
    found = write_report(found_again(agent, [{**agent.iterations[1], "train": None}]))
    assert (found["iterations"], found["games"], found["matches"], found["steps"]) == (3, 0, 3, 60)
    assert [sentence for sentence in found["missing"] if "iterations.jsonl" in sentence] == [
        f"{agent.experiments / 'iterations.jsonl'}: iteration 1.train is None, expected dict; "
        "take that line out, and the agent goes on without it."
    ]
    _, shown = read(found["html"])
    assert "iteration 1.train is None" in shown
    assert shown.count("as far as 0 of 3 iterations say") == 2  # of the hours and of the games


@pytest.mark.parametrize("name", ["iterations.jsonl", "selfplay.jsonl", "arena.csv", "train.json", "ladder.json"])
def test_a_file_that_cannot_be_read_is_said(tmp_path: Path, name: str, no_charts: None) -> None:
    agent = invent(tmp_path, 2)
    with agent.lock():
        agent.update(stage={"iteration": 2, "name": "selfplay", "found": {"iteration": 2}})
    path = agent.experiments / name
    if path.exists():
        path.unlink()
    path.mkdir()
    found = write_report(Agent.open(agent.directory))
    (sentence,) = (sentence for sentence in found["missing"] if str(path) in sentence)
    assert sentence.startswith(f"{path}: cannot be read (")
    read(found["html"])


@pytest.mark.parametrize("played", [[60], {"games": 60, "endings": ["mate"]}, {"games": 60, "endings": {"mate": "many"}}])
def test_an_iteration_under_way_that_holds_other_values_is_said(tmp_path: Path, played: Any, no_charts: None) -> None:
    agent = invent(tmp_path, 1)
    with agent.lock():
        agent.update(stage={"iteration": 1, "name": "train", "found": {"iteration": 1, "selfplay": played}})
    found = write_report(agent)
    assert found["games"] == 60
    assert any(sentence.startswith("metadata.json: 1 of 1 iterations under way hold") for sentence in found["missing"])


def test_a_ladder_that_holds_other_values_is_said(tmp_path: Path, no_charts: None) -> None:
    agent, played = invent(tmp_path, 2), ladder()
    played["players"][2]["elo_low"] = "60"
    write_json(agent.experiments / "ladder.json", {**played, "anchor": "random"})
    found = write_report(agent)
    assert found["ladder_players"] == 4
    assert "ladder.json: 1 of 5 players hold unexpected values and are left out." in found["missing"]
    assert "ladder.json: anchor 'random', expected an object." in found["missing"]
    read(found["html"])


@pytest.mark.parametrize(
    "pairings", [None, 7, [7], [{"first": "step 200", "second": "step 20"}], [pairing("step 200", "step 20", [0, 0, 0, -1, 9])]]
)
def test_pairings_that_are_none_say_nothing(tmp_path: Path, pairings: Any, no_charts: None) -> None:
    agent = invent(tmp_path, 2)
    write_json(agent.experiments / "ladder.json", {**ladder(), "pairings": pairings})
    found = write_report(agent)
    assert "match" in found["headline"]
    assert found["ladder_players"] == 5


def test_it_reads_beside_the_process_that_trains(tmp_path: Path) -> None:
    agent = invent(tmp_path, 1)

    def digests() -> Dict[str, str]:
        files = (path for path in sorted(agent.directory.rglob("*")) if path.is_file() and "report" not in str(path))
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    with agent.lock():
        before = digests()
        found = write_report(Agent.open(agent.directory))
        assert digests() == before
    assert found["html"].exists()


def test_without_matplotlib_the_page_has_no_charts_and_says_why(
    cli: Any, tmp_path: Path, no_charts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/my tools/python")
    agent = invent(tmp_path, 2)
    shown = cli("report", agent.directory)
    assert shown.code == 0
    install = "`'/my tools/python' -m pip install matplotlib`"
    assert len([line for line in shown.out.splitlines() if line.endswith(install)]) == 1
    source, text = read(agent.experiments / "report.html")
    assert "matplotlib is not installed" in text
    assert "<figure" not in source
    assert source.count('<article class="game"') == 3


def test_no_agent_is_one_line(cli: Any, tmp_path: Path) -> None:
    assert "no agent here" in cli("report", tmp_path / "None").error()


def test_the_newest_alarms_are_told_and_the_older_ones_counted(cli: Any, tmp_path: Path, no_charts: None) -> None:
    agent = invent(tmp_path, 8)
    agent = found_again(agent, [{**one, "alarms": [{"text": f"it is {one['iteration']}"}]} for one in agent.iterations])
    lines = cli("report", agent.directory).out.splitlines()
    told = [line for line in lines if line.startswith(("alarm in", "3 older"))]
    assert told == [*(f"alarm in iteration {n}: it is {n}" for n in (7, 6, 5, 4, 3)), "3 older alarms are on the page"]


def test_whatever_stands_in_files_is_text_and_nothing_else(tmp_path: Path, no_charts: None) -> None:
    mark = "<u>x</u> & `y`"
    agent = Agent.open(invent(tmp_path, 1).directory.rename(tmp_path / "A &lt; B"))
    agent = found_again(agent, [{**agent.iterations[0], "alarms": [{"text": f"alarm {mark}"}]}])
    with agent.lock():
        agent.update(config={"game": f"game {mark}"}, stage={"name": f"stage {mark}"})
    table = agent.experiments / "arena.csv"
    table.write_text(table.read_text().replace("untrained net", f"opponent {mark}"))
    write_json(agent.experiments / "ladder.json", {"format": f"format {mark}"})
    games = agent.experiments / "last_arena.pgn"
    text = re.sub(r'\[White "[^"]*"\]', f'[White "</script>white {mark}"]', games.read_text())
    games.write_text(re.sub(r'\[Ending "[^"]*"\]', f'[Ending "ending {mark}"]', text))
    source, shown = read(write_report(agent)["html"])
    assert "<u>" not in source
    for place in ("</script>white", "alarm", "game", "stage", "opponent", "ending"):
        assert f"{place} {mark}" in shown, place
    for sentence in ("'format <u>x</u> & y'", "A &lt; B: how", "A &lt; B · connect four", f"from {agent.directory}, "):
        assert sentence in shown
