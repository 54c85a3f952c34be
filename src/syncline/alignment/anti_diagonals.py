"""Skews matrices so that columns are anti-diagonals: a recursion can then compute many cells at once."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import pad


def skew(matrix: Tensor) -> Tensor:
    """(b, n, m) -> (b, n, n + m - 1) with row i moved right by i, so that column q is anti-diagonal q; 0 elsewhere."""
    b, n, m = matrix.shape
    return pad(matrix, (0, n)).reshape(b, n * (m + n))[:, : n * (m + n - 1)].reshape(b, n, m + n - 1)


def unskew(skewed: Tensor, m: int) -> Tensor:
    """The inverse of `skew`: (b, n, n + m - 1) -> (b, n, m)."""
    b, n, _ = skewed.shape
    return pad(skewed.reshape(b, -1), (0, n)).reshape(b, n, m + n)[:, :, :m]
