"""LRProp (Zhang, Liu, Zheng and Su 2023), **our reconstruction**: no code was released, and we had its abstract only.

For pairs of different videos of one activity: an alignment A of the two (no gradient) carries every frame's position to
the other video, p_i = sum_j A_ij s_j; the similarities of the frame are drawn to a Gaussian around it,

    L_prop = 1/2 sum over directions of mean_i KL(Y_i || softmax_j(cos(z_i, z_j) / tau))
    Y_ij ~ exp(-(p_i - s_j)^2 / (2 var))
    loss = L_prop + lambda L_reg + within L_scl,  L_reg = soft-DTW divergence / min(n, m)

Report as "LRProp (our reconstruction)", never as a reproduction.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from syncline.alignment import dtw, expected_path, soft_dtw_divergence, squared_distances
from syncline.errors import check_choice
from syncline.losses.lav import LAVLoss
from syncline.losses.loss import PairLoss
from syncline.losses.preset_settings import Preset, check_positive, settings_of
from syncline.losses.row_arithmetic import divergence_rows, masked_softmax, mean_over, soft_labels
from syncline.losses.scl import SCLLoss
from syncline.losses.view_pair import Pair

PathForm = Literal["soft", "hard"]
LabelForm = Literal["mean", "mixture"]
Regularizer = Literal["divergence", "idm"]
_ORIGINAL: dict[str, Any] = {
    "path": "soft", "gamma": 0.1, "temperature": 0.1, "variance": 10.0, "labels": "mean", "regularizer": "divergence",
    "weight": 0.1, "bootstrap": 0.1,
}  # fmt: skip
PRESETS: dict[Preset, dict[str, Any]] = {"original": _ORIGINAL, "carl": _ORIGINAL, "lac": _ORIGINAL}


class LRPropLoss(PairLoss):
    """Positions carried from video to video along a DTW path.

    A setting that is None has the value of the preset.

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

    def __init__(
        self,
        preset: Preset = "original",
        *,
        path: PathForm | None = None,
        gamma: float | None = None,
        temperature: float | None = None,
        variance: float | None = None,
        labels: LabelForm | None = None,
        regularizer: Regularizer | None = None,
        weight: float | None = None,
        bootstrap: float | None = None,
    ) -> None:
        super().__init__()
        settings = settings_of(
            "LRPropLoss", PRESETS, preset, path=path, gamma=gamma, temperature=temperature, variance=variance,
            labels=labels, regularizer=regularizer, weight=weight, bootstrap=bootstrap,
        )  # fmt: skip
        self.path: PathForm = settings["path"]
        self.gamma: float = settings["gamma"]
        self.temperature: float = settings["temperature"]
        self.variance: float = settings["variance"]
        self.labels: LabelForm = settings["labels"]
        self.regularizer: Regularizer = settings["regularizer"]
        self.weight: float = settings["weight"]
        self.bootstrap: float = settings["bootstrap"]
        check_choice("path", self.path, PathForm)
        check_choice("labels", self.labels, LabelForm)
        check_choice("regularizer", self.regularizer, Regularizer)
        check_positive(gamma=self.gamma, temperature=self.temperature, variance=self.variance)
        self.within_weight = 0.0
        self.within = SCLLoss(temperature=self.temperature, variance=self.variance)
        self.idm = LAVLoss(gamma=self.gamma, pairs="given")

    def at(self, progress: float) -> None:
        """Called before every step with the progress of training, in [0, 1): sets the weight within each video."""
        self.within_weight = 1.0 if progress < self.bootstrap else 0.0

    def total(self, terms: dict[str, Tensor]) -> Tensor:
        """The loss, from its terms."""
        loss = terms["propagation"] + self.weight * terms["regularizer"]
        return loss + self.within_weight * terms["within"] if "within" in terms else loss

    def parts(self, pair: Pair) -> dict[str, Tensor]:
        """{"propagation", "regularizer"} and, while it counts, "within", unweighted."""
        given, pair = pair, pair.of_different_videos()
        path = self._path(pair)
        forward = self._propagated(pair, path)
        backward = self._propagated(pair.swapped(), path.transpose(1, 2))
        terms = {"propagation": (forward + backward) / 2, "regularizer": self._regularizer(pair)}
        if self.within_weight and bool((given.video_x == given.video_y).all()):
            terms["within"] = self.within.parts(given)["contrastive"]
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
            positions = (share * pair.steps_y[:, None, :]).sum(dim=-1)
            labels = soft_labels(positions, pair.steps_y, pair.mask_y, self.variance)
        else:
            labels = share @ soft_labels(pair.steps_y, pair.steps_y, pair.mask_y, self.variance)
        p = masked_softmax(pair.x @ pair.y.transpose(1, 2) / self.temperature, pair.mask_y[:, None, :])
        return mean_over(divergence_rows(labels, p, pair.valid), pair.mask_x)

    def _regularizer(self, pair: Pair) -> Tensor:
        if self.regularizer == "divergence":
            lengths = {"lengths_x": pair.lengths_x, "lengths_y": pair.lengths_y}
            value = soft_dtw_divergence(pair.x, pair.y, gamma=self.gamma, **lengths)
            shorter = torch.minimum(pair.lengths_x, pair.lengths_y)
            return mean_over(value / shorter.clamp(min=1), shorter > 0)
        return self.idm.total(self.idm.parts(pair))
