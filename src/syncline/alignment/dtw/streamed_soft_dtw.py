"""Soft-DTW from embeddings, without storing the matrix of costs: for very long videos.

Costs are made for some rows at a time and forgotten. Of the values every 16th row is kept, n m / 16 numbers of float64;
on the way back the rows between are computed again from it, and its gradient is passed on to the embeddings.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function

from syncline.alignment.allowed_cells import check_band
from syncline.alignment.backend import choose_backend
from syncline.alignment.dtw import scalar
from syncline.alignment.dtw.kernel_tuples import Borders, Course
from syncline.alignment.dtw.soft import soft_dtw
from syncline.alignment.dtw.vector import vector_backend
from syncline.alignment.input_checks import Lengths, as_gamma, as_step_weights, learns, times
from syncline.alignment.lazy_matrix import ROWS, Gradients, Kind, Products, affine, cosines, pairs_of, squares
from syncline.errors import check_choice


def soft_dtw_streamed(
    x: Tensor,
    y: Tensor,
    *,
    cost: Kind = "squared",
    gamma: float | Tensor = 0.1,
    lengths_x: Lengths = None,
    lengths_y: Lengths = None,
    band: int | None = None,
    subsequence: bool = False,
    step_weights: Sequence[float] = (1.0, 1.0, 1.0),
) -> Tensor:
    """`soft_dtw` of the costs of two batches of embedded sequences, without their matrix; one pair after the other.

    Where the vector kernel does not run (no numba, a processor that lacks its instructions, a GPU, a transform of
    `torch.func`, an extreme gamma) the matrix is made after all, on the tensor's own device.

    Args:
        x, y: (b, n, d), (b, m, d). Differentiable once.
        cost: ``squared``, |x_i - y_j|^2 (expanded, so not exact for frames that nearly coincide), or ``cosine``,
            1 - cosine.
        gamma, lengths_x, lengths_y, band, subsequence, step_weights: as `soft_dtw`.

    Returns:
        (b,). Infinite where exactly one length is 0.

    Raises:
        TypeError, ValueError: as `soft_dtw`; embeddings that are not finite, an unknown cost.
        RuntimeError: a second derivative; `soft_dtw` has it.

    Examples:
        >>> x = torch.linspace(0, 1, 50).reshape(1, 50, 1)
        >>> round(soft_dtw_streamed(x, x[:, ::2], gamma=1e-3).item(), 2)
        -0.02
    """
    check_choice("cost", cost, Kind)
    course = Course(as_gamma(gamma.detach() if learns(gamma) else gamma), check_band(band),
                     as_step_weights(step_weights), subsequence)  # fmt: skip
    values = []
    for a, b in pairs_of(x, y, lengths_x, lengths_y):
        parts = squares(a, b) if cost == "squared" else affine(cosines(a, b), -1.0, 1.0)
        if not (len(a) and len(b) and _streams(a, course.gamma)):
            matrix = parts.row[:, None] + parts.column + parts.factor * parts.x @ parts.y.T
            options: Any = {"band": band, "subsequence": subsequence, "step_weights": course.weights}
            values.append(soft_dtw(matrix[None], gamma=gamma, **options)[0])
        elif learns(gamma):
            over = parts._replace(x=parts.x / gamma, row=parts.row / gamma, column=parts.column / gamma)
            values.append(times(_Value.apply(*over, course._replace(gamma=1.0)), gamma.reshape(())))
        else:
            values.append(_Value.apply(*parts, course))
    return torch.stack(values) if values else x.new_zeros(0)


def _streams(rows: Tensor, gamma: float) -> bool:
    if choose_backend(rows[None]) != "scalar":  # which means: through numba
        return False
    return vector_backend.kernel(gamma) is not scalar


def _down(parts: Products, course: Course) -> tuple[float, Borders]:
    from syncline.alignment.dtw.vector import sweeps

    n, m = len(parts.x), len(parts.y)
    borders, space = sweeps.borders_of(n, m, course.open_ends), sweeps.space_for(m)
    plain = tuple(course), tuple(borders), tuple(space)
    room = parts.room()
    for top in range(0, n, ROWS):
        matrix = parts.rows(top, *sweeps.columns_of(top, min(ROWS, n - top), n, m, course.band), out=room)
        if not sweeps.descend((matrix, top, n, m), *plain):
            raise ValueError("a cost of x and y is not finite: their embeddings are too large for their dtype")
    return float(sweeps.value_of(borders.edges, n, m, course)), borders


def _up(parts: Products, course: Course, value: float, borders: Borders) -> Gradients:
    from syncline.alignment.dtw.vector import sweeps
    from syncline.alignment.dtw.vector.strip import PADDING

    n, m = len(parts.x), len(parts.y)
    found, space, passed, ends = Gradients(parts), sweeps.space_for(m), np.zeros((2, m + PADDING)), np.zeros(m)
    sweeps.ends_of(borders.edges, n, m, course, value, ends)
    plain = tuple(course), course.weights, tuple(borders), tuple(space)
    room, posteriors = parts.room(), parts.room().numpy()
    for top in range((n - 1) // ROWS * ROWS, -1, -ROWS):
        first, last = sweeps.columns_of(top, min(ROWS, n - top), n, m, course.band)
        matrix = parts.rows(top, first, last, out=room)
        posterior = posteriors[: len(matrix)]
        posterior[:] = 0.0
        sweeps.ascend((matrix, top, n, m), *plain, ends, passed, posterior)
        found.add(top, posterior, first, last)
    return found


class _Value(Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, y: Tensor, row: Tensor, column: Tensor, factor: float, course: Course
    ) -> Tensor:  # fmt: skip
        value, borders = _down(Products(x, y, row, column, factor), course)
        ctx.save_for_backward(x, y, row, column)
        ctx.rest = factor, course, value, borders
        return x.new_tensor(value)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Any, ...]:
        return *_Gradient.apply(g, *ctx.saved_tensors, *ctx.rest), None, None


class _Gradient(Function):
    @staticmethod
    def forward(
        ctx: Any, g: Tensor, x: Tensor, y: Tensor, row: Tensor, column: Tensor, factor: float, course: Course,
        value: float, borders: Borders,
    ) -> tuple[Tensor, ...]:  # fmt: skip
        return _up(Products(x, y, row, column, factor), course, value, borders).times(g)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        raise RuntimeError("soft_dtw_streamed is differentiable once; for more call soft_dtw with the matrix")
