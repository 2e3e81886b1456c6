"""Wilson's confidence interval of a proportion, which also holds for small counts and for 0."""

from __future__ import annotations

from typing import TYPE_CHECKING, Tuple, Union

if TYPE_CHECKING:
    import numpy as np

    Counts = Union[int, np.ndarray]

Z_95 = 1.959963984540054
"""Normal quantile of a two-sided 95 % interval."""
Z_95_ONE_SIDED = 1.6448536269514722
"""Normal quantile of a one-sided 95 % bound."""


def wilson(count: Counts, of: Counts, z: float = Z_95) -> Tuple[np.ndarray, np.ndarray]:
    """Lower and upper end of the interval of the proportion `count` / `of`: numbers, or arrays of one shape.

    From 0 to 1 where `of` is 0 (Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", Journal of the
    American Statistical Association 22, 1927).
    """
    import numpy as np  # here, since --help does not need it

    n, z2 = np.maximum(of, 1), z * z
    share = np.asarray(count) / n
    spread = z * np.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    low, high = ((share + z2 / (2 * n) + end) / (1 + z2 / n) for end in (-spread, spread))
    some = np.asarray(of) > 0
    # The share itself is within, and so are none and all of them; rounding would leave them out.
    low, high = np.clip(low, 0.0, share), np.clip(high, share, 1.0)
    return np.where(some, low, 0.0), np.where(some, high, 1.0)
