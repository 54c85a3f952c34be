"""The hard Smith-Waterman as plain loops in float64: slow, for reading and for tests.

It is its definition word for word and shares no line with the kernels.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Cell = tuple[int, int]


def smith_waterman(similarity: Matrix, gap_open: Matrix, gap_extend: Matrix) -> tuple[float, list[Cell]]:
    """Score and matches of the best local alignment of one pair; all arguments (n, m).

    (0.0, []) where nothing is positive.

    Examples:
        >>> s, gap = 2 * np.eye(4)[[0, 1, 3]] - 1, np.full((3, 4), 0.5)
        >>> smith_waterman(s, gap, gap)
        (2.5, [(0, 0), (1, 1), (2, 3)])
    """
    n, m = similarity.shape
    d, x, y = (np.full((n + 1, m + 1), -math.inf) for _ in range(3))  # one border row and column: forbidden
    came: dict[tuple[str, int, int], tuple[str, int, int] | None] = {}
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            go, ge = gap_open[i - 1, j - 1], gap_extend[i - 1, j - 1]
            before = {
                None: 0.0,
                ("d", i - 1, j - 1): d[i - 1, j - 1],
                ("x", i - 1, j - 1): x[i - 1, j - 1],
                ("y", i - 1, j - 1): y[i - 1, j - 1],
            }
            left = {("d", i, j - 1): d[i, j - 1] - go, ("x", i, j - 1): x[i, j - 1] - ge}
            above = {
                ("d", i - 1, j): d[i - 1, j] - go,
                ("x", i - 1, j): x[i - 1, j] - go,
                ("y", i - 1, j): y[i - 1, j] - ge,
            }
            d[i, j] = similarity[i - 1, j - 1] + max(before.values())
            x[i, j], y[i, j] = max(left.values()), max(above.values())
            came["d", i, j] = max(before, key=before.__getitem__)
            came["x", i, j], came["y", i, j] = max(left, key=left.__getitem__), max(above, key=above.__getitem__)
    best = max(np.ndindex(n, m), key=lambda cell: d[cell[0] + 1, cell[1] + 1], default=None)
    if best is None or d[best[0] + 1, best[1] + 1] <= 0:
        return 0.0, []
    score, matches = float(d[best[0] + 1, best[1] + 1]), []
    at: tuple[str, int, int] | None = ("d", best[0] + 1, best[1] + 1)
    while at is not None:
        state, i, j = at
        if state == "d":
            matches.append((i - 1, j - 1))
        at = came[at]
    return score, matches[::-1]
