"""SCL, the sequence contrastive loss of CARL (Chen, Wei, Li, Shen and Jia 2022, "Frame-wise Action Representations for
Long Videos via Sequence Contrastive Learning").

    Y_ij = exp(-(s_i L_b / L_a - s_j)^2 / (2 var)), normalised over the other view
    p_ij = exp(cos(z_i, z_j) / tau) / sum_k w_k exp(cos(z_i, z_k) / tau)
    loss = sum over valid rows of both views of sum_j Y_ij (log Y_ij - log(p_ij + 1e-6)) / number of valid rows

The sum over k runs over the negatives: ``single_noself`` the other view of the same video, ``single`` both views of it,
``noself`` all frames of the batch but the own view, ``all`` everything. w_k is 0 for padding (published: 1e-6).
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from syncline.errors import check_choice
from syncline.losses.loss import PairLoss
from syncline.losses.preset_settings import Preset, check_positive, settings_of
from syncline.losses.row_arithmetic import divergence_rows, time_labels
from syncline.losses.view_pair import Pair

Negatives = Literal["single_noself", "single", "noself", "all"]
_ORIGINAL: dict[str, Any] = {"temperature": 0.1, "variance": 10.0, "negatives": "single_noself"}
PRESETS: dict[Preset, dict[str, Any]] = {"original": _ORIGINAL, "carl": _ORIGINAL, "lac": _ORIGINAL}


class SCLLoss(PairLoss):
    """Sequence contrastive loss of pairs of views of the same videos.

    A setting that is None has the value of the preset.

    Args:
        preset: ``original``, ``carl``, ``lac``: they agree here. temperature: tau. variance: of the labels, in
            frames^2.
        negatives: see above.

    Examples:
        >>> z = torch.eye(4)[None]
        >>> steps, frames = torch.arange(4)[None], torch.tensor([4])
        >>> loss = SCLLoss()(z, z, steps_x=steps, steps_y=steps, frames_x=frames, frames_y=frames)
        >>> loss.shape
        torch.Size([])
    """

    def __init__(
        self,
        preset: Preset = "original",
        *,
        temperature: float | None = None,
        variance: float | None = None,
        negatives: Negatives | None = None,
    ) -> None:
        super().__init__()
        settings = settings_of(
            "SCLLoss", PRESETS, preset, temperature=temperature, variance=variance, negatives=negatives
        )
        self.temperature: float = settings["temperature"]
        self.variance: float = settings["variance"]
        self.negatives: Negatives = settings["negatives"]
        check_choice("negatives", self.negatives, Negatives)
        check_positive(temperature=self.temperature, variance=self.variance)

    def parts(self, pair: Pair) -> dict[str, Tensor]:
        """{"contrastive": the loss}."""
        total = self._rows(pair) + self._rows(pair.swapped())
        return {"contrastive": total / (pair.mask_x.sum() + pair.mask_y.sum()).clamp(min=1)}

    def _rows(self, pair: Pair) -> Tensor:
        """Summed over the valid rows of x."""
        logits = pair.x @ pair.y.transpose(1, 2) / self.temperature
        p = (logits - self._log_denominator(pair, logits)[..., None]).masked_fill(~pair.valid, -torch.inf).exp()
        return divergence_rows(time_labels(pair, self.variance), p, pair.valid).sum()

    def _log_denominator(self, pair: Pair, logits: Tensor) -> Tensor:
        """log of the sum over each row's negatives, (b, n)."""
        low = torch.finfo(logits.dtype).min / 4
        if self.negatives in ("single_noself", "single"):
            parts = [logits.masked_fill(~pair.mask_y[:, None, :], low)]
            if self.negatives == "single":
                own = pair.x @ pair.x.transpose(1, 2) / self.temperature
                parts.append(own.masked_fill(~pair.mask_x[:, None, :], low))
            return torch.cat(parts, dim=-1).logsumexp(dim=-1)
        b, keep = len(pair.x), torch.cat([pair.mask_x.flatten(), pair.mask_y.flatten()])
        everything = torch.cat([pair.x.flatten(0, 1), pair.y.flatten(0, 1)])
        similar = (pair.x @ everything.T / self.temperature).masked_fill(~keep, low)
        if self.negatives == "noself":
            slots = torch.arange(len(keep), device=keep.device) // pair.x.shape[1]
            own = slots[None, :] == torch.arange(b, device=keep.device)[:, None]
            own[:, b * pair.x.shape[1] :] = False
            similar = similar.masked_fill(own[:, None, :], low)
        return similar.logsumexp(dim=-1)
