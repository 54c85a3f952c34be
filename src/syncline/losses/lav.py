"""LAV, learning by aligning videos in time (Haresh et al. 2021): soft-DTW with contrastive inverse difference moments.

    loss = (sdtw(X, Y) + alpha (I(X) + I(Y))) / T
    I(X) = sum over |u_i - u_j| > w of (1 + (u_i - u_j)^2) max(0, margin - |x_i - x_j|^2)
         + sum over |u_i - u_j| <= w of |x_i - x_j|^2

Rows are normalised. With ``idm_index="normalised"`` (the authors' code) u = step / L and w = sigma / L; with ``raw``
(the paper's text) u = step and w = sigma.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from syncline.alignment import expanded_squared_distances, soft_dtw, soft_dtw_divergence
from syncline.errors import check_choice
from syncline.losses.loss import PairLoss
from syncline.losses.preset_settings import Preset, check_positive, settings_of
from syncline.losses.row_arithmetic import mean_over
from syncline.losses.view_pair import Pair

IdmIndex = Literal["normalised", "raw"]
Pairs = Literal["videos", "given"]
_ORIGINAL: dict[str, Any] = {
    "gamma": 0.1, "alpha": 0.5, "margin": 2.0, "sigma": 10.0, "idm_index": "normalised", "divergence": False,
    "pairs": "videos",
}  # fmt: skip
PRESETS: dict[Preset, dict[str, Any]] = {
    "original": _ORIGINAL, "carl": _ORIGINAL, "lac": {**_ORIGINAL, "divergence": True}
}  # fmt: skip


class LAVLoss(PairLoss):
    """Soft-DTW between two videos and a regulariser that spreads each of them in time.

    A setting that is None has the value of the preset.

    Args:
        preset: ``original``, ``carl`` (no version of its own: as ``original``), ``lac`` (soft-DTW divergence).
        gamma: of soft-DTW. alpha, margin, sigma, idm_index: see above. divergence: soft-DTW divergence, not soft-DTW.
        pairs: ``videos`` (LAV's: where x and y are of one video, y is taken from the next) or ``given``.

    Examples:
        >>> z = torch.eye(4)[None]
        >>> steps, frames = torch.arange(4)[None], torch.tensor([4])
        >>> LAVLoss()(z, z, steps_x=steps, steps_y=steps, frames_x=frames, frames_y=frames).isfinite().item()
        True
    """

    def __init__(
        self,
        preset: Preset = "original",
        *,
        gamma: float | None = None,
        alpha: float | None = None,
        margin: float | None = None,
        sigma: float | None = None,
        idm_index: IdmIndex | None = None,
        divergence: bool | None = None,
        pairs: Pairs | None = None,
    ) -> None:
        super().__init__()
        settings = settings_of(
            "LAVLoss", PRESETS, preset, gamma=gamma, alpha=alpha, margin=margin, sigma=sigma, idm_index=idm_index,
            divergence=divergence, pairs=pairs,
        )  # fmt: skip
        self.gamma: float = settings["gamma"]
        self.alpha: float = settings["alpha"]
        self.margin: float = settings["margin"]
        self.sigma: float = settings["sigma"]
        self.idm_index: IdmIndex = settings["idm_index"]
        self.divergence: bool = settings["divergence"]
        self.pairs: Pairs = settings["pairs"]
        check_choice("idm_index", self.idm_index, IdmIndex)
        check_choice("pairs", self.pairs, Pairs)
        check_positive(gamma=self.gamma)

    def total(self, terms: dict[str, Tensor]) -> Tensor:
        """The loss, from its terms."""
        return terms["soft_dtw"] + self.alpha * terms["idm"]

    def parts(self, pair: Pair) -> dict[str, Tensor]:
        """{"soft_dtw", "idm"}, each over T and averaged over the pairs that have frames."""
        if self.pairs == "videos":
            pair = pair.of_different_videos()
        lengths: dict[str, Any] = {"lengths_x": pair.lengths_x, "lengths_y": pair.lengths_y}
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
        between = (steps[:, :, None] - steps[:, None, :]).abs()
        apart = between / scale
        distance = expanded_squared_distances(z, z)
        far = (1 + apart.square()) * (self.margin - distance).clamp(min=0)
        each = torch.where(between > self.sigma, far, distance)  # in steps: a quotient rounds to either side of w
        return each.where(mask[:, :, None] & mask[:, None, :], 0.0).sum(dim=(1, 2))
