"""LAC's released soft Smith-Waterman (September 2024), with the defects of its backward pass: a slow, loop-written
reference.

The forward pass is the recursion at the head of `alignment.diagonal`. What its backward pass did otherwise:

- the weights of every soft maximum are softmax(arguments), not softmax(arguments / gamma): ``temperature=False``;
- gradients of the gaps are those of the cell to the right (open and extend in X) and below (in Y), and are not
  multiplied by the upstream gradient: ``shifted=True``.

That no gradient went through D is left to the caller (``detach``). The public operators are always exact.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from syncline.alignment.numba_compiled import compiled

Array = NDArray[Any]
NEVER = -np.inf


def released_soft_smith_waterman(
    similarity: Tensor,
    gap_open: Tensor,
    gap_extend: Tensor,
    *,
    gamma: float,
    lengths_x: Tensor,
    lengths_y: Tensor,
    temperature: bool = False,
    shifted: bool = True,
) -> tuple[Tensor, Tensor]:
    """(score (b,), D (b, n, m)), both with the released gradient.

    Args:
        similarity: (b, n, m). gap_open, gap_extend: broadcast with it. gamma: > 0. lengths_x, lengths_y: (b,).
        temperature: weights with 1 / gamma, as they should be. shifted: the released gradient of the gaps.

    Examples:
        >>> s, one, full = torch.zeros(1, 2, 2), torch.ones(()), torch.tensor([2])
        >>> score, _ = released_soft_smith_waterman(s, one, one, gamma=1.0, lengths_x=full, lengths_y=full)
        >>> round(score.item(), 4)
        1.6094
    """
    go, ge = gap_open.expand_as(similarity), gap_extend.expand_as(similarity)
    result: tuple[Tensor, Tensor] = _Released.apply(
        similarity, go, ge, gamma, lengths_x, lengths_y, gamma if temperature else 1.0, shifted
    )
    return result


class _Released(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, s: Tensor, go: Tensor, ge: Tensor, gamma: float, lx: Tensor, ly: Tensor, t: float, shifted: bool
    ) -> tuple[Tensor, Tensor]:
        score, d = np.full(len(s), NEVER), np.full(tuple(s.shape), NEVER)
        arrays = [_array(part) for part in (s, go, ge)]
        _forward(*arrays, gamma, lx.cpu().numpy(), ly.cpu().numpy(), score, d)
        ctx.save_for_backward(s, go, ge, lx, ly)
        ctx.options = gamma, t, shifted
        return torch.from_numpy(score).to(s), torch.from_numpy(d).to(s)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, g: Tensor, upstream: Tensor) -> tuple[Any, ...]:
        s, go, ge, lx, ly = ctx.saved_tensors
        gamma, t, shifted = ctx.options
        arrays = (*[_array(part) for part in (s, go, ge)], gamma, t, lx.cpu().numpy(), ly.cpu().numpy())
        nothing = np.zeros(tuple(s.shape))
        ds, dgo, dge = nothing.copy(), nothing.copy(), nothing.copy()
        _gradient(*arrays, _array(g), _array(upstream), False, ds, dgo, dge)
        if shifted:
            dgo, dge = nothing.copy(), nothing.copy()
            _gradient(*arrays, np.ones(len(s)), nothing, True, nothing.copy(), dgo, dge)
        gradients = [torch.from_numpy(part).to(s) for part in (ds, dgo, dge)]
        return *gradients, None, None, None, None, None


def _array(tensor: Tensor) -> Array:
    return tensor.detach().cpu().contiguous().numpy().astype(np.float64)


@compiled
def _soft_max(a: float, b: float, c: float, e: float, gamma: float) -> float:
    """gamma log of the sum of exp(argument / gamma)."""
    high = max(a, b, c, e)
    if high == NEVER:
        return NEVER
    total = math.exp((a - high) / gamma) + math.exp((b - high) / gamma)
    return high + gamma * math.log(total + math.exp((c - high) / gamma) + math.exp((e - high) / gamma))


@compiled
def _weight(part: float, a: float, b: float, c: float, e: float, t: float) -> float:
    """Weight of ``part`` in softmax((a, b, c, e) / t); 0 where all are forbidden."""
    whole = _soft_max(a, b, c, e, t)
    return 0.0 if part == NEVER or whole == NEVER else math.exp((part - whole) / t)


@compiled
def _fill(s: Array, go: Array, ge: Array, gamma: float, n: int, m: int) -> Array:
    """D, X, Y as (3, n + 2, m + 2), cell (i, j) of the matrix at [i + 1, j + 1]; minus infinity around."""
    table = np.full((3, n + 2, m + 2), NEVER)
    d, x, y = table[0], table[1], table[2]
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            o, e = go[i - 1, j - 1], ge[i - 1, j - 1]
            d[i, j] = s[i - 1, j - 1] + _soft_max(0.0, d[i - 1, j - 1], x[i - 1, j - 1], y[i - 1, j - 1], gamma)
            x[i, j] = _soft_max(d[i, j - 1] - o, x[i, j - 1] - e, NEVER, NEVER, gamma)
            y[i, j] = _soft_max(d[i - 1, j] - o, x[i - 1, j] - o, y[i - 1, j] - e, NEVER, gamma)
    return table


@compiled
def _total(d: Array, n: int, m: int, t: float) -> float:
    """The soft maximum of all cells."""
    total = NEVER
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            total = _soft_max(total, d[i, j], NEVER, NEVER, t)
    return total


@compiled
def _forward(
    s: Array, go: Array, ge: Array, gamma: float, lx: Array, ly: Array, score: Array, prefix: Array
) -> None:  # fmt: skip
    for p in range(len(s)):
        n, m = lx[p], ly[p]
        table = _fill(s[p], go[p], ge[p], gamma, n, m)
        score[p] = _total(table[0], n, m, gamma)
        prefix[p, :n, :m] = table[0, 1 : n + 1, 1 : m + 1]


@compiled
def _gradient(
    s: Array, go: Array, ge: Array, gamma: float, t: float, lx: Array, ly: Array, g: Array, upstream: Array,
    shifted: bool, ds: Array, dgo: Array, dge: Array,
) -> None:  # fmt: skip
    """Adds the gradients of sum(g score) + sum(upstream D) with weights at temperature t."""
    for p in range(len(s)):
        n, m = lx[p], ly[p]
        table = _fill(s[p], go[p], ge[p], gamma, n, m)
        d, x, y = table[0], table[1], table[2]
        whole = _total(d, n, m, t)
        adjoint = np.zeros((3, n + 2, m + 2))
        for i in range(n, 0, -1):
            for j in range(m, 0, -1):
                # what this cell's D, X, Y receive has been added by the cells after it
                ed = adjoint[0, i, j] + upstream[p, i - 1, j - 1] + g[p] * math.exp((d[i, j] - whole) / t)
                ex, ey = adjoint[1, i, j], adjoint[2, i, j]
                ds[p, i - 1, j - 1] = ed
                a, b, c = d[i - 1, j - 1], x[i - 1, j - 1], y[i - 1, j - 1]
                adjoint[0, i - 1, j - 1] += ed * _weight(a, 0.0, a, b, c, t)
                adjoint[1, i - 1, j - 1] += ed * _weight(b, 0.0, a, b, c, t)
                adjoint[2, i - 1, j - 1] += ed * _weight(c, 0.0, a, b, c, t)
                o, e = go[p, i - 1, j - 1], ge[p, i - 1, j - 1]
                a, b = d[i, j - 1] - o, x[i, j - 1] - e
                x_open, x_extend = ex * _weight(a, a, b, NEVER, NEVER, t), ex * _weight(b, a, b, NEVER, NEVER, t)
                adjoint[0, i, j - 1] += x_open
                adjoint[1, i, j - 1] += x_extend
                a, b, c = d[i - 1, j] - o, x[i - 1, j] - o, y[i - 1, j] - e
                from_d, from_x = ey * _weight(a, a, b, c, NEVER, t), ey * _weight(b, a, b, c, NEVER, t)
                y_extend = ey * _weight(c, a, b, c, NEVER, t)
                adjoint[0, i - 1, j] += from_d
                adjoint[1, i - 1, j] += from_x
                adjoint[2, i - 1, j] += y_extend
                column = j - 2 if shifted else j - 1  # the cell to the left gets what belongs to this one
                row = i - 2 if shifted else i - 1
                if column >= 0:
                    dgo[p, i - 1, column] -= x_open
                    dge[p, i - 1, column] -= x_extend
                if row >= 0:
                    dgo[p, row, j - 1] -= from_d + from_x
                    dge[p, row, j - 1] -= y_extend
