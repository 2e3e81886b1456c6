"""How sure is a share? Wilson's interval, which holds the truth also where few of many were seen, or none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Tuple, Union

if TYPE_CHECKING:
    import numpy as np

    Counts = Union[int, np.ndarray]

Z_95 = 1.959963984540054
"""For an interval of 95 %, to both sides."""
Z_95_ONE_SIDED = 1.6448536269514722
"""For one bound that holds in 95 %."""


def wilson(count: Counts, of: Counts, z: float = Z_95) -> Tuple[np.ndarray, np.ndarray]:
    """Lower and upper end of the interval of a share of which `count` of so many were seen: numbers, or arrays of one shape.

    From 0 to 1 where there are none (Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", Journal of
    the American Statistical Association 22, 1927).
    """
    import numpy as np  # here, since --help does without

    n, z2 = np.maximum(of, 1), z * z
    share = np.asarray(count) / n
    spread = z * np.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    low, high = ((share + z2 / (2 * n) + end) / (1 + z2 / n) for end in (-spread, spread))
    some = np.asarray(of) > 0
    return np.where(some, np.maximum(low, 0.0), 0.0), np.where(some, np.minimum(high, 1.0), 1.0)
