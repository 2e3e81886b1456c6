"""How far a net in another format answers otherwise than the net it was made from, on positions of random games."""

from __future__ import annotations

from typing import Any, Callable, NamedTuple, Optional, Tuple

import numpy as np
import torch

from pawnzero.formats.onnx import INPUT, POLICY, WDL
from pawnzero.games.base import Game
from pawnzero.games.line import Line, encode_lines
from pawnzero.nets.planes import unpack
from pawnzero.nets.resnet import PolicyValueNet

POSITIONS = 64

_STREAM = 0xA69E
"""Keeps these random numbers apart from other uses of the same seed."""
_LONGEST = 120
_PROCESSOR = torch.device("cpu")

Answers = Callable[[np.ndarray], Tuple[np.ndarray, np.ndarray]]
"""planes [B, P + Q, rows, columns] float32 → policy logits [B, A] and WDL probabilities [B, 3], float32."""


class Disagreement(NamedTuple):
    """The largest difference of a legal move's probability, and that of a WDL probability."""

    policy: float
    wdl: float


def disagreement(game: Game, one: Answers, other: Answers, positions: int = POSITIONS, seed: int = 0) -> Disagreement:
    """How far two nets for `game` differ on so many positions of random games."""
    planes, legal = random_planes(game, positions, seed)
    (policy, wdl), (other_policy, other_wdl) = one(planes), other(planes)
    differences = np.abs(_probabilities(policy, legal) - _probabilities(other_policy, legal))
    return Disagreement(float(differences.max()), float(np.abs(wdl - other_wdl).max()))


def net_answers(net: PolicyValueNet, device: torch.device = _PROCESSOR) -> Answers:
    """What the net itself says, in float32 on `device`, to which it is moved."""
    net.to(device)

    def answer(planes: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        # A card's convolutions drop 13 bits of each float32 where they may.
        with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            policy, wdl = net(torch.from_numpy(planes).to(device))
            return policy.cpu().numpy(), wdl.softmax(1).cpu().numpy()

    return answer


def onnx_answers(model: bytes) -> Optional[Answers]:
    """What ONNX Runtime says on the CPU; None where it is not installed."""
    try:
        import onnxruntime
    except ImportError:
        return None
    session: Any = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])

    def answer(planes: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        policy, wdl = session.run([POLICY, WDL], {INPUT: planes})
        return policy, wdl

    return answer


def random_planes(game: Game, count: int, seed: int) -> Tuple[np.ndarray, np.ndarray]:
    """Positions of games of random moves, as a net sees them: planes [count, P + Q, rows, columns] float32, and which actions
    are legal there: [count, A] bool."""
    chance = np.random.default_rng([_STREAM, seed])
    encoded = []
    legal = np.zeros((count, game.num_actions), bool)
    line = Line(game, max_plies=_LONGEST)
    for position in range(count):
        encoded.append(encode_lines(game, [line]))
        legal[position, line.legal] = True
        for _ in range(int(chance.integers(1, 4))):
            line.push(int(chance.choice(line.legal)))
            if line.over:
                line = Line(game, max_plies=_LONGEST)
    bits, scalars = (np.concatenate(parts) for parts in zip(*encoded))
    planes = unpack(bits, scalars, game.board_shape)
    return planes.contiguous().numpy(), legal


def _probabilities(logits: np.ndarray, legal: np.ndarray) -> np.ndarray:
    """Softmax over the legal actions, 0 elsewhere."""
    masked = np.where(legal, logits.astype(np.float64), -np.inf)
    weights = np.exp(masked - masked.max(1, keepdims=True))
    probabilities: np.ndarray = weights / weights.sum(1, keepdims=True)
    return probabilities
