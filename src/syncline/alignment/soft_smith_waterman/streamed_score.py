"""The soft Smith-Waterman from embeddings, without storing their similarities: for very long videos.

Similarities are made for some rows at a time and forgotten. Every 64th row of the recursion is kept, 3 n m / 64 numbers
of float32; on the way back the rows between are computed again from it, and their gradient is passed on to the
embeddings.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function

from syncline.alignment.backend import choose_backend
from syncline.alignment.input_checks import Lengths, as_gamma, learns, times
from syncline.alignment.lazy_matrix import ROWS, Gradients, Kind, Products, affine, cosines, pairs_of, squares
from syncline.alignment.soft_smith_waterman.operators import soft_smith_waterman
from syncline.alignment.soft_smith_waterman.vector import vector_backend
from syncline.alignment.soft_smith_waterman.vector.one_pair import OnePair, in_range
from syncline.errors import check_choice


def soft_smith_waterman_streamed(
    x: Tensor,
    y: Tensor,
    *,
    similarity: Kind = "cosine",
    constant: float = 0.0,
    scale: float = 1.0,
    gap_open: float | Tensor = 1.0,
    gap_extend: float | Tensor = 0.5,
    gamma: float | Tensor = 1.0,
    lengths_x: Lengths = None,
    lengths_y: Lengths = None,
) -> Tensor:
    """`soft_smith_waterman` of two batches of embedded sequences, without the matrix; one pair after the other.

    Where the vector kernel does not serve (float64, no numba, a processor that lacks its instructions, a GPU, a
    transform of `torch.func`, numbers out of its range) the matrix is made after all, on the tensor's own device.

    Args:
        x, y: (b, n, d), (b, m, d). Differentiable once, as are gaps and gamma that require grad.
        similarity: ``cosine``, or ``squared``: -|x_i - y_j|^2. Taken as (that - ``constant``) / ``scale``.
        gap_open, gap_extend: price of the first and of each further skipped frame: a number, or (b,).
        gamma, lengths_x, lengths_y: as `soft_smith_waterman`.

    Returns:
        score (b,); minus infinity for a pair with a length of 0.

    Raises:
        TypeError, ValueError: as `soft_smith_waterman`; embeddings that are not finite, an unknown similarity, a scale
            that is not above 0.
        RuntimeError: a second derivative; `soft_smith_waterman` has it.

    Examples:
        >>> x = torch.eye(6)[None]
        >>> round(soft_smith_waterman_streamed(x, x[:, 2:], scale=0.5, gamma=0.1).item(), 2)
        8.0
    """
    check_choice("similarity", similarity, Kind)
    if not scale > 0:
        raise ValueError(f"scale must be above 0, got {scale}")
    as_gamma(gamma.detach() if learns(gamma) else gamma)
    pairs = pairs_of(x, y, lengths_x, lengths_y)
    opens, extends = (
        _prices(gap, name, len(pairs), x) for gap, name in ((gap_open, "gap_open"), (gap_extend, "gap_extend"))
    )
    scores = []
    for (a, b), go, ge in zip(pairs, opens, extends, strict=True):
        parts = cosines(a, b) if similarity == "cosine" else affine(squares(a, b), -1.0, 0.0)
        scores.append(_score(affine(parts, 1 / scale, -constant / scale), go, ge, gamma))
    return torch.stack(scores) if scores else x.new_zeros(0)


def _prices(gap: float | Tensor, name: str, b: int, x: Tensor) -> list[Tensor]:
    """One price a pair, of no axis.

    Raises:
        TypeError, ValueError: not a number or (b,), or not finite.
    """
    price = torch.as_tensor(gap, device=x.device)
    if price.dim() > 1 or (price.dim() == 1 and len(price) != b):
        raise ValueError(f"{name} must be a number or of shape (b,) = ({b},), got shape {tuple(price.shape)}")
    if not bool(price.detach().isfinite().all()):
        raise ValueError(f"{name} must be finite, got {gap}")
    return list(price.to(x.dtype if x.dtype == torch.float64 else torch.float32).expand(b))


def _score(parts: Products, go: Tensor, ge: Tensor, gamma: float | Tensor) -> Tensor:
    if learns(gamma):
        over = parts._replace(x=parts.x / gamma, row=parts.row / gamma, column=parts.column / gamma)
        return times(_score(over, go / gamma.reshape(()), ge / gamma.reshape(()), 1.0), gamma.reshape(()))
    temperature = as_gamma(gamma)
    n, m = len(parts.x), len(parts.y)
    if n and m and choose_backend(parts.x[None], vector_problem=vector_backend.why_not) == "vector":
        prices = go.item(), ge.item(), temperature
        pair = OnePair(n, m, *prices, rows=ROWS) if in_range(*prices) else None
        if pair is not None and _down(parts.detached(), pair):
            value = temperature * math.log(2.0) * pair.whole
            result: Tensor = _Score.apply(*parts, go, ge, pair, value)
            return result
    matrix = parts.row[:, None] + parts.column + parts.factor * parts.x @ parts.y.T
    return soft_smith_waterman(matrix[None], gap_open=go, gap_extend=ge, gamma=gamma)[0]


def _down(parts: Products, pair: OnePair) -> bool:
    n, m = len(parts.x), len(parts.y)
    return all(
        pair.down(parts.rows(top, 0, m).reshape(-1), m, top, min(n, top + ROWS)) for top in range(0, n, ROWS)
    )  # fmt: skip


def _up(parts: Products, pair: OnePair, g: float) -> Gradients:
    n, m = len(parts.x), len(parts.y)
    found = Gradients(parts)
    for top in range((n - 1) // ROWS * ROWS, -1, -ROWS):
        s = parts.rows(top, 0, m)
        ds = np.zeros_like(s)
        pair.up(s.reshape(-1), m, top, min(n, top + ROWS), g, ds.reshape(-1))
        found.add(top, ds, 0, m)
    return found


class _Score(Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, y: Tensor, row: Tensor, column: Tensor, factor: float, go: Tensor, ge: Tensor,
        pair: OnePair, value: float,
    ) -> Tensor:  # fmt: skip
        ctx.save_for_backward(x, y, row, column, go, ge)
        ctx.rest = factor, pair
        return x.new_tensor(value)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Any, ...]:
        x, y, row, column, go, ge = _Gradient.apply(g, *ctx.saved_tensors, *ctx.rest)
        return x, y, row, column, None, go, ge, None, None


class _Gradient(Function):
    @staticmethod
    def forward(
        ctx: Any, g: Tensor, x: Tensor, y: Tensor, row: Tensor, column: Tensor, go: Tensor, ge: Tensor, factor: float,
        pair: OnePair,
    ) -> tuple[Tensor, ...]:  # fmt: skip
        found = _up(Products(x, y, row, column, factor), pair, 1.0)
        return *found.times(g), g * go.new_tensor(pair.gaps[0]), g * ge.new_tensor(pair.gaps[1])

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        raise RuntimeError(
            "soft_smith_waterman_streamed is differentiable once; for more call soft_smith_waterman with the matrix"
        )
