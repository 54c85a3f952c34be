"""SCL, the sequence contrastive loss of CARL (Chen, Wei, Li, Shen and Jia 2022, "Frame-wise Action Representations for
Long Videos via Sequence Contrastive Learning").

    Y_ij = exp(-(s_i L_b / L_a - s_j)^2 / (2 var)), normalised over the other view
    p_ij = exp(cos(z_i, z_j) / tau) / sum_k w_k exp(cos(z_i, z_k) / tau)
    loss = sum over valid rows of both views of sum_j Y_ij (log Y_ij - log(p_ij + 1e-6)) / number of valid rows

The sum over k runs over the negatives: ``single_noself`` the other view of the same video, ``single`` both views of it,
``noself`` all frames of the batch but the own view, ``all`` everything. Padding counts with weight 1e-6, as published.
"""

from __future__ import annotations

import inspect
from typing import Any, Literal

import torch
from torch import Tensor, nn

from syncline.losses.pair import Pair, checked_pair, soft_labels
from syncline.losses.presets import chosen

Negatives = Literal["single_noself", "single", "noself", "all"]
PRESETS: dict[str, dict[str, Any]] = {"original": {}, "carl": {}, "lac": {}}
PADDING = 1e-6


class SCLLoss(nn.Module):
    """Sequence contrastive loss of pairs of views of the same videos.

    Args:
        preset: ``original``, ``carl``, ``lac``: they agree here. temperature: tau. variance: of the labels, in
            frames^2.
        negatives: see above.

    Example:
        >>> z = torch.eye(4)[None]
        >>> steps, frames = torch.arange(4)[None], torch.tensor([4])
        >>> loss = SCLLoss()(z, z, steps_x=steps, steps_y=steps, frames_x=frames, frames_y=frames)
        >>> loss.shape
        torch.Size([])
    """

    def __init__(self, preset: str = "original", **options: Any) -> None:
        super().__init__()
        self._set(**chosen("SCLLoss", PRESETS, preset, options, inspect.signature(self._set).parameters))

    def _set(self, *, temperature: float = 0.1, variance: float = 10.0, negatives: Negatives = "single_noself") -> None:
        if negatives not in ("single_noself", "single", "noself", "all"):
            raise ValueError(f"negatives must be single_noself, single, noself or all, got {negatives!r}")
        self.temperature, self.variance, self.negatives = temperature, variance, negatives

    def forward(self, x: Tensor, y: Tensor, **views: Any) -> Tensor:
        """The loss, a scalar. x, y and ``views`` as `checked_pair` takes them; rows are normalised here."""
        return self.terms(x, y, **views)["contrastive"]

    def terms(self, x: Tensor, y: Tensor, **views: Any) -> dict[str, Tensor]:
        """{"contrastive": the loss}."""
        pair = checked_pair(x, y, unit=True, **views)
        total = self._rows(pair) + self._rows(pair.swapped())
        return {"contrastive": total / (pair.mask_x.sum() + pair.mask_y.sum()).clamp(min=1)}

    def _rows(self, pair: Pair) -> Tensor:
        """Summed over the valid rows of x."""
        places = pair.steps_x / pair.frames_x[:, None] * pair.frames_y[:, None]
        labels = soft_labels(places, pair.steps_y, pair.mask_y, self.variance)
        logits = pair.x @ pair.y.transpose(1, 2) / self.temperature
        weights = torch.where(pair.mask_y, 1.0, PADDING)[:, None, :]
        denominator = (logits.exp() * weights).sum(dim=-1)
        if self.negatives == "single":
            own = pair.x @ pair.x.transpose(1, 2) / self.temperature
            denominator = denominator + (own.exp() * torch.where(pair.mask_x, 1.0, PADDING)[:, None, :]).sum(dim=-1)
        elif self.negatives in ("noself", "all"):
            denominator = self._whole_batch(pair)
        p = logits.exp() * weights / denominator[..., None]
        divergence = labels * (labels.clamp(min=1e-30).log() - (p + 1e-6).log())
        return divergence.where(pair.valid, 0.0).sum()

    def _whole_batch(self, pair: Pair) -> Tensor:
        """Denominators (b, n) over all frames of the batch, without the own view for ``noself``."""
        everything = torch.cat([pair.x, pair.y])
        masks = torch.cat([pair.mask_x, pair.mask_y]) if pair.x.shape[1] == pair.y.shape[1] else None
        if masks is None:
            raise ValueError("negatives from the whole batch need views with equally many slots")
        weights = torch.where(masks, 1.0, PADDING)
        similar = torch.einsum("bnd,cmd->bncm", pair.x, everything) / self.temperature
        mass = (similar.exp() * weights).sum(dim=-1)
        if self.negatives == "noself":
            b = len(pair.x)
            mass = mass.masked_fill(torch.eye(b, 2 * b, dtype=torch.bool, device=mass.device)[:, None, :], 0.0)
        return mass.sum(dim=-1)
