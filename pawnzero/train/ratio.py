"""The number of training steps for new positions, when the replay ratio ties training to self-play."""

from __future__ import annotations

import math
from typing import Tuple


def steps_worth(positions: int, ratio: float, effective: int, owed: float = 0.0) -> Tuple[int, float]:
    """Steps to train for `positions` new ones, and the samples still owed after them (negative: trained too many).

    ratio:     samples per new position
    effective: samples per step
    owed:      samples left over from the previous call, so that nothing is lost to rounding

    There is always at least one step, so that each iteration leaves a checkpoint; later calls make up for the excess.
    """
    assert ratio > 0.0
    samples = owed + ratio * positions
    steps = max(1, math.floor(samples / effective))
    return steps, samples - steps * effective
