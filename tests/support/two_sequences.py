"""Two short sequences with published values, and the cheapest path by its recursion, for tests of the DTW family."""

from __future__ import annotations

import itertools

import numpy as np
import torch
from torch import Tensor


def _z(offset: float, speed: float, channel: float) -> Tensor:
    t, c = torch.arange(4.0, dtype=torch.float64)[:, None], torch.arange(3.0, dtype=torch.float64)[None]
    return torch.nn.functional.normalize(torch.sin(offset + speed * t + channel * c), dim=1)[None]


Z1, Z2 = _z(0.5, 0.9, 1.3), _z(0.75, 0.8, 1.3)


def cheapest(c: np.ndarray) -> float:
    """Cost of the cheapest path from corner to corner."""
    r = np.full((len(c) + 1, c.shape[1] + 1), np.inf)
    r[0, 0] = 0
    for i, j in itertools.product(range(len(c)), range(c.shape[1])):
        r[i + 1, j + 1] = c[i, j] + min(r[i, j], r[i, j + 1], r[i + 1, j])
    return float(r[-1, -1])
