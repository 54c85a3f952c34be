"""LRProp (Zhang, Liu, Zheng and Su 2023), **our reconstruction**: no code was released, and we had its abstract only.

For pairs of different videos of one activity: an alignment A of the two (no gradient) carries every frame's position to
the other video, p_i = sum_j A_ij s_j; the similarities of the frame are drawn to a Gaussian around it,

    L_prop = 1/2 sum over directions of mean_i KL(Y_i || softmax_j(cos(z_i, z_j) / tau))
    Y_ij ~ exp(-(p_i - s_j)^2 / (2 var))
    loss = L_prop + lambda L_reg + within L_scl,  L_reg = soft-DTW divergence / min(n, m)

Report as "LRProp (our reconstruction)", never as a reproduction.
"""

from __future__ import annotations

import inspect
from typing import Any, Literal

import torch
from torch import Tensor, nn

from syncline.alignment import dtw, expected_path, soft_dtw_divergence, squared_distances
from syncline.losses.lav import LAVLoss
from syncline.losses.pair import Pair, checked_pair, masked_softmax, mean_over, soft_labels
from syncline.losses.presets import check_positive, chosen
from syncline.losses.scl import SCLLoss

PRESETS: dict[str, dict[str, Any]] = {"original": {}, "carl": {}, "lac": {}}
BOOTSTRAP = 0.1


class LRPropLoss(nn.Module):
    """Positions carried from video to video along a DTW path.

    Args:
        preset: ``original``, ``carl``, ``lac``: one reconstruction.
        path: ``soft`` (expected soft-DTW path) or ``hard``. gamma: of soft-DTW. temperature: tau. variance: of the
            labels.
        labels: ``mean`` (a Gaussian around the expected position) or ``mixture`` (of Gaussians).
        regularizer: ``divergence`` or ``idm`` (LAV's). weight: lambda.
        bootstrap: share of the training during which SCL within each video is added with weight 1, so that there is a
            path to follow; see `at`.

    Examples:
        >>> z = torch.eye(4)[None]
        >>> steps, frames = torch.arange(4)[None], torch.tensor([4])
        >>> LRPropLoss()(z, z, steps_x=steps, steps_y=steps, frames_x=frames, frames_y=frames).isfinite().item()
        True
    """

    def __init__(self, preset: str = "original", **options: Any) -> None:
        super().__init__()
        self._set(**chosen("LRPropLoss", PRESETS, preset, options, inspect.signature(self._set).parameters))

    def _set(
        self,
        *,
        path: Literal["soft", "hard"] = "soft",
        gamma: float = 0.1,
        temperature: float = 0.1,
        variance: float = 10.0,
        labels: Literal["mean", "mixture"] = "mean",
        regularizer: Literal["divergence", "idm"] = "divergence",
        weight: float = 0.1,
        bootstrap: float = BOOTSTRAP,
    ) -> None:
        for name, value, known in (
            ("path", path, ("soft", "hard")),
            ("labels", labels, ("mean", "mixture")),
            ("regularizer", regularizer, ("divergence", "idm")),
        ):
            if value not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, got {value!r}")
        check_positive(gamma=gamma, temperature=temperature, variance=variance)
        self.path, self.gamma, self.temperature, self.variance = path, gamma, temperature, variance
        self.labels, self.regularizer, self.weight, self.bootstrap = labels, regularizer, weight, bootstrap
        self.within_weight = 0.0
        self.within = SCLLoss(temperature=temperature, variance=variance)
        self.idm = LAVLoss(gamma=gamma, pairs="given")

    def at(self, progress: float) -> None:
        """Told by the training loop how far it is, in [0, 1]: sets the weight of the term within each video."""
        self.within_weight = 1.0 if progress < self.bootstrap else 0.0

    def forward(self, x: Tensor, y: Tensor, **views: Any) -> Tensor:
        """The loss, a scalar."""
        terms = self.terms(x, y, **views)
        loss = terms["propagation"] + self.weight * terms["regularizer"]
        return loss + self.within_weight * terms["within"] if "within" in terms else loss

    def terms(self, x: Tensor, y: Tensor, **views: Any) -> dict[str, Tensor]:
        """{"propagation", "regularizer"} and, while it counts, "within", unweighted."""
        given = checked_pair(x, y, unit=True, **views)
        pair = given.of_different_videos()
        path = self._path(pair)
        forward = self._propagated(pair, path)
        backward = self._propagated(pair.swapped(), path.transpose(1, 2))
        terms = {"propagation": (forward + backward) / 2, "regularizer": self._regularizer(pair)}
        if self.within_weight and bool((given.video_x == given.video_y).all()):
            terms["within"] = self.within(x, y, **views)
        return terms

    def _path(self, pair: Pair) -> Tensor:
        with torch.no_grad():
            cost = squared_distances(pair.x, pair.y)
            lengths_x, lengths_y = pair.lengths_x, pair.lengths_y
            if self.path == "soft":
                return expected_path(cost, gamma=self.gamma, lengths_x=lengths_x, lengths_y=lengths_y)
            table = torch.zeros_like(cost)
            for k, found in enumerate(dtw(cost, lengths_x=lengths_x, lengths_y=lengths_y)):
                table[k, found.indices[:, 0], found.indices[:, 1]] = 1.0
            return table

    def _propagated(self, pair: Pair, path: Tensor) -> Tensor:
        share = path / path.sum(dim=-1, keepdim=True).clamp(min=1e-8)
        if self.labels == "mean":
            places = (share * pair.steps_y[:, None, :]).sum(dim=-1)
            labels = soft_labels(places, pair.steps_y, pair.mask_y, self.variance)
        else:
            labels = share @ soft_labels(pair.steps_y, pair.steps_y, pair.mask_y, self.variance)
        p = masked_softmax(pair.x @ pair.y.transpose(1, 2) / self.temperature, pair.mask_y[:, None, :])
        divergence = labels * (labels.clamp(min=1e-30).log() - (p + 1e-6).log())
        return mean_over(divergence.where(pair.valid, 0.0).sum(dim=-1), pair.mask_x)

    def _regularizer(self, pair: Pair) -> Tensor:
        if self.regularizer == "divergence":
            lengths = {"lengths_x": pair.lengths_x, "lengths_y": pair.lengths_y}
            value = soft_dtw_divergence(pair.x, pair.y, gamma=self.gamma, **lengths)
            shorter = torch.minimum(pair.lengths_x, pair.lengths_y)
            return mean_over(value / shorter.clamp(min=1), shorter > 0)
        idm: Tensor = self.idm(
            pair.x, pair.y, steps_x=pair.steps_x, steps_y=pair.steps_y, frames_x=pair.frames_x, frames_y=pair.frames_y,
            mask_x=pair.mask_x, mask_y=pair.mask_y,
        )  # fmt: skip
        return idm
