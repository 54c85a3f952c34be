"""Position codes: where a frame stands in its sequence.

    PE[i, c] = sin(p_i / 10000^(c/d)) for even c,  cos(p_i / 10000^(c/d)) for odd c

Note the exponent c/d (not 2*floor(c/2)/d): sine and cosine channels have frequencies of their own, as in CARL and LAC.

The codes:
- ``relative``: p runs from 0 to S0 - 1 over whatever the length is: relative progress. The published choice; any model
  can copy it into its embedding, so results are shown beside a control that knows the time only.
- ``absolute``: p = step * S0 / (median length in training): it tells the time, but not how long the video is.
- ``none``: the encoder sees a set of frames.
- ``rope``: queries and keys are rotated by their step, so attention knows the distance of two frames but not where in
  the video they are: a position code that does not tell the time.
"""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

PositionCode = Literal["relative", "absolute", "none", "rope"]


def relative_positions(mask: Bool[Tensor, "b t"], train_len: int) -> Float[Tensor, "b t"]:
    """p_i = i if a sequence has ``train_len`` frames, else i (train_len - 1) / (S - 1) with S its own valid frames.

    Slots past the mask count on; nothing reads them.

    Examples:
        >>> relative_positions(torch.ones(1, 3, dtype=torch.bool), train_len=32)
        tensor([[ 0.0000, 15.5000, 31.0000]])
    """
    positions = torch.arange(mask.shape[1], device=mask.device, dtype=torch.float32)
    lengths = mask.sum(dim=1, keepdim=True)
    return positions * (train_len - 1) / (lengths - 1).clamp(min=1)


def sinusoidal_code(positions: Float[Tensor, "b t"], dim: int) -> Float[Tensor, "b t d"]:
    """The code of the equation above, for ``dim`` channels."""
    channels = torch.arange(dim, device=positions.device, dtype=torch.float32)
    angles = positions.float()[..., None] / 10000 ** (channels / dim)
    return torch.where(channels % 2 == 0, angles.sin(), angles.cos())


def rotate(x: Float[Tensor, "b heads t e"], positions: Float[Tensor, "b t"]) -> Float[Tensor, "b heads t e"]:
    """Rotates the pairs (x_j, x_{j + e/2}) by positions / 10000^(2j/e) (Su et al. 2021, RoFormer)."""
    half = x.shape[-1] // 2
    angles = positions.float()[:, None, :, None] / 10000 ** (torch.arange(half, device=x.device) / half)
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    first, second = x[..., :half], x[..., half:]
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)
