"""The search settings in the form that kernels take."""

from __future__ import annotations

from typing import NamedTuple

from pawnzero.config import SearchConfig

GUMBEL = 1
PUCT = 0
_NUMBERS = {"gumbel": GUMBEL, "puct": PUCT}
"""The number of each algorithm that `SearchConfig.algorithm` can name."""


class Parameters(NamedTuple):
    """The values of `SearchConfig` in types that kernels take."""

    algorithm: int
    solver: int
    cpuct: float
    cpuct_base: float
    fpu_reduction: float
    dirichlet_alpha: float
    dirichlet_epsilon: float
    value_scale: float
    visit_offset: float
    considered: int


def parameters(config: SearchConfig) -> Parameters:
    """Convert a `SearchConfig`."""
    return Parameters(
        _NUMBERS[config.algorithm],
        int(config.solver),
        float(config.cpuct),
        float(config.cpuct_base),
        float(config.fpu_reduction),
        float(config.dirichlet_alpha),
        float(config.dirichlet_epsilon),
        float(config.gumbel_value_scale),
        float(config.gumbel_visit_offset),
        int(config.gumbel_considered),
    )
