"""TCC, temporal cycle consistency (Dwibedi, Aytar, Tompson, Sermanet and Zisserman 2019).

For an ordered pair of sequences (U, V): A = row-softmax(sim(U, V)), V~ = A V, beta = row-softmax(sim(V~, U)); the
cycle should come back to the frame i it started from. sim(x, y) = -|x - y|^2 / (d t) (``l2``) or x . y / (d t).

``classification``: cross entropy against i with label smoothing. ``regression_*``: with tau_k the step of frame k (over
the length of the video), mu_i = sum beta_ik tau_k, var_i = sum beta_ik (tau_k - mu_i)^2:
``mse`` (tau_i - mu_i)^2; ``mse_var`` (tau_i - mu_i)^2 / var_i + lambda log var_i; ``huber``.
All ordered pairs of the 2b sequences of a batch, their rows pooled, one mean; or ``num_cycles`` random cycles.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import huber_loss

from syncline.errors import check_choice
from syncline.losses.loss import PairLoss
from syncline.losses.preset_settings import Preset, check_positive, settings_of
from syncline.losses.row_arithmetic import masked_log_softmax, masked_softmax, mean_over
from syncline.losses.view_pair import Pair

Kind = Literal["classification", "regression_mse", "regression_mse_var", "regression_huber"]
Similarity = Literal["l2", "cosine"]
_ORIGINAL: dict[str, Any] = {
    "loss": "regression_mse_var", "similarity": "l2", "temperature": 0.1, "normalize_indices": True,
    "variance_lambda": 0.001, "huber_delta": 0.1, "label_smoothing": 0.1, "stochastic": False, "num_cycles": 5,
    "cycle_length": 2,
}  # fmt: skip
PRESETS: dict[Preset, dict[str, Any]] = {"original": _ORIGINAL, "carl": _ORIGINAL, "lac": _ORIGINAL}


class TCCLoss(PairLoss):
    """Cycle consistency among all sequences of a batch.

    A setting that is None has the value of the preset.

    Args:
        preset: ``original``, ``carl``, ``lac``: they agree here (CARL's smoothing of regression labels is a defect).
        loss: ``regression_mse_var``, ``regression_mse``, ``regression_huber`` or ``classification``.
        similarity: ``l2`` or ``cosine`` (a raw dot product, as published). temperature: t.
        normalize_indices: steps over the length of the video. variance_lambda, huber_delta, label_smoothing: see above.
        stochastic: random cycles instead of all pairs. num_cycles, cycle_length: of those.

    Examples:
        >>> z = torch.eye(4)[None]
        >>> steps, frames = torch.arange(4)[None], torch.tensor([4])
        >>> TCCLoss()(z, z, steps_x=steps, steps_y=steps, frames_x=frames, frames_y=frames).isfinite().item()
        True
    """

    unit = False  # distances over d t stand still when rows have length 1

    def __init__(
        self,
        preset: Preset = "original",
        *,
        loss: Kind | None = None,
        similarity: Similarity | None = None,
        temperature: float | None = None,
        normalize_indices: bool | None = None,
        variance_lambda: float | None = None,
        huber_delta: float | None = None,
        label_smoothing: float | None = None,
        stochastic: bool | None = None,
        num_cycles: int | None = None,
        cycle_length: int | None = None,
    ) -> None:
        super().__init__()
        settings = settings_of(
            "TCCLoss", PRESETS, preset, loss=loss, similarity=similarity, temperature=temperature,
            normalize_indices=normalize_indices, variance_lambda=variance_lambda, huber_delta=huber_delta,
            label_smoothing=label_smoothing, stochastic=stochastic, num_cycles=num_cycles, cycle_length=cycle_length,
        )  # fmt: skip
        self.loss: Kind = settings["loss"]
        self.similarity: Similarity = settings["similarity"]
        self.temperature: float = settings["temperature"]
        self.normalize_indices: bool = settings["normalize_indices"]
        self.variance_lambda: float = settings["variance_lambda"]
        self.huber_delta: float = settings["huber_delta"]
        self.label_smoothing: float = settings["label_smoothing"]
        self.stochastic: bool = settings["stochastic"]
        self.num_cycles: int = settings["num_cycles"]
        self.cycle_length: int = settings["cycle_length"]
        check_choice("loss", self.loss, Kind)
        check_choice("similarity", self.similarity, Similarity)
        check_positive(temperature=self.temperature, huber_delta=self.huber_delta, num_cycles=self.num_cycles)
        if self.cycle_length < 2:
            raise ValueError(f"cycle_length must be at least 2, got {self.cycle_length}")

    def parts(self, pair: Pair) -> dict[str, Tensor]:
        """{"cycle": the loss}."""
        z, steps, frames, masks = pair.pooled()
        times = steps / frames[:, None] if self.normalize_indices else steps
        if self.stochastic:
            return {"cycle": self._random_cycles(z, times, masks)}
        return {"cycle": self._all_pairs(z, times, masks)}

    def _all_pairs(self, z: Tensor, times: Tensor, masks: Tensor) -> Tensor:
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
        return mean_over(self._rows(logits, masks, times, target), keep.flatten(1))

    def _similar(self, x: Tensor, y: Tensor) -> Tensor:
        """sim of all rows of x and y, (..., n, m), without -|x|^2: the softmax over y that follows cancels it."""
        dots = x @ y.transpose(-1, -2)
        if self.similarity == "l2":
            dots = 2 * dots - y.square().sum(dim=-1)[..., None, :]
        return dots / (x.shape[-1] * self.temperature)

    def _rows(self, logits: Tensor, columns: Tensor, times: Tensor, target: Tensor) -> Tensor:
        """Loss of each row: logits (p, r, t) over frames with times (p, t), target (p, r) the frame to return to."""
        keep = columns[:, None, :]
        if self.loss == "classification":
            logs = masked_log_softmax(logits, keep)
            hit = logs.gather(-1, target[..., None]).squeeze(-1)
            even = logs.where(keep, 0.0).sum(-1) / columns.sum(-1, keepdim=True).clamp(min=1)
            return -(1 - self.label_smoothing) * hit - self.label_smoothing * even
        beta = masked_softmax(logits, keep)
        true = times.gather(1, target)
        mean = (beta * times[:, None, :]).sum(-1)
        if self.loss == "regression_mse":
            return (true - mean).square()
        if self.loss == "regression_huber":
            return huber_loss(mean, true, reduction="none", delta=self.huber_delta)
        variance = (beta * (times[:, None, :] - mean[..., None]).square()).sum(-1) + 1e-8
        return (true - mean).square() / variance + self.variance_lambda * variance.log()

    def _random_cycles(self, z: Tensor, times: Tensor, masks: Tensor) -> Tensor:
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
            each.append(self._rows(logits, masks[first][None], times[first][None], start))
        return torch.cat(each).mean()
