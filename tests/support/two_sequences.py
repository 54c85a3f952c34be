"""Two short sequences with published values, for tests of the DTW family."""

from __future__ import annotations

import torch
from torch import Tensor


def _z(offset: float, speed: float, channel: float) -> Tensor:
    t, c = torch.arange(4.0, dtype=torch.float64)[:, None], torch.arange(3.0, dtype=torch.float64)[None]
    return torch.nn.functional.normalize(torch.sin(offset + speed * t + channel * c), dim=1)[None]


Z1, Z2 = _z(0.5, 0.9, 1.3), _z(0.75, 0.8, 1.3)
