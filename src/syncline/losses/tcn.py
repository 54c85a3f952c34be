"""TCN, time-contrastive networks (Sermanet et al. 2018), on single videos.

n-pairs (as TCC's and CARL's code has it): anchors a_i, positives p_i of the same video,

    loss = mean_i cross entropy(a_i . p_j over j, target i) + lambda / 4 (mean |a_i|^2 + mean |p_i|^2)

triplet (as LAC's code has it): mean max(0, |a - p| - |a - n| + margin).
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from jaxtyping import Bool, Float, Int, Num
from torch import Tensor
from torch.nn.functional import triplet_margin_loss

from syncline.alignment import unit_rows
from syncline.errors import check_choice
from syncline.losses.loss import PairLoss
from syncline.losses.preset_settings import Preset, settings_of
from syncline.losses.row_arithmetic import masked_log_softmax, mean_over
from syncline.losses.view_pair import Pair, checked_pair

Mode = Literal["npairs", "triplet"]
_ORIGINAL: dict[str, Any] = {"mode": "npairs", "l2_normalize": False, "regularization": 0.002, "margin": 0.2}
PRESETS: dict[Preset, dict[str, Any]] = {
    "original": _ORIGINAL, "carl": {**_ORIGINAL, "l2_normalize": True}, "lac": {**_ORIGINAL, "mode": "triplet"}
}  # fmt: skip


class TCNLoss(PairLoss):
    """n-pairs or triplet loss: x are anchors, y their positives slot by slot, ``negatives`` (b, t, d) for triplets.

    A setting that is None has the value of the preset.

    Args:
        preset: ``original`` (n-pairs as in TCC's code), ``carl`` (normalised rows), ``lac`` (triplets).
        mode: ``npairs`` or ``triplet``. l2_normalize: rows. regularization: lambda. margin: of triplets.

    Examples:
        >>> z = torch.eye(3)[None]
        >>> steps, frames = torch.arange(3)[None], torch.tensor([3])
        >>> round(TCNLoss()(z, z, steps_x=steps, steps_y=steps, frames_x=frames, frames_y=frames).item(), 4)
        0.5524
    """

    def __init__(
        self,
        preset: Preset = "original",
        *,
        mode: Mode | None = None,
        l2_normalize: bool | None = None,
        regularization: float | None = None,
        margin: float | None = None,
    ) -> None:
        super().__init__()
        settings = settings_of(
            "TCNLoss", PRESETS, preset, mode=mode, l2_normalize=l2_normalize, regularization=regularization,
            margin=margin,
        )  # fmt: skip
        self.mode: Mode = settings["mode"]
        self.l2_normalize = self.unit = settings["l2_normalize"]
        self.regularization: float = settings["regularization"]
        self.margin: float = settings["margin"]
        check_choice("mode", self.mode, Mode)

    def forward(
        self,
        x: Float[Tensor, "b t d"],
        y: Float[Tensor, "b t d"],
        *,
        steps_x: Num[Tensor, "b t"],
        steps_y: Num[Tensor, "b t"],
        frames_x: Num[Tensor, " b"],
        frames_y: Num[Tensor, " b"],
        mask_x: Bool[Tensor, "b t"] | None = None,
        mask_y: Bool[Tensor, "b t"] | None = None,
        video_x: Int[Tensor, " b"] | None = None,
        video_y: Int[Tensor, " b"] | None = None,
        negatives: Float[Tensor, "b t d"] | None = None,
    ) -> Float[Tensor, ""]:
        """The loss, a scalar: the sum of its ``terms``, which takes the same arguments."""
        return self.total(
            self.terms(
                x, y, steps_x=steps_x, steps_y=steps_y, frames_x=frames_x, frames_y=frames_y, mask_x=mask_x,
                mask_y=mask_y, video_x=video_x, video_y=video_y, negatives=negatives,
            )
        )  # fmt: skip

    def terms(
        self,
        x: Float[Tensor, "b t d"],
        y: Float[Tensor, "b t d"],
        *,
        steps_x: Num[Tensor, "b t"],
        steps_y: Num[Tensor, "b t"],
        frames_x: Num[Tensor, " b"],
        frames_y: Num[Tensor, " b"],
        mask_x: Bool[Tensor, "b t"] | None = None,
        mask_y: Bool[Tensor, "b t"] | None = None,
        video_x: Int[Tensor, " b"] | None = None,
        video_y: Int[Tensor, " b"] | None = None,
        negatives: Float[Tensor, "b t d"] | None = None,
    ) -> dict[str, Float[Tensor, ""]]:
        """{"triplet"} or {"npairs", "regularization"} (weighted by lambda / 4).

        Args:
            x, y: (b, t, d) anchors and positives, slot by slot. steps_x, ..., video_y: as `PairLoss.terms` takes them.
            negatives: (b, t, d), slot by slot too; mode ``triplet`` only.

        Raises:
            ValueError: triplets without negatives, or anchors and positives that do not go together.
        """
        if x.shape != y.shape:
            raise ValueError(f"anchors and positives go slot by slot, got {tuple(x.shape)} and {tuple(y.shape)}")
        pair = checked_pair(
            x, y, steps_x=steps_x, steps_y=steps_y, frames_x=frames_x, frames_y=frames_y, mask_x=mask_x, mask_y=mask_y,
            video_x=video_x, video_y=video_y, unit=self.unit,
        )  # fmt: skip
        if self.mode == "npairs":
            return self.parts(pair)
        if negatives is None or negatives.shape != x.shape:
            raise ValueError(f"mode 'triplet' needs negatives of shape {tuple(x.shape)}")
        return {"triplet": self._triplets(pair, negatives)}

    def parts(self, pair: Pair) -> dict[str, Tensor]:
        """The terms of n-pairs."""
        logs = masked_log_softmax(pair.x @ pair.y.transpose(1, 2), pair.mask_y[:, None, :])
        each = -torch.diagonal(logs, dim1=1, dim2=2)
        squares = [
            mean_over(z.square().sum(dim=-1), mask) for z, mask in ((pair.x, pair.mask_x), (pair.y, pair.mask_y))
        ]
        return {
            "npairs": mean_over(each, pair.mask_x & pair.mask_y),
            "regularization": 0.25 * self.regularization * sum(squares[1:], squares[0]),
        }

    def _triplets(self, pair: Pair, negatives: Tensor) -> Tensor:
        both = pair.mask_x & pair.mask_y
        n = negatives.to(pair.x.dtype).masked_fill(~both[:, :, None], 0.0)
        n = unit_rows(n) if self.unit else n
        each = triplet_margin_loss(
            pair.x.flatten(0, 1), pair.y.flatten(0, 1), n.flatten(0, 1), margin=self.margin, reduction="none"
        )
        return mean_over(each.view_as(both), both)
