"""Games on the page: their boards are the game's own, and stepping through them ends where the game ended."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List

import chess
import chess.pgn
import pytest

from pawnzero.agent import Agent
from pawnzero.games import GAME_NAMES, get_game
from pawnzero.games.drawing import drawing
from pawnzero.replay import ReplayBuffer
from pawnzero.report.boards import board_svg, look_of
from pawnzero.report.games import shown_games
from pawnzero.report.write import write_report
from tests.games.shuttle import GAME as SHUTTLE
from tests.report.invented import invent

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.mark.parametrize("name", GAME_NAMES)
def test_positions_end_where_the_game_ended(tmp_path: Path, name: str) -> None:
    agent = invent(tmp_path, 1, name)
    game = get_game(name)
    missing: List[str] = []
    shown = shown_games(agent, missing)
    assert missing == []
    assert [one.title.split(" ")[0] for one in shown][-1] == "The"
    assert 2 <= len(shown) <= 3
    for one in shown:
        data = one.to_json()
        assert len(data["positions"]) == len(one.moves) + 1 == len(one.line.actions) + 1
        assert data["positions"][-1].split() == drawing(game, one.line.state).men
        assert len(data["positions"][0].split()) == game.board_shape[0] * game.board_shape[1]
        assert f"after {len(one.moves)} plies" in one.story
    assert all(share is None or abs(sum(share) - 1) < 0.01 for share in shown[-1].outlook)
    assert len(shown[-1].outlook) == len(shown[-1].moves)


def test_a_chess_game_is_the_one_in_the_file(agent_dir: Path) -> None:
    with open(agent_dir / "experiments" / "last_arena.pgn") as stream:
        written = [chess.pgn.read_game(stream) for _ in range(2)]
    boards = [" ".join(str(game.end().board()).split()) for game in written if game is not None]
    shown = shown_games(Agent.open(agent_dir), [])
    assert shown[0].to_json()["positions"][-1] in boards
    assert shown[0].title in [f"{game.headers['White']} against {game.headers['Black']}" for game in written if game]
    assert shown[0].given in (6, 7, 8)


def test_outlook_is_the_first_sides(tmp_path: Path) -> None:
    agent = invent(tmp_path, 0)
    (shown,) = shown_games(agent, [])
    with ReplayBuffer(agent.replay) as buffer:
        (stored,) = buffer.newest_games(1)
    for ply, share in enumerate(shown.outlook):
        win, _, loss = (float(part) for part in stored.root_wdl[ply])
        assert share is not None
        assert (share[0], share[2]) == ((win, loss) if ply % 2 == 0 else (loss, win))


def test_boards_are_drawn_with_the_men_and_labels_of_the_game() -> None:
    game = get_game("chess")
    svg = board_svg(drawing(game, game.initial()), look_of(game))
    assert svg.count("<rect") == 64
    assert svg.count('href="#man-P"') == svg.count('href="#man-p"') == 8
    assert re.findall(r"<text[^>]*>(\w)</text>", svg) == list("87654321abcdefgh")
    assert '<use href="#man-r" x="0" y="0"/>' in svg
    corners = re.findall(r'<rect class="(\w+)"', svg)
    assert (corners[0], corners[7], corners[56]) == ("light", "dark", "dark")


def test_a_drawing_of_another_form_is_one_square_of_text() -> None:
    drawn = drawing(SHUTTLE, SHUTTLE.initial())
    assert (drawn.rows, drawn.columns, drawn.men) == (1, 1, ["0,0,0,0,0"])
    assert ">0,0,0,0,0</text>" in board_svg(drawn, look_of(SHUTTLE))


_WALK = """<script>
document.querySelectorAll(".game").forEach((box) => {
  const at = (selector) => box.querySelector(selector);
  const men = () => Array.from(at(".men").children, (man) => ["href", "x", "y"].map((name) => man.getAttribute(name)));
  const data = JSON.parse(at("script").textContent);
  const said = { given: at("output").textContent };
  box.focus();
  for (let n = data.given; n < data.positions.length - 1; n++) at("[data-to=next]").click();
  said.end = at("output").textContent;
  said.stuck = at("[data-to=next]").disabled;
  said.men = men();
  const press = (key) => document.dispatchEvent(new KeyboardEvent("keydown", { key }));
  box.scrollIntoView();
  box.dispatchEvent(new Event("focusin"));
  press("Home");
  said.start = at("output").textContent;
  said.first = men().length;
  press("ArrowRight");
  said.moved = box.querySelectorAll("rect.moved").length;
  said.one = at("output").textContent;
  at(".moves li:nth-child(2) button").click();
  said.clicked = at("output").textContent;
  const told = document.createElement("pre");
  told.className = "said";
  told.textContent = JSON.stringify(said);
  document.body.append(told);
});
</script></body>"""


@pytest.mark.parametrize("name", ["chess", "connect_four"])
def test_stepping_in_a_browser(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip("stepping through games needs a browser (apt-get install chromium)")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    agent = invent(tmp_path, 1, name)
    shown = shown_games(agent, [])
    page = tmp_path / "page.html"
    page.write_text(write_report(agent)["html"].read_text(encoding="utf-8").replace("</body>", _WALK), encoding="utf-8")
    quiet = ["--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
    argv = [browser, "--headless", "--no-sandbox", "--no-first-run", *quiet, f"--user-data-dir={tmp_path / 'browser'}"]
    done = subprocess.run([*argv, "--dump-dom", page.as_uri()], capture_output=True, text=True, timeout=120)
    said: List[Dict[str, Any]] = [json.loads(text) for text in re.findall(r'<pre class="said">(.*?)</pre>', done.stdout)]
    assert len(said) == len(shown), done.stderr
    for found, one in zip(said, shown):
        plies, columns = len(one.moves), one.line.game.board_shape[1]
        assert (found["given"], found["end"]) == (f"ply {one.given} of {plies}", f"ply {plies} of {plies}")
        assert found["stuck"]
        men = drawing(one.line.game, one.line.state).men
        expected = [(man, index) for index, man in enumerate(men) if man != "."]
        assert [(href[-1], int(x) // 45 + int(y) // 45 * columns) for href, x, y in found["men"]] == expected
        first = drawing(one.line.game, one.line.states[0]).men
        assert (found["start"], found["first"]) == (f"ply 0 of {plies}", sum(man != "." for man in first))
        assert (found["one"], found["moved"]) == (f"ply 1 of {plies}", 2 if name == "chess" else 1)
        assert found["clicked"] == f"ply 3 of {plies}"
