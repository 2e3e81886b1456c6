"""What the real lc0 said of a net's positions (a file that tests/oracles/lc0.py wrote), and how ours differs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Dict, NamedTuple

import numpy as np
import torch

from pawnzero.nets.planes import unpack
from pawnzero.nets.resnet import PolicyValueNet
from tests.games.chess import boards
from tests.games.chess.answers import encoded


class Differences(NamedTuple):
    """The largest over all positions: of a legal move's logit, of the expected result, of the draw's probability."""

    logit: float
    result: float
    draw: float
    positions: int


def read_answers(path: Path) -> Dict[str, np.ndarray]:
    with np.load(str(path), allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def differences(net: PolicyValueNet, answers: Dict[str, np.ndarray]) -> Differences:
    """Between lc0's answers and the net's own to the planes that python-chess's boards make."""
    histories = []
    for game in json.loads(str(answers["games"])):
        states, repeated, length = boards.histories(list(boards.replay(game["start"], game["moves"])))
        histories.append((states[::3], repeated[::3], length[::3]))
    bits, scalars = encoded(*(np.concatenate(parts) for parts in zip(*histories)))
    count = answers["count"].astype(int)
    assert len(bits) == len(count)
    with torch.no_grad():
        policy, value = net(unpack(bits, scalars, (8, 8)))
    wdl = value.softmax(1).numpy()
    logits = policy.numpy()[np.repeat(np.arange(len(count)), count), answers["move_numbers"]]
    return Differences(
        float(np.abs(logits - answers["logits"]).max()),
        float(np.abs(wdl[:, 0] - wdl[:, 2] - answers["win_loss"]).max()),
        float(np.abs(wdl[:, 1] - answers["draw"]).max()),
        len(count),
    )
