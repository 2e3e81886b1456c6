"""`pawnzero export`: what it reports, and what it says of what cannot be exported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pawnzero.nets.checkpoint import save_checkpoint
from tests.formats.known_net import known_checkpoint


def test_a_net_and_games_of_an_agent(cli: Any, agent_dir: Path, tmp_path: Path) -> None:
    weights, games = tmp_path / "net.pb.gz", tmp_path / "games.pgn"
    found = cli("export", agent_dir, weights, "--json").json()
    assert (found["path"], found["bytes"]) == (str(weights), weights.stat().st_size)
    assert (found["format"], found["game"], found["step"]) == ("lc0", "chess", 4)
    assert 0.0 <= found["max_policy_difference"] < 1e-3
    found = cli("export", agent_dir, games, "--games", "2", "--json").json()
    assert (found["format"], found["games"], found["bytes"]) == ("pgn", 2, games.stat().st_size)
    shown = cli("export", weights, tmp_path / "again.model", "--format", "onnx").out.splitlines()
    assert shown[0].startswith(f"{tmp_path / 'again.model'}: the net of step 4, chess, as onnx, ")
    assert shown[1].startswith(("read back, its probabilities differ by at most", "not read back: onnxruntime is not"))
    played = cli("arena", weights, "random", "--games", "2", "--sims", "0", "--max-plies", "20", "--device", "cpu", "--json")
    assert played.json()["games"] == 2


def test_what_cannot_be_exported(cli: Any, agent_dir: Path, tmp_path: Path) -> None:
    four = tmp_path / "four.pt"
    save_checkpoint(four, known_checkpoint("connect_four"))
    broken = tmp_path / "broken.pb.gz"
    broken.write_bytes(b"\x1f\x8bnothing")
    for argv, code, told in (
        ([four, tmp_path / "net.pb.gz"], 2, f"{four}: a net for connect_four, expected one for chess"),
        ([agent_dir, tmp_path / "net.txt"], 2, "net.txt: the name does not tell the format"),
        ([agent_dir, tmp_path / "net.onnx", "--games", "3"], 2, "--games is for PGN"),
        ([four, tmp_path / "net.onnx", "--device", "cuda:99"], 2, "device 'cuda:99': "),
        ([broken, tmp_path / "net.onnx"], 1, f"{broken}: damaged or truncated"),
        ([tmp_path / "nobody", tmp_path / "net.onnx"], 2, "nobody"),
        ([four, tmp_path / "games.pgn"], 2, f"{four}: a net has no self-play games; expected an agent's directory"),
        (["shipped:chess", tmp_path / "games.pgn"], 2, "shipped:chess: a net has no self-play games"),
        ([tmp_path / "nobody", tmp_path / "games.pgn"], 2, "no agent here"),
        ([agent_dir, tmp_path / "none" / "net.pt"], 1, "cannot be written"),
    ):
        outcome = cli("export", *argv)
        assert outcome.code == code
        assert told in outcome.error()
    assert not list(tmp_path.glob("net.*"))


@pytest.mark.parametrize("format", ["png", "tflite"])
def test_formats_that_are_none(cli: Any, format: str) -> None:
    assert "invalid choice" in cli("export", "a", "b", "--format", format).error()
