"""TCN, time-contrastive networks (Sermanet et al. 2018), on single videos.

n-pairs (as TCC's and CARL's code has it): anchors a_i, positives p_i of the same video,

    loss = mean_i cross entropy(a_i . p_j over j, target i) + lambda / 4 (mean |a_i|^2 + mean |p_i|^2)

triplet (as LAC's code has it): mean max(0, |a - p| - |a - n| + margin).
"""

from __future__ import annotations

import inspect
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import triplet_margin_loss

from syncline.alignment import unit_rows
from syncline.losses.pair import checked_pair, masked_log_softmax, mean_over
from syncline.losses.presets import chosen

PRESETS: dict[str, dict[str, Any]] = {"original": {}, "carl": {"l2_normalize": True}, "lac": {"mode": "triplet"}}


class TCNLoss(nn.Module):
    """n-pairs or triplet loss: x are anchors, y their positives slot by slot, ``negatives`` (b, t, d) for triplets.

    Args:
        preset: ``original`` (n-pairs as in TCC's code), ``carl`` (normalised rows), ``lac`` (triplets).
        mode: ``npairs`` or ``triplet``. l2_normalize: rows. regularization: lambda. margin: of triplets.

    Examples:
        >>> z = torch.eye(3)[None]
        >>> steps, frames = torch.arange(3)[None], torch.tensor([3])
        >>> round(TCNLoss()(z, z, steps_x=steps, steps_y=steps, frames_x=frames, frames_y=frames).item(), 4)
        0.5524
    """

    def __init__(self, preset: str = "original", **options: Any) -> None:
        super().__init__()
        self._set(**chosen("TCNLoss", PRESETS, preset, options, inspect.signature(self._set).parameters))

    def _set(
        self,
        *,
        mode: Literal["npairs", "triplet"] = "npairs",
        l2_normalize: bool = False,
        regularization: float = 0.002,
        margin: float = 0.2,
    ) -> None:
        if mode not in ("npairs", "triplet"):
            raise ValueError(f"mode must be npairs or triplet, got {mode!r}")
        self.mode, self.l2_normalize, self.regularization, self.margin = mode, l2_normalize, regularization, margin

    def forward(self, x: Tensor, y: Tensor, *, negatives: Tensor | None = None, **views: Any) -> Tensor:
        """The loss, a scalar."""
        return torch.stack(list(self.terms(x, y, negatives=negatives, **views).values())).sum()

    def terms(self, x: Tensor, y: Tensor, *, negatives: Tensor | None = None, **views: Any) -> dict[str, Tensor]:
        """{"triplet"} or {"npairs", "regularization"} (weighted by lambda / 4).

        Raises:
            ValueError: triplets without negatives, or anchors and positives that do not go together.
        """
        if x.shape != y.shape:
            raise ValueError(f"anchors and positives go slot by slot, got {tuple(x.shape)} and {tuple(y.shape)}")
        pair = checked_pair(x, y, unit=self.l2_normalize, **views)
        x, y = pair.x, pair.y
        both = pair.mask_x & pair.mask_y
        if self.mode == "triplet":
            if negatives is None or negatives.shape != x.shape:
                raise ValueError(f"mode 'triplet' needs negatives of shape {tuple(x.shape)}")
            n = negatives.to(x.dtype).masked_fill(~both[:, :, None], 0.0)
            n = unit_rows(n) if self.l2_normalize else n
            each = triplet_margin_loss(
                x.flatten(0, 1), y.flatten(0, 1), n.flatten(0, 1), margin=self.margin, reduction="none"
            )
            return {"triplet": mean_over(each.view_as(both), both)}
        logs = masked_log_softmax(x @ y.transpose(1, 2), pair.mask_y[:, None, :])
        each = -torch.diagonal(logs, dim1=1, dim2=2)
        squares = mean_over(x.square().sum(dim=-1), pair.mask_x) + mean_over(y.square().sum(dim=-1), pair.mask_y)
        return {"npairs": mean_over(each, both), "regularization": 0.25 * self.regularization * squares}
