"""GTA, global temporal alignment (Hadji, Derpanis and Jepson 2021): a smooth DTW with a contrastive cost, and cycles.

C12 = -log softmax over i of (x_i . y_j / gamma_f);  R12 = smooth DTW table of C12 (see `alignment.smooth_dtw`)
P12 = softmax over i of -R12;  G = P12 P21 (its columns are distributions over the frames of x)
loss = cross entropy(columns of G as logits, identity, smoothing .1) + w (mean R12[n, m] + mean R21[m, n])
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from syncline.alignment import smooth_dtw
from syncline.errors import check_choice
from syncline.losses.loss import PairLoss
from syncline.losses.preset_settings import Preset, check_positive, settings_of
from syncline.losses.row_arithmetic import masked_log_softmax, masked_softmax, mean_over
from syncline.losses.view_pair import Pair

Minimum = Literal["prob", "soft", "hard"]
_ORIGINAL: dict[str, Any] = {
    "minimum": "prob", "gamma": 0.1, "feature_temperature": 0.1, "weight": 0.1, "label_smoothing": 0.1,
    "alignment_only": False, "transpose": True,
}  # fmt: skip
PRESETS: dict[Preset, dict[str, Any]] = {
    "original": _ORIGINAL, "carl": _ORIGINAL, "lac": {**_ORIGINAL, "transpose": False}
}  # fmt: skip


class GTALoss(PairLoss):
    """Global alignment of the first sequence of the batch with every other one.

    A setting that is None has the value of the preset.

    Args:
        preset: ``original``, ``carl`` (no version of its own: as ``original``), ``lac`` (rows of G instead of columns).
        minimum: ``prob``, ``soft`` or ``hard``, of `smooth_dtw`. gamma: of it. feature_temperature: gamma_f.
        weight: w. label_smoothing: of the cycle. alignment_only: mean R12 alone. transpose: columns of G.

    Examples:
        >>> z = torch.eye(4)[None]
        >>> steps, frames = torch.arange(4)[None], torch.tensor([4])
        >>> GTALoss()(z, z, steps_x=steps, steps_y=steps, frames_x=frames, frames_y=frames).isfinite().item()
        True
    """

    def __init__(
        self,
        preset: Preset = "original",
        *,
        minimum: Minimum | None = None,
        gamma: float | None = None,
        feature_temperature: float | None = None,
        weight: float | None = None,
        label_smoothing: float | None = None,
        alignment_only: bool | None = None,
        transpose: bool | None = None,
    ) -> None:
        super().__init__()
        settings = settings_of(
            "GTALoss", PRESETS, preset, minimum=minimum, gamma=gamma, feature_temperature=feature_temperature,
            weight=weight, label_smoothing=label_smoothing, alignment_only=alignment_only, transpose=transpose,
        )  # fmt: skip
        self.minimum: Minimum = settings["minimum"]
        self.gamma: float = settings["gamma"]
        self.feature_temperature: float = settings["feature_temperature"]
        self.weight: float = settings["weight"]
        self.label_smoothing: float = settings["label_smoothing"]
        self.alignment_only: bool = settings["alignment_only"]
        self.transpose: bool = settings["transpose"]
        check_choice("minimum", self.minimum, Minimum)
        check_positive(gamma=self.gamma, feature_temperature=self.feature_temperature)

    def total(self, terms: dict[str, Tensor]) -> Tensor:
        """The loss, from its terms."""
        if self.alignment_only:
            return terms["r12"]
        return terms["cycle"] + self.weight * (terms["r12"] + terms["r21"])

    def parts(self, pair: Pair) -> dict[str, Tensor]:
        """{"r12", "r21", "cycle"}, unweighted, of the pairs that have frames."""
        z, _, _, masks = pair.pooled()
        first, others = z[:1].expand(len(z) - 1, -1, -1), z[1:]
        mask, other_masks = masks[:1].expand(len(z) - 1, -1), masks[1:]
        r12, r21 = self._tables(
            torch.cat([first, others]), torch.cat([others, first]), torch.cat([mask, other_masks])
        ).chunk(2)
        p12 = masked_softmax(-r12.transpose(1, 2), mask[:, None, :]).transpose(1, 2)
        p21 = masked_softmax(-r21.transpose(1, 2), other_masks[:, None, :]).transpose(1, 2)
        cycle = p12 @ (p21 * other_masks[:, :, None])
        both = mask.any(dim=1) & other_masks.any(dim=1)
        return {
            "r12": mean_over(_last(r12, mask, other_masks), both),
            "r21": mean_over(_last(r21, other_masks, mask), both),
            "cycle": self._cycle(cycle.transpose(1, 2) if self.transpose else cycle, mask & both[:, None]),
        }

    def _tables(self, x: Tensor, y: Tensor, mask_x: Tensor) -> Tensor:
        """R (p, n, m) of the contrastive cost; what lies beyond the lengths is finite and looked at by nobody."""
        logits = y @ x.transpose(1, 2) / self.feature_temperature
        logs = masked_log_softmax(logits, mask_x[:, None, :]).where(mask_x[:, None, :], 0.0)
        return smooth_dtw(-logs.transpose(1, 2), gamma=self.gamma, minimum=self.minimum)

    def _cycle(self, logits: Tensor, mask: Tensor) -> Tensor:
        logs = masked_log_softmax(logits, mask[:, None, :])
        hit = torch.diagonal(logs, dim1=1, dim2=2)
        even = logs.where(mask[:, None, :], 0.0).sum(-1) / mask.sum(-1, keepdim=True).clamp(min=1)
        return mean_over(-(1 - self.label_smoothing) * hit - self.label_smoothing * even, mask)


def _last(table: Tensor, mask_x: Tensor, mask_y: Tensor) -> Tensor:
    """The cell of the last two valid frames, (p,)."""
    i, j = mask_x.sum(1).clamp(min=1) - 1, mask_y.sum(1).clamp(min=1) - 1
    return table[torch.arange(len(table), device=table.device), i, j]
