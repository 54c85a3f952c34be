"""Inputs of the losses' tests: the published test vectors' sequences, and random batches with masks."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize, pad


def wave(offset: float, speed: float, channel: float) -> Tensor:
    """sin(offset + speed t + channel c) as (1, 4, 3) float64."""
    t, c = torch.arange(4.0, dtype=torch.float64)[:, None], torch.arange(3.0, dtype=torch.float64)[None]
    return torch.sin(offset + speed * t + channel * c)[None]


Z1, Z2, Z3 = wave(0.5, 0.9, 1.3), wave(0.75, 0.8, 1.3), wave(0.9, 0.85, 1.2)
N1, N2 = normalize(Z1, dim=-1), normalize(Z2, dim=-1)
VIEWS: dict[str, Any] = {
    "steps_x": torch.tensor([[0, 2, 5, 7]]),
    "steps_y": torch.tensor([[1, 2, 4, 8]]),
    "frames_x": torch.tensor([10]),
    "frames_y": torch.tensor([10]),
}


def batch(
    b: int = 3, t: int = 7, d: int = 5, *, seed: int = 0, dtype: torch.dtype = torch.float64, smooth: bool = True
) -> tuple[Tensor, Tensor, dict[str, Any]]:
    """b pairs of views of b videos: x, y (b, t, d), and what a loss is told of them."""
    generator = torch.Generator().manual_seed(seed)
    frames = torch.randint(2 * t, 4 * t, (b,), generator=generator)
    curve = torch.randn(b, 4 * t, d, generator=generator, dtype=torch.float64)
    curve = curve.cumsum(dim=1) if smooth else curve
    views: dict[str, Any] = {}
    z = []
    for name in ("x", "y"):
        steps = torch.stack([torch.randperm(int(n), generator=generator)[:t].sort().values for n in frames])
        noise = 0.1 * torch.randn(b, t, d, generator=generator, dtype=torch.float64)
        z.append((curve.gather(1, steps[..., None].expand(-1, -1, d)) + noise).to(dtype))
        views |= {f"steps_{name}": steps, f"frames_{name}": frames, f"mask_{name}": torch.ones(b, t, dtype=torch.bool)}
    return z[0], z[1], views


def padded(z: Tensor, views: dict[str, Any], name: str, count: int, value: float) -> tuple[Tensor, dict[str, Any]]:
    """The same with ``count`` masked frames more in view ``name``, which hold ``value``."""
    changed = dict(views)
    changed[f"steps_{name}"] = pad(views[f"steps_{name}"], (0, count), value=3)
    changed[f"mask_{name}"] = pad(views[f"mask_{name}"], (0, count), value=False)
    return pad(z, (0, 0, 0, count), value=value), changed
