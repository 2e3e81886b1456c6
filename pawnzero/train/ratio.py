"""How many steps new positions are worth, where the replay ratio ties training to self-play."""

from __future__ import annotations

import math
from typing import Tuple


def steps_worth(positions: int, ratio: float, effective: int, owed: float = 0.0) -> Tuple[int, float]:
    """Steps to train for `positions` new ones, and the samples still owed after them (negative: trained ahead of need).

    ratio:     samples a new position; effective: samples a step
    owed:      what the call before left over, so that nothing is lost to rounding

    There is always one step, so that each iteration leaves a checkpoint; what it was too many is made up for later.
    """
    assert ratio > 0.0
    samples = owed + ratio * positions
    steps = max(1, math.floor(samples / effective))
    return steps, samples - steps * effective
