"""Masked softmax, soft labels and weighted means over rows of similarities, shared by the losses."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from syncline.losses.view_pair import Pair


def soft_labels(
    positions_x: Float[Tensor, "b n"], positions_y: Float[Tensor, "b m"], mask_y: Bool[Tensor, "b m"], variance: float
) -> Float[Tensor, "b n m"]:
    """Y_ij = exp(-(p_i - q_j)^2 / (2 variance)), normalised over the valid j; as a softmax, so never 0 / 0."""
    logits = -(positions_x[:, :, None] - positions_y[:, None, :]).square() / (2 * variance)
    labels = masked_softmax(logits, mask_y[:, None, :])
    return labels.detach()


def time_labels(pair: Pair, variance: float) -> Float[Tensor, "b n m"]:
    """Soft labels of two views of one video: Gaussian in time, x's steps scaled to the length of y's video."""
    positions = pair.steps_x * (pair.frames_y / pair.frames_x)[:, None]
    return soft_labels(positions, pair.steps_y, pair.mask_y, variance)


def masked_softmax(logits: Tensor, keep: Tensor) -> Tensor:
    """Softmax over the last axis among kept entries; 0 elsewhere, and everywhere in a row that keeps none."""
    return masked_log_softmax(logits, keep).exp() * keep


def masked_log_softmax(logits: Tensor, keep: Tensor) -> Tensor:
    """Log-softmax over the last axis among kept entries; very low, but finite, elsewhere."""
    low = torch.finfo(logits.dtype).min / 4
    return torch.log_softmax(logits.masked_fill(~keep, low), dim=-1)


def mean_over(values: Tensor, keep: Tensor) -> Tensor:
    """Mean of the kept values; 0 where there are none."""
    return values.where(keep, 0.0).sum() / keep.sum().clamp(min=1)


def weighted_mean(values: Float[Tensor, "b n"], weights: Float[Tensor, "b n"]) -> Tensor:
    """sum of w v / sum of w; 0 where all weights are."""
    return (values * weights).sum() / weights.sum().clamp(min=torch.finfo(values.dtype).tiny)


def cross_entropy_rows(
    labels: Float[Tensor, "b n m"], logits: Float[Tensor, "b n m"], columns: Bool[Tensor, "b m"]
) -> Float[Tensor, "b n"]:
    """-sum_j Y_ij log softmax_j(logits_ij), over the valid columns of each pair."""
    keep = columns[:, None, :]
    return -(labels * masked_log_softmax(logits, keep).where(keep, 0.0)).sum(dim=-1)


def divergence_rows(
    labels: Float[Tensor, "b n m"], p: Float[Tensor, "b n m"], valid: Bool[Tensor, "b n m"]
) -> Float[Tensor, "b n"]:
    """KL(Y_i || p_i + 1e-6) of each row, over the valid cells."""
    divergence = labels * (labels.clamp(min=1e-30).log() - (p + 1e-6).log())
    return divergence.where(valid, 0.0).sum(dim=-1)


def aligned_rows(pair: Pair, posterior: Float[Tensor, "b n m"], *, var: float, eps: float) -> Float[Tensor, ""]:
    """Cross entropy of rows log(P + eps) against time labels, P the posterior of two views of one video.

    The weight of a row is its aligned share, so frames outside the alignment do not count.
    """
    logits = (posterior + max(eps, torch.finfo(posterior.dtype).tiny)).log()
    rows = cross_entropy_rows(time_labels(pair, var), logits, pair.mask_y)
    return weighted_mean(rows, posterior.detach().sum(dim=-1).clamp(max=1))
