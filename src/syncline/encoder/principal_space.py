"""Standardises features and projects them onto their principal directions (PCA).

    z = ((x - mean) / scale) directions

The one way in which frozen features become embeddings (without training) and in which a trained encoder's inputs are
made narrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

_FRAMES = 2048


@dataclass(frozen=True)
class PrincipalSpace:
    """The principal directions of the standardised rows that it was fitted to.

    Attributes:
        mean: (f,) of the rows.
        directions: (f, dim), each divided by the features' standard deviations; zeros where the rows span fewer.

    Examples:
        >>> space = PrincipalSpace.fit([np.eye(4)], 2)
        >>> space.project(np.eye(4)).shape
        torch.Size([4, 2])
    """

    mean: Float[Tensor, " f"]
    directions: Float[Tensor, "f dim"]

    @classmethod
    def fit(
        cls, sequences: Sequence[np.ndarray[Any, Any]], dim: int, *, frames: int = _FRAMES, seed: int = 0
    ) -> PrincipalSpace:
        """The space of the rows of ``sequences``.

        Args:
            sequences: (t, f) arrays. dim: how many directions, most variance first.
            frames: rows that are looked at; more are thinned out at random (``seed``).
        """
        mean, scale, directions = principal_directions(sequences, dim, frames=frames, seed=seed)
        return cls(mean, directions / scale[:, None])

    def project(self, rows: np.ndarray[Any, Any] | Tensor) -> Float[Tensor, "t dim"]:
        """Rows (t, f) of any floating type in the space: (t, dim) float32."""
        if not isinstance(rows, Tensor):
            rows = torch.from_numpy(np.asarray(rows, dtype=np.float32))
        return (rows.float() - self.mean) @ self.directions


def principal_directions(
    sequences: Sequence[np.ndarray[Any, Any]], dim: int, *, frames: int = _FRAMES, seed: int = 0
) -> tuple[Float[Tensor, " f"], Float[Tensor, " f"], Float[Tensor, "f dim"]]:
    """Mean (f,), scale (f,) and orthonormal principal directions (f, dim) of the standardised rows of ``sequences``.

    The scale is the standard deviation, 1 where a feature never changes; directions are zeros where the rows span fewer
    than ``dim``, and the largest entry of each is positive. The eigenvectors come from the (rows, rows) matrix of inner
    products, so f may be large.
    """
    lengths = np.array([len(sequence) for sequence in sequences], dtype=np.int64)
    if lengths.sum() < 2:
        raise ValueError(f"principal directions need at least 2 rows, got {lengths.sum()}")
    chosen = np.arange(lengths.sum())
    if len(chosen) > frames:
        chosen = np.sort(np.random.default_rng(seed).choice(len(chosen), frames, replace=False))
    starts = np.concatenate([[0], np.cumsum(lengths)])
    parts = []
    for sequence, start, end in zip(sequences, starts[:-1], starts[1:], strict=True):
        rows = chosen[(chosen >= start) & (chosen < end)] - start
        parts.append(torch.from_numpy(np.asarray(sequence[rows], dtype=np.float32)))
    x = torch.cat(parts)
    mean = x.mean(dim=0)
    scale = x.std(dim=0)
    scale = torch.where(scale > 1e-6, scale, torch.ones_like(scale))
    x = (x - mean) / scale
    values, vectors = torch.linalg.eigh((x @ x.T).double())
    order = torch.arange(len(values) - 1, max(len(values) - 1 - dim, -1), -1)
    kept = values[order] > 1e-9 * values[-1].clamp(min=1e-30)
    norms = values[order].clamp(min=1e-30).sqrt()
    found = (x.T @ (vectors[:, order] / norms).float()) * kept
    found = found * torch.sign(found.gather(0, found.abs().argmax(dim=0, keepdim=True))).squeeze(0)
    directions = torch.zeros(x.shape[1], dim)
    directions[:, : found.shape[1]] = found
    return mean, scale, directions
