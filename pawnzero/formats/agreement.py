"""How far the outputs of an exported net differ from those of the original, on positions of random games."""

from __future__ import annotations

from typing import Any, Callable, NamedTuple, Optional, Tuple

import numpy as np
import torch

from pawnzero.formats.onnx import INPUT, POLICY, WDL
from pawnzero.games.base import Game
from pawnzero.nets.planes import unpack
from pawnzero.nets.resnet import PolicyValueNet
from pawnzero.search.evaluator import Question, random_question

POSITIONS = 64
_PROCESSOR = torch.device("cpu")

Answers = Callable[[np.ndarray], Tuple[np.ndarray, np.ndarray]]
"""planes [B, P + Q, rows, columns] float32 → policy logits [B, A] and WDL probabilities [B, 3], float32."""


class Disagreement(NamedTuple):
    """The largest difference in the probability of a legal move, and in a WDL probability."""

    policy: float
    wdl: float


def disagreement(game: Game, one: Answers, other: Answers, positions: int = POSITIONS, seed: int = 0) -> Disagreement:
    """Compare the outputs of two nets for `game` on the given number of positions from random games."""
    question = random_question(game, positions, seed)
    planes = unpack(question.bits, question.scalars, game.board_shape).contiguous().numpy()
    (policy, wdl), (other_policy, other_wdl) = one(planes), other(planes)
    differences = np.abs(_probabilities(policy, question) - _probabilities(other_policy, question))
    return Disagreement(float(differences.max()), float(np.abs(wdl - other_wdl).max()))


def net_answers(net: PolicyValueNet, device: torch.device = _PROCESSOR) -> Answers:
    """Evaluates with the net itself, in float32 on `device`, to which it is moved."""
    net.to(device)

    def answer(planes: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        # With TF32, a GPU's convolutions drop 13 bits of each float32.
        with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            policy, wdl = net(torch.from_numpy(planes).to(device))
            return policy.cpu().numpy(), wdl.softmax(1).cpu().numpy()

    return answer


def onnx_answers(model: bytes) -> Optional[Answers]:
    """Evaluates with ONNX Runtime on the CPU; None if it is not installed."""
    try:
        import onnxruntime
    except ImportError:
        return None
    session: Any = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])

    def answer(planes: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        policy, wdl = session.run([POLICY, WDL], {INPUT: planes})
        return policy, wdl

    return answer


def _probabilities(logits: np.ndarray, question: Question) -> np.ndarray:
    """logits [B, A] → softmax over each position's legal actions, in their order: [B, M] float64, 0 past their count."""
    is_legal = np.arange(question.legal.shape[1]) < question.count[:, np.newaxis]
    asked = np.take_along_axis(logits.astype(np.float64), question.legal.astype(np.int64), axis=1)
    masked = np.where(is_legal, asked, -np.inf)
    weights = np.exp(masked - masked.max(1, keepdims=True))
    probabilities: np.ndarray = weights / weights.sum(1, keepdims=True)
    return probabilities
