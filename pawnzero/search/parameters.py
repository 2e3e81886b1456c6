"""The settings of a search as kernels take them."""

from __future__ import annotations

from typing import NamedTuple

from pawnzero.config import SearchConfig

GUMBEL = 1
PUCT = 0
_NUMBERS = {"gumbel": GUMBEL, "puct": PUCT}
"""Of each algorithm that `SearchConfig.algorithm` names."""


class Parameters(NamedTuple):
    """`SearchConfig` and what derives from it, in the types kernels want."""

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
    """What the kernels need."""
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
