"""How many of the newest rows are trained on: all stored ones, or fewer while the net is young.

Early games are bad and soon outdated, later ones stay useful for longer: a window that grows more slowly than the number of
positions drops the early ones and keeps more of the later ones (KataGo: Wu, "Accelerating Self-Play Learning in Go", 2019,
appendix C).
"""

from __future__ import annotations

from pawnzero.config import TrainConfig


def window_rows(total: int, config: TrainConfig) -> int:
    """Return the size of the window, 1 or more, after `total` rows have been written in all.

    With N = `total`, c = `window_start`, b = `window_growth`, a = `window_exponent`: N rows up to N = c (or always, if c is 0),
    then c · (1 + b · ((N / c) ** a - 1) / a), whose slope is b at N = c and, for a < 1, falls from there on.
    """
    start = config.window_start
    if start == 0 or total <= start:
        return max(1, total)
    grown = config.window_growth * ((total / start) ** config.window_exponent - 1.0) / config.window_exponent
    return int(start * (1.0 + grown))
