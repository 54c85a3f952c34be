"""Soft dynamic time warping (Cuturi and Blondel 2017): value, exact gradient, expected path, divergence.

    R[i,j] = C[i,j] - gamma log(exp(-R[i-1,j-1]/gamma) + exp(-R[i-1,j]/gamma) + exp(-R[i,j-1]/gamma)),  R[0,0] = 0
    value  = R[n,m];  the expected path E = d value / d C

E is found by the adjoint sweep E[i,j] = sum over the three successors q of E[q] exp((R[q] - R[i,j] - C[q]) / gamma).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from syncline.alignment.compiled import compiled
from syncline.alignment.inputs import Lengths, as_gamma, as_lengths, as_matrix
from syncline.alignment.similarity import squared_distances
from syncline.alignment.threads import in_slices

Array = NDArray[Any]


@compiled
def _kernel(c: Array, lx: Array, ly: Array, gamma: float, value: Array, e: Array, start: int, stop: int) -> None:
    """Values into (b,), expected paths into ``e`` (b, n, m), which starts as zeros."""
    _, n, m = c.shape
    r = np.empty((n + 2, m + 2))
    back = np.empty((n + 2, m + 2))
    for p in range(start, stop):
        rows, columns = lx[p], ly[p]
        if rows == 0 or columns == 0:
            value[p] = 0.0 if rows == columns else np.inf
            continue
        r[0, :], r[:, 0] = np.inf, np.inf
        r[0, 0] = 0.0
        for i in range(1, rows + 1):
            for j in range(1, columns + 1):
                a, b, d = r[i - 1, j - 1], r[i - 1, j], r[i, j - 1]
                low = min(a, b, d)
                total = math.exp((low - a) / gamma) + math.exp((low - b) / gamma) + math.exp((low - d) / gamma)
                r[i, j] = c[p, i - 1, j - 1] + low - gamma * math.log(total)
        value[p] = r[rows, columns]
        back[: rows + 2, : columns + 2] = 0.0
        back[rows, columns] = 1.0
        for i in range(rows, 0, -1):
            for j in range(columns, 0, -1):
                g = back[i, j]
                here = r[i, j] - c[p, i - 1, j - 1]
                if i < rows and j < columns:
                    g += back[i + 1, j + 1] * math.exp((r[i + 1, j + 1] - c[p, i, j] - r[i, j]) / gamma)
                if i < rows:
                    g += back[i + 1, j] * math.exp((r[i + 1, j] - c[p, i, j - 1] - r[i, j]) / gamma)
                if j < columns:
                    g += back[i, j + 1] * math.exp((r[i, j + 1] - c[p, i - 1, j] - r[i, j]) / gamma)
                back[i, j] = g
                e[p, i - 1, j - 1] = g if here < np.inf else 0.0


def _value_and_path(cost: Tensor, gamma: float, lx: Tensor | None, ly: Tensor | None) -> tuple[Tensor, Tensor]:
    b, n, m = cost.shape
    here = cost.detach().cpu().contiguous()
    value, e = here.new_empty(b), torch.zeros_like(here)
    rows = torch.full((b,), n) if lx is None else lx.cpu()
    columns = torch.full((b,), m) if ly is None else ly.cpu()
    arrays = (here.numpy(), rows.numpy(), columns.numpy(), gamma, value.numpy(), e.numpy())
    in_slices(lambda start, stop: _kernel(*arrays, start, stop), b, b * n * m)
    return value.to(cost.device), e.to(cost.device)


class _SoftDTW(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, cost: Tensor, gamma: float, lx: Tensor | None, ly: Tensor | None) -> Tensor:
        value, e = _value_and_path(cost, gamma, lx, ly)
        ctx.save_for_backward(e)
        return value

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None, None, None]:
        (e,) = ctx.saved_tensors
        return g[:, None, None] * e, None, None, None


def soft_dtw(cost: Tensor, *, gamma: float = 0.1, lengths_x: Lengths = None, lengths_y: Lengths = None) -> Tensor:
    """Soft minimum over all warping paths of the sum of their costs, (b,); may be negative.

    Args:
        cost: (b, n, m), for instance squared distances. Differentiable once.
        gamma: temperature, > 0, in units of the cost; towards 0 the value is that of `dtw`.
        lengths_x, lengths_y: (b,) whole numbers; None: all. Where exactly one length is 0 the value is infinite.

    Raises:
        TypeError, ValueError: as `soft_smith_waterman`.

    Examples:
        >>> import torch
        >>> round(soft_dtw(torch.tensor([[[0.0, 1.0], [1.0, 0.0]]]), gamma=0.1).item(), 6)
        -9e-06
    """
    matrix = as_matrix(cost, "cost")
    b, n, m = matrix.shape
    lx = as_lengths(lengths_x, "lengths_x", b, n, matrix.device)
    ly = as_lengths(lengths_y, "lengths_y", b, m, matrix.device)
    result: Tensor = _SoftDTW.apply(matrix, as_gamma(gamma), lx, ly)
    return result


def expected_path(cost: Tensor, *, gamma: float = 0.1, lengths_x: Lengths = None, lengths_y: Lengths = None) -> Tensor:
    """Probability that the path runs through each cell, (b, n, m) in [0, 1]: the gradient of `soft_dtw`. No gradient.

    Every row and column within the lengths sums to at least 1.

    Args:
        cost: (b, n, m). gamma: temperature, > 0. lengths_x, lengths_y: (b,) whole numbers; None: all.

    Raises:
        TypeError, ValueError: as `soft_dtw`.
    """
    matrix = as_matrix(cost, "cost")
    b, n, m = matrix.shape
    lx = as_lengths(lengths_x, "lengths_x", b, n, matrix.device)
    ly = as_lengths(lengths_y, "lengths_y", b, m, matrix.device)
    return _value_and_path(matrix, as_gamma(gamma), lx, ly)[1]


def soft_dtw_divergence(
    x: Tensor, y: Tensor, *, gamma: float = 0.1, lengths_x: Lengths = None, lengths_y: Lengths = None
) -> Tensor:
    """sdtw(x, y) - (sdtw(x, x) + sdtw(y, y)) / 2 on squared distances, (b,): 0 for equal sequences, never negative.

    Args:
        x, y: (b, n, d), (b, m, d). Other arguments as `soft_dtw`.

    Source: Blondel, Mensch and Vert 2021, Differentiable divergences between time series.
    """
    both = soft_dtw(squared_distances(x, y), gamma=gamma, lengths_x=lengths_x, lengths_y=lengths_y)
    own_x = soft_dtw(squared_distances(x, x), gamma=gamma, lengths_x=lengths_x, lengths_y=lengths_x)
    own_y = soft_dtw(squared_distances(y, y), gamma=gamma, lengths_x=lengths_y, lengths_y=lengths_y)
    return both - (own_x + own_y) / 2
