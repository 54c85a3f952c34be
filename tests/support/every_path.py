"""Every alignment there is of two short sequences, by enumeration: the oracle of the operators' tests."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Cell = tuple[int, int]


class Sum(NamedTuple):
    """Of all paths: the soft minimum of their costs, the least, how often each cell is visited, and d soft / d cost."""

    soft: float
    hard: float
    visits: Matrix
    gradient: Matrix


def warping_paths(n: int, m: int, open_ends: bool) -> Iterator[list[Cell]]:
    """Every warping path of n and m frames; with open ends from any to any frame of the second sequence."""

    def longer(path: list[Cell]) -> Iterator[list[Cell]]:
        i, j = path[-1]
        if i == n - 1 and (open_ends or j == m - 1):
            yield path
        for next_i, next_j in ((i + 1, j + 1), (i + 1, j), (i, j + 1)):
            if next_i < n and next_j < m:
                yield from longer([*path, (next_i, next_j)])

    for j in range(m if open_ends else 1):
        yield from longer([(0, j)])


def over_warping_paths(
    cost: Matrix, gamma: float, weights: Sequence[float] = (1, 1, 1), open_ends: bool = False
) -> Sum:
    """What `soft_dtw`, `dtw` and `expected_path` are, counted path by path."""
    total, hard = 0.0, math.inf
    visits, gradient = np.zeros_like(cost), np.zeros_like(cost)
    for path in warping_paths(*cost.shape, open_ends):
        kinds = [0, *((0 if c > a and d > b else 1 if c > a else 2) for (a, b), (c, d) in itertools.pairwise(path))]
        value = sum(weights[kind] * cost[cell] for kind, cell in zip(kinds, path))
        hard = min(hard, value)
        share = math.exp(-value / gamma)
        total += share
        for kind, cell in zip(kinds, path):
            visits[cell] += share
            gradient[cell] += weights[kind] * share
    if total == 0:
        return Sum(math.inf, hard, visits, gradient)
    return Sum(-gamma * math.log(total), hard, visits / total, gradient / total)
