"""docs/formats.md: its example runs as it stands, and says what the net says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pawnzero.arena.players import raw_answers
from pawnzero.export import SUFFIXES, export_net
from pawnzero.games import get_game
from pawnzero.games.line import Line
from pawnzero.nets.checkpoint import save_checkpoint
from pawnzero.nets.evaluator import NetEvaluator
from tests.formats.known_net import known_checkpoint, known_net

PAGE = (Path(__file__).parents[2] / "docs" / "formats.md").read_text(encoding="utf-8")


def test_the_onnx_example(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed (pip install onnxruntime)")
    (example,) = re.findall(r"<!-- test -->\n```python\n(.*?)```", PAGE, re.DOTALL)
    save_checkpoint(tmp_path / "net.pt", known_checkpoint())
    export_net(str(tmp_path / "net.pt"), tmp_path / "net.onnx", "onnx")
    done = subprocess.run([sys.executable, "-c", example], cwd=str(tmp_path), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    game = get_game("chess")
    line = Line(game)
    line.push(game.parse_action(line.state, "e2e4"))
    (move,), wdl = raw_answers(game, NetEvaluator(known_net(), "cpu", "float32"), [line])
    name, *numbers = re.findall(r"\w+[.]?\d+", done.stdout)
    assert name == game.format_action(line.state, move)
    np.testing.assert_allclose([float(number) for number in numbers], wdl[0], atol=0.006)


def test_the_tensors_of_every_game_are_on_the_page() -> None:
    for name in ("chess", "connect_four", "tic_tac_toe"):
        game = get_game(name)
        planes = game.bit_planes + game.scalar_planes
        assert f"[batch, {planes}, {game.board_shape[0]}, {game.board_shape[1]}]" in PAGE
        assert f"[batch, {game.num_actions}]" in PAGE


def test_every_format_is_on_the_page() -> None:
    for suffix in SUFFIXES.values():
        assert f"`net{suffix}`" in PAGE or f"`games{suffix}`" in PAGE
