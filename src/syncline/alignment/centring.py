"""Centred similarity: cosine minus its mean, in units of its own spread. Every alignment of embeddings uses it.

Whole (`centred_similarity`), or of sequences too long for their matrix a block at a time (`CentredPair`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from syncline.alignment.similarity import unit_rows


def centred_similarity(
    x: Any, y: Any, *, scale: float | None = None, within_clips: bool = False
) -> Float[Tensor, "n m"]:
    """(cosine - its mean over all pairs) / scale: (n, m) float32 of arrays or tensors (n, d), (m, d).

    Args:
        scale: cosine that counts as one unit; None for a quarter of the standard deviation of what is divided, and
            .001 at least.
        within_clips: take out the mean of every row and column too. What a whole clip shows, its room and its people,
            then plays no part, only what changes within it. Not for a side of one frame, of which nothing is left.

    Raises:
        ValueError: no frames, or widths that differ.
    """
    a, b = paired_rows(x, y)
    cosine = a @ b.T
    if within_clips and min(cosine.shape) > 1:
        cosine = cosine - cosine.mean(0) - cosine.mean(1, keepdim=True)
    centred = cosine - cosine.mean()
    return centred / (_unit(float(centred.square().mean())) if scale is None else scale)


def similarity_unit(x: Any, y: Any) -> float:
    """The scale that `centred_similarity` has by itself, without the matrix: from two of (d, d).

    Args:
        x, y: (n, d), (m, d) arrays or tensors.

    Examples:
        >>> x = np.random.default_rng(0).standard_normal((50, 4))
        >>> unit = similarity_unit(x, x)
        >>> round(float(centred_similarity(x, x, scale=unit).std()), 1)
        4.0
    """
    a, b = (side.double() for side in paired_rows(x, y))
    mean = a.mean(0) @ b.mean(0)
    square = ((a.T @ a) * (b.T @ b)).sum() / (len(a) * len(b))
    return _unit(float(square - mean**2))


def _unit(variance: float) -> float:
    return max(0.25 * math.sqrt(max(variance, 0.0)), 1e-3)


@dataclass(frozen=True, eq=False)
class CentredPair:
    """`centred_similarity` of two sequences, a block at a time.

    Attributes:
        a: (n, d) unit rows over the unit. b: (m, d) unit rows.
        mean: of all similarities, in that unit. unit: cosine that counts as one.

    Examples:
        >>> x, y = np.random.default_rng(0).standard_normal((2, 9, 4))
        >>> blocks = CentredPair.of(x, y)
        >>> bool((blocks.block(slice(2, 5)) - centred_similarity(x, y)[2:5]).abs().max() < 1e-5)
        True
    """

    a: Float[Tensor, "n d"]
    b: Float[Tensor, "m d"]
    mean: float
    unit: float

    @classmethod
    def of(cls, x: Any, y: Any, *, scale: float | None = None) -> CentredPair:
        """The centred similarity of arrays or tensors (n, d) and (m, d); ``scale`` as in `centred_similarity`."""
        unit = similarity_unit(x, y) if scale is None else scale
        a, b = paired_rows(x, y)
        a = a / unit
        return cls(a, b, float(a.double().mean(0) @ b.double().mean(0)), unit)

    def block(self, rows: slice, columns: slice = slice(None), *, out: Tensor | None = None) -> Float[Tensor, "k l"]:
        """The similarity of those rows and columns; written to ``out`` if there is one."""
        return torch.mm(self.a[rows], self.b[columns].T, out=out).sub_(self.mean)


def thinned(rows: NDArray[Any], most: int) -> NDArray[Any]:
    """At most so many of some rows, evenly."""
    return rows if len(rows) <= most else rows[np.linspace(0, len(rows) - 1, most).round().astype(int)]


def paired_rows(x: Any, y: Any) -> tuple[Tensor, Tensor]:
    """Two sequences as unit rows: (n, d) and (m, d) float32.

    Raises:
        ValueError: no frames, or widths that differ.
    """
    a, b = as_unit_rows(x), as_unit_rows(y)
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1] or not len(a) or not len(b):
        raise ValueError(f"expected sequences (n, d) and (m, d) with frames, got {tuple(a.shape)} and {tuple(b.shape)}")
    return a, b


def as_unit_rows(x: Any) -> Tensor:
    """A sequence, tensor or array, as float32 rows of length 1; no gradient."""
    rows = x.detach().float() if isinstance(x, Tensor) else torch.from_numpy(np.array(x, dtype=np.float32))
    return unit_rows(rows)
