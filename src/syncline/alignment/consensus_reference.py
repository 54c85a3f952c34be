"""`consensus` as plain loops in float64: slow, for reading and for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


def consistent(
    posteriors: Mapping[tuple[int, int], Matrix], weights: Sequence[float], i: int, j: int, *, normalised: bool
) -> Matrix:
    """P'_ij of the expected alignments P_ij (given for i < j), by its definition.

    Examples:
        >>> half = np.full((1, 1), 0.5)
        >>> consistent({(0, 1): half, (0, 2): half, (1, 2): half}, [1, 1, 1], 0, 1, normalised=False).round(4).tolist()
        [[0.4167]]
        >>> consistent({(0, 1): half, (0, 2): half, (1, 2): half}, [1, 1, 1], 0, 1, normalised=True).tolist()
        [[0.5]]
    """

    def p(x: int, y: int, a: int, b: int) -> float:
        return float(posteriors[x, y][a, b] if x < y else posteriors[y, x][b, a])

    def frames(x: int) -> int:
        return int(next(matrix.shape[pair.index(x)] for pair, matrix in posteriors.items() if x in pair))

    others = [z for z in range(len(weights)) if z not in (i, j)]
    found = np.zeros((frames(i), frames(j)))
    for a in range(frames(i)):
        known = 2.0 + sum(
            weights[z] * (sum(p(i, z, a, c) for c in range(frames(z))) if normalised else 1.0) for z in others
        )
        for b in range(frames(j)):
            total = 2.0 * p(i, j, a, b)
            for z in others:
                for c in range(frames(z)):
                    total += weights[z] * p(i, z, a, c) * p(z, j, c, b)
            found[a, b] = total / known
    return found
