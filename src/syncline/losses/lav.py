"""LAV, learning by aligning videos in time (Haresh et al. 2021): soft-DTW with contrastive inverse difference moments.

    loss = (sdtw(X, Y) + alpha (I(X) + I(Y))) / T
    I(X) = sum over |u_i - u_j| > w of (1 + (u_i - u_j)^2) max(0, margin - |x_i - x_j|^2)
         + sum over |u_i - u_j| <= w of |x_i - x_j|^2

Rows are normalised. With ``idm_index="normalised"`` (the authors' code) u = step / L and w = sigma / L; with ``raw``
(the paper's text) u = step and w = sigma.
"""

from __future__ import annotations

import inspect
from typing import Any, Literal

import torch
from torch import Tensor, nn

from syncline.alignment import expanded_squared_distances, soft_dtw, soft_dtw_divergence
from syncline.losses.pair import checked_pair, mean_over
from syncline.losses.presets import check_positive, chosen

PRESETS: dict[str, dict[str, Any]] = {"original": {}, "carl": {}, "lac": {"divergence": True}}


class LAVLoss(nn.Module):
    """Soft-DTW between two videos and a regulariser that spreads each of them in time.

    Args:
        preset: ``original``, ``carl`` (no version of its own: as ``original``), ``lac`` (soft-DTW divergence).
        gamma: of soft-DTW. alpha, margin, sigma, idm_index: see above. divergence: soft-DTW divergence in its place.
        pairs: ``videos`` (LAV's: where x and y are of one video, y is taken from the next) or ``given``.

    Examples:
        >>> z = torch.eye(4)[None]
        >>> steps, frames = torch.arange(4)[None], torch.tensor([4])
        >>> LAVLoss()(z, z, steps_x=steps, steps_y=steps, frames_x=frames, frames_y=frames).isfinite().item()
        True
    """

    def __init__(self, preset: str = "original", **options: Any) -> None:
        super().__init__()
        self._set(**chosen("LAVLoss", PRESETS, preset, options, inspect.signature(self._set).parameters))

    def _set(
        self,
        *,
        gamma: float = 0.1,
        alpha: float = 0.5,
        margin: float = 2.0,
        sigma: float = 10.0,
        idm_index: Literal["normalised", "raw"] = "normalised",
        divergence: bool = False,
        pairs: Literal["videos", "given"] = "videos",
    ) -> None:
        if idm_index not in ("normalised", "raw") or pairs not in ("videos", "given"):
            raise ValueError(f"idm_index: normalised or raw, pairs: videos or given; got {idm_index!r}, {pairs!r}")
        check_positive(gamma=gamma)
        self.gamma, self.alpha, self.margin, self.sigma = gamma, alpha, margin, sigma
        self.idm_index, self.divergence, self.pairs = idm_index, divergence, pairs

    def forward(self, x: Tensor, y: Tensor, **views: Any) -> Tensor:
        """The loss, a scalar."""
        terms = self.terms(x, y, **views)
        return terms["soft_dtw"] + self.alpha * terms["idm"]

    def terms(self, x: Tensor, y: Tensor, **views: Any) -> dict[str, Tensor]:
        """{"soft_dtw", "idm"}, each over T and averaged over the pairs that have frames."""
        pair = checked_pair(x, y, unit=True, **views)
        if self.pairs == "videos":
            pair = pair.of_different_videos()
        lengths = {"lengths_x": pair.lengths_x, "lengths_y": pair.lengths_y}
        if self.divergence:
            value = soft_dtw_divergence(pair.x, pair.y, gamma=self.gamma, **lengths)
        else:
            value = soft_dtw(expanded_squared_distances(pair.x, pair.y), gamma=self.gamma, **lengths)
        size = ((pair.lengths_x + pair.lengths_y) / 2).clamp(min=1)
        idm = self._idm(pair.x, pair.steps_x, pair.frames_x, pair.mask_x)
        idm = idm + self._idm(pair.y, pair.steps_y, pair.frames_y, pair.mask_y)
        both = (pair.lengths_x > 0) & (pair.lengths_y > 0)
        return {"soft_dtw": mean_over(value / size, both), "idm": mean_over(idm / size, both)}

    def _idm(self, z: Tensor, steps: Tensor, frames: Tensor, mask: Tensor) -> Tensor:
        """I of each sequence, (b,)."""
        scale = frames[:, None, None] if self.idm_index == "normalised" else torch.ones_like(frames)[:, None, None]
        apart = (steps[:, :, None] - steps[:, None, :]).abs() / scale
        distance = expanded_squared_distances(z, z)
        far = (1 + apart.square()) * (self.margin - distance).clamp(min=0)
        each = torch.where(apart > self.sigma / scale, far, distance)
        return each.where(mask[:, :, None] & mask[:, None, :], 0.0).sum(dim=(1, 2))
