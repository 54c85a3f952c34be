"""The DTW family as plain loops in float64: slow, for reading and for tests.

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


def dtw(cost: Matrix) -> float:
    """Cost of the cheapest path of one pair from corner to corner, cost (n, m).

    Examples:
        >>> dtw(np.array([[0.0, 1.0], [1.0, 0.5]]))
        0.5
    """
    return float(smooth_dtw(cost, 0.0, "hard")[-1, -1])


def smooth_dtw(cost: Matrix, gamma: float, minimum: str) -> Matrix:
    """The table R (n, m) of one pair, with the minimum ``prob`` of GTA, ``soft`` or ``hard``.

    Examples:
        >>> smooth_dtw(np.array([[0.0, 1.0], [1.0, 0.0]]), 0.1, "hard").tolist()
        [[0.0, 1.0], [1.0, 0.0]]
    """
    n, m = cost.shape
    r = np.full((n + 1, m + 1), math.inf)
    r[0, 0] = 0.0
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            r[i, j] = cost[i - 1, j - 1] + smooth_min((r[i, j - 1], r[i - 1, j - 1], r[i - 1, j]), gamma, minimum)
    return r[1:, 1:]


def smooth_min(values: tuple[float, ...], gamma: float, minimum: str) -> float:
    """The three minima of `smooth_dtw`; infinite values take no part."""
    there = [value for value in values if value < math.inf]
    if not there or minimum == "hard":
        return min(values)
    if minimum == "soft":
        return soft_min(values, gamma)
    weights = [math.exp((min(there) - value) / gamma) for value in there]
    return sum(weight * value for weight, value in zip(weights, there, strict=True)) / sum(weights)
