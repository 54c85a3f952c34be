"""The soft Smith-Waterman as plain loops in float64: slow, for reading and for tests.

Each function is its definition word for word and shares no line with the backends.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


def soft_max(values: Sequence[float], gamma: float) -> float:
    """gamma log sum exp(value / gamma); minus infinity for no or only forbidden values."""
    high = max(values, default=-math.inf)
    if high == -math.inf:
        return high
    return high + gamma * math.log(sum(math.exp((value - high) / gamma) for value in values))


def soft_smith_waterman(similarity: Matrix, gap_open: Matrix, gap_extend: Matrix, gamma: float) -> tuple[float, Matrix]:
    """Score and D of one pair; all arguments (n, m).

    Examples:
        >>> s, gap = np.array([[2.0, 0.5, 0.1], [0.4, 1.5, 0.3]]), np.ones((2, 3))
        >>> score, _ = soft_smith_waterman(s, gap, gap / 2, 0.8)
        >>> round(score, 6)
        3.77512
    """
    n, m = similarity.shape
    d, x, y = (np.full((n + 1, m + 1), -math.inf) for _ in range(3))  # one border row and column: forbidden
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            go, ge = gap_open[i - 1, j - 1], gap_extend[i - 1, j - 1]
            before = (0.0, d[i - 1, j - 1], x[i - 1, j - 1], y[i - 1, j - 1])
            d[i, j] = similarity[i - 1, j - 1] + soft_max(before, gamma)
            x[i, j] = soft_max((d[i, j - 1] - go, x[i, j - 1] - ge), gamma)
            y[i, j] = soft_max((d[i - 1, j] - go, x[i - 1, j] - go, y[i - 1, j] - ge), gamma)
    return soft_max(d[1:, 1:].ravel().tolist(), gamma), d[1:, 1:]


def expected_alignment(
    similarity: Matrix, gap_open: Matrix, gap_extend: Matrix, gamma: float, step: float = 1e-5
) -> Matrix:
    """d score / d similarity of one pair by central differences, good to about 1e-9 / gamma^2."""
    gradient = np.zeros_like(similarity)
    for cell in np.ndindex(*similarity.shape):
        moved = np.zeros_like(similarity)
        moved[cell] = step
        above, _ = soft_smith_waterman(similarity + moved, gap_open, gap_extend, gamma)
        below, _ = soft_smith_waterman(similarity - moved, gap_open, gap_extend, gamma)
        gradient[cell] = (above - below) / (2 * step)
    return gradient
