"""The DTW family as loops over cells, float64, to be read and compared with: slow on purpose.

Each function is its definition word for word and shares no line with the kernels.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


def soft_min(values: tuple[float, ...], gamma: float) -> float:
    """-gamma log sum exp(-value / gamma); infinity where all values are."""
    low = min(values)
    if low == math.inf:
        return low
    return low - gamma * math.log(sum(math.exp((low - value) / gamma) for value in values))


def soft_dtw(cost: Matrix, gamma: float) -> float:
    """Soft-DTW of one pair, cost (n, m).

    Examples:
        >>> round(soft_dtw(np.array([[0.0, 1.0], [1.0, 0.0]]), 1e-3), 6)
        0.0
    """
    n, m = cost.shape
    r = np.full((n + 1, m + 1), math.inf)
    r[0, 0] = 0.0
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            r[i, j] = cost[i - 1, j - 1] + soft_min((r[i - 1, j - 1], r[i - 1, j], r[i, j - 1]), gamma)
    return float(r[n, m])
