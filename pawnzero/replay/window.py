"""How many of the newest rows are trained on: all that are stored, or fewer while the net is young.

Early games are bad and soon outdated, later ones stay true for longer: a window that grows more slowly than the number of
positions drops the first and keeps more of the last (KataGo: Wu, "Accelerating Self-Play Learning in Go", 2019, appendix C).
"""

from __future__ import annotations

from pawnzero.config import TrainConfig


def window_rows(total: int, config: TrainConfig) -> int:
    """Rows of the window when `total` rows were ever written, 1 or more.

    With N = `total`, c = `window_start`, b = `window_growth`, a = `window_exponent`: all N up to c rows, then
    c · (1 + b · ((N / c) ** a - 1) / a), whose slope is b at N = c and falls from there on.
    """
    start = config.window_start
    if start == 0 or total <= start:
        return max(1, total)
    grown = config.window_growth * ((total / start) ** config.window_exponent - 1.0) / config.window_exponent
    return int(start * (1.0 + grown))
