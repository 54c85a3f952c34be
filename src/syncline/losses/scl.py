"""SCL, the sequence contrastive loss of CARL (Chen, Wei, Li, Shen and Jia 2022, "Frame-wise Action Representations for
Long Videos via Sequence Contrastive Learning").

    Y_ij = exp(-(s_i L_b / L_a - s_j)^2 / (2 var)), normalised over the other view
    p_ij = exp(cos(z_i, z_j) / tau) / sum_k w_k exp(cos(z_i, z_k) / tau)
    loss = sum over valid rows of both views of sum_j Y_ij (log Y_ij - log(p_ij + 1e-6)) / number of valid rows

The sum over k runs over the negatives: ``single_noself`` the other view of the same video, ``single`` both views of it,
``noself`` all frames of the batch but the own view, ``all`` everything. w_k is 0 for padding (published: 1e-6).
"""

from __future__ import annotations

import inspect
from typing import Any, Literal

import torch
from torch import Tensor, nn

from syncline.losses.pair import Pair, checked_pair, soft_labels
from syncline.losses.presets import check_positive, chosen

Negatives = Literal["single_noself", "single", "noself", "all"]
PRESETS: dict[str, dict[str, Any]] = {"original": {}, "carl": {}, "lac": {}}


class SCLLoss(nn.Module):
    """Sequence contrastive loss of pairs of views of the same videos.

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

    def __init__(self, preset: str = "original", **options: Any) -> None:
        super().__init__()
        self._set(**chosen("SCLLoss", PRESETS, preset, options, inspect.signature(self._set).parameters))

    def _set(self, *, temperature: float = 0.1, variance: float = 10.0, negatives: Negatives = "single_noself") -> None:
        if negatives not in ("single_noself", "single", "noself", "all"):
            raise ValueError(f"negatives must be single_noself, single, noself or all, got {negatives!r}")
        check_positive(temperature=temperature, variance=variance)
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
        places = pair.steps_x * (pair.frames_y / pair.frames_x)[:, None]
        labels = soft_labels(places, pair.steps_y, pair.mask_y, self.variance)
        logits = pair.x @ pair.y.transpose(1, 2) / self.temperature
        p = (logits - self._log_denominator(pair, logits)[..., None]).masked_fill(~pair.valid, -torch.inf).exp()
        divergence = labels * (labels.clamp(min=1e-30).log() - (p + 1e-6).log())
        return divergence.where(pair.valid, 0.0).sum()

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
