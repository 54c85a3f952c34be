"""TCC, temporal cycle consistency (Dwibedi, Aytar, Tompson, Sermanet and Zisserman 2019).

For an ordered pair of sequences (U, V): A = row-softmax(sim(U, V)), V~ = A V, beta = row-softmax(sim(V~, U)); the
cycle should come back to the frame i it started from. sim(x, y) = -|x - y|^2 / (d t) (``l2``) or x . y / (d t).

``classification``: cross entropy against i with label smoothing. ``regression_*``: with tau_k the step of frame k (over
the length of the video), mu_i = sum beta_ik tau_k, var_i = sum beta_ik (tau_k - mu_i)^2:
``mse`` (tau_i - mu_i)^2; ``mse_var`` (tau_i - mu_i)^2 / var_i + lambda log var_i; ``huber``.
All ordered pairs of the 2b sequences of a batch, their rows pooled, one mean; or ``num_cycles`` random cycles.
"""

from __future__ import annotations

import inspect
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import huber_loss

from syncline.losses.pair import (
    checked_pair,
    masked_log_softmax,
    masked_softmax,
    mean_over,
)
from syncline.losses.presets import check_positive, chosen

PRESETS: dict[str, dict[str, Any]] = {"original": {}, "carl": {}, "lac": {}}
KINDS = ("classification", "regression_mse", "regression_mse_var", "regression_huber")


class TCCLoss(nn.Module):
    """Cycle consistency among all sequences of a batch.

    Args:
        preset: ``original``, ``carl``, ``lac``: they agree here (CARL's smoothing of regression labels is a defect).
        loss: ``regression_mse_var``, ``regression_mse``, ``regression_huber`` or ``classification``.
        similarity: ``l2`` or ``cosine`` (a raw dot product, as published). temperature: t.
        normalize_indices: steps over the length of the video. variance_lambda, huber_delta, label_smoothing: see above.
        stochastic: random cycles in place of all pairs. num_cycles, cycle_length: of those.

    Examples:
        >>> z = torch.eye(4)[None]
        >>> steps, frames = torch.arange(4)[None], torch.tensor([4])
        >>> TCCLoss()(z, z, steps_x=steps, steps_y=steps, frames_x=frames, frames_y=frames).isfinite().item()
        True
    """

    def __init__(self, preset: str = "original", **options: Any) -> None:
        super().__init__()
        self._set(**chosen("TCCLoss", PRESETS, preset, options, inspect.signature(self._set).parameters))

    def _set(
        self,
        *,
        loss: str = "regression_mse_var",
        similarity: Literal["l2", "cosine"] = "l2",
        temperature: float = 0.1,
        normalize_indices: bool = True,
        variance_lambda: float = 0.001,
        huber_delta: float = 0.1,
        label_smoothing: float = 0.1,
        stochastic: bool = False,
        num_cycles: int = 5,
        cycle_length: int = 2,
    ) -> None:
        if loss not in KINDS or similarity not in ("l2", "cosine"):
            raise ValueError(
                f"loss must be one of {', '.join(KINDS)}, similarity l2 or cosine; got {loss}, {similarity}"
            )
        check_positive(temperature=temperature, huber_delta=huber_delta, num_cycles=num_cycles)
        if cycle_length < 2:
            raise ValueError(f"cycle_length must be at least 2, got {cycle_length}")
        self.loss, self.similarity, self.temperature = loss, similarity, temperature
        self.normalize_indices, self.variance_lambda, self.huber_delta = normalize_indices, variance_lambda, huber_delta
        self.label_smoothing, self.stochastic = label_smoothing, stochastic
        self.num_cycles, self.cycle_length = num_cycles, cycle_length

    def forward(self, x: Tensor, y: Tensor, **views: Any) -> Tensor:
        """The loss, a scalar."""
        return self.terms(x, y, **views)["cycle"]

    def terms(self, x: Tensor, y: Tensor, **views: Any) -> dict[str, Tensor]:
        """{"cycle": the loss}."""
        z, steps, frames, masks = checked_pair(x, y, **views).pooled()
        places = steps / frames[:, None] if self.normalize_indices else steps
        if self.stochastic:
            return {"cycle": self._random_cycles(z, places, masks)}
        return {"cycle": self._all_pairs(z, places, masks)}

    def _all_pairs(self, z: Tensor, places: Tensor, masks: Tensor) -> Tensor:
        """Cycles from every sequence u through every other one v; the axes are u, v, frames of u."""
        n, t, d = z.shape
        flat = z.reshape(n * t, d)
        similar = self._similar(flat, flat).view(n * t, n, t).transpose(0, 1)
        there = masked_softmax(similar, masks[:, None, :]) @ z  # (v, u t, d)
        returned = there.view(n, n, t, d).transpose(0, 1).reshape(n, n * t, d)
        logits = self._similar(returned, z)
        target = torch.arange(t, device=z.device).repeat(n).expand(n, -1)
        others = masks.any(dim=1)[None, :] & ~torch.eye(n, dtype=torch.bool, device=z.device)
        keep = others[:, :, None] & masks[:, None, :]
        return mean_over(self._rows(logits, masks, places, target), keep.flatten(1))

    def _similar(self, x: Tensor, y: Tensor) -> Tensor:
        """sim of all rows of x and y, (..., n, m), without -|x|^2: the softmax over y that follows cancels it."""
        dots = x @ y.transpose(-1, -2)
        if self.similarity == "l2":
            dots = 2 * dots - y.square().sum(dim=-1)[..., None, :]
        return dots / (x.shape[-1] * self.temperature)

    def _rows(self, logits: Tensor, columns: Tensor, places: Tensor, target: Tensor) -> Tensor:
        """Loss of each row: logits (p, r, t) over frames with places (p, t), target (p, r) the frame to return to."""
        keep = columns[:, None, :]
        if self.loss == "classification":
            logs = masked_log_softmax(logits, keep)
            hit = logs.gather(-1, target[..., None]).squeeze(-1)
            even = logs.where(keep, 0.0).sum(-1) / columns.sum(-1, keepdim=True).clamp(min=1)
            return -(1 - self.label_smoothing) * hit - self.label_smoothing * even
        beta = masked_softmax(logits, keep)
        true = places.gather(1, target)
        mean = (beta * places[:, None, :]).sum(-1)
        if self.loss == "regression_mse":
            return (true - mean).square()
        if self.loss == "regression_huber":
            return huber_loss(mean, true, reduction="none", delta=self.huber_delta)
        variance = (beta * (places[:, None, :] - mean[..., None]).square()).sum(-1) + 1e-8
        return (true - mean).square() / variance + self.variance_lambda * variance.log()

    def _random_cycles(self, z: Tensor, places: Tensor, masks: Tensor) -> Tensor:
        """Cycles through random sequences that have frames, each begun and ended at a random frame of its first one."""
        if len(z) < self.cycle_length:
            raise ValueError(f"cycles of length {self.cycle_length} need as many sequences, got {len(z)}")
        seen = masks.any(dim=1).nonzero().flatten().cpu()
        if len(seen) < self.cycle_length:
            return z.sum() * 0
        each = []
        for _ in range(self.num_cycles):
            order = seen[torch.randperm(len(seen))[: self.cycle_length]].tolist()
            first = order[0]
            start = torch.randint(0, max(1, int(masks[first].sum())), (1, 1), device=z.device)
            frame = z[first][start]
            for sequence in order[1:]:
                there = masked_softmax(self._similar(frame, z[sequence][None]), masks[sequence][None, None, :])
                frame = there @ z[sequence][None]
            logits = self._similar(frame, z[first][None])
            each.append(self._rows(logits, masks[first][None], places[first][None], start))
        return torch.cat(each).mean()
