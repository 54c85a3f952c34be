"""Soft dynamic time warping (Cuturi and Blondel 2017): value, exact gradient, expected path, divergence.

    R[i,j] = C[i,j] - gamma log(exp(-R[i-1,j-1]/gamma) + exp(-R[i-1,j]/gamma) + exp(-R[i,j-1]/gamma)),  R[0,0] = 0
    value  = R[n,m];  the expected path P = d value / d C

With step weights w, what a step adds is w C. With open ends (``subsequence``) a path may begin in any cell of the first
row and end in any of the last, and the value is the soft minimum over all ends. On CPU through numba (`vector` or
`scalar`), on CUDA through Triton, else in plain PyTorch (`torch_backend`) on the tensor's own device.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function

from syncline.alignment.allowed_cells import as_mask, check_band, restricted
from syncline.alignment.backend import choose_backend
from syncline.alignment.batch_threads import in_slices
from syncline.alignment.dtw import scalar, torch_backend, triton_backend
from syncline.alignment.dtw.kernel_tuples import Course, Weights
from syncline.alignment.dtw.vector import vector_backend
from syncline.alignment.input_checks import (
    Lengths,
    as_gamma,
    as_lengths,
    as_matrix,
    as_step_weights,
    check_values,
    learns,
    times,
    valid_cells,
)
from syncline.alignment.similarity import squared_distances

_ONES = (1.0, 1.0, 1.0)
_NONE = np.zeros((0, 0, 0))


def soft_dtw(
    cost: Tensor,
    *,
    gamma: float | Tensor = 0.1,
    lengths_x: Lengths = None,
    lengths_y: Lengths = None,
    band: int | None = None,
    allowed: Tensor | None = None,
    subsequence: bool = False,
    step_weights: Sequence[float] = _ONES,
) -> Tensor:
    """Soft minimum over all warping paths of the sum of their costs, (b,); may be negative.

    Args:
        cost: (b, n, m), for instance squared distances. Infinity forbids a cell, with gradient 0. Differentiable twice
            (in plain PyTorch any number of times).
        gamma: temperature, > 0, in units of the cost; towards 0 the value is that of `dtw`. A tensor of one number may
            require grad.
        lengths_x, lengths_y: (b,) whole numbers; None: all. Where exactly one length is 0 the value is infinite.
        band: frames of the longer video that a path may leave the straight line (see `allowed_cells`); None: no limit.
            Through numba the time is in proportion to it.
        allowed: (n, m) or (b, n, m) bool, cells that a path may use; None: all.
        subsequence: the path may begin and end at any frame of the second video: the first is found inside the second.
        step_weights: by what the cost of a cell is multiplied when it is reached by a step in both videos, in the first
            alone, in the second alone; (2, 1, 1) is Sakoe and Chiba's symmetric form. The first cell counts as the
            first kind.

    Returns:
        (b,). Infinite, with zero gradient, where no path is allowed.

    Raises:
        TypeError: not a floating tensor, lengths or band not whole, a mask that is not of bool.
        ValueError: a shape, device, length, gamma, band or weight that does not fit; NaN or minus infinity among the
            costs, inside the lengths. The message names it.

    Examples:
        >>> import torch
        >>> round(soft_dtw(torch.tensor([[[0.0, 1.0], [1.0, 0.0]]]), gamma=0.1).item(), 6)
        -9e-06
    """
    if learns(gamma):
        matrix = times(as_matrix(cost, "cost"), _over(gamma))
        value = soft_dtw(
            matrix, gamma=1.0, lengths_x=lengths_x, lengths_y=lengths_y, band=band, allowed=allowed,
            subsequence=subsequence, step_weights=step_weights,
        )  # fmt: skip
        return times(value, gamma)
    matrix, lx, ly, course = _checked(cost, gamma, lengths_x, lengths_y, band, allowed, subsequence, step_weights)
    backend = choose_backend(matrix, triton_problem=triton_backend.why_not)
    if backend in ("torch", "triton"):
        cells, closed = _for_torch(matrix, lx, ly, course)
        if backend == "triton":
            return triton_backend.soft_value(cells, closed, course.gamma, lx, ly, course.weights, course.open_ends)
        return torch_backend.soft_value(
            cells, closed, course.gamma, lx, ly, course.weights, course.open_ends, matrix.new_zeros(())
        )
    result: Tensor = _Value.apply(matrix, lx, ly, course)
    return result


def expected_path(
    cost: Tensor,
    *,
    gamma: float | Tensor = 0.1,
    lengths_x: Lengths = None,
    lengths_y: Lengths = None,
    band: int | None = None,
    allowed: Tensor | None = None,
    subsequence: bool = False,
    step_weights: Sequence[float] = _ONES,
) -> Tensor:
    """Probability that the path runs through each cell, over all paths weighted by exp(-cost / gamma).

    With equal step weights it is the gradient of `soft_dtw`. Itself differentiable (once through numba). Every row
    within the lengths sums to at least 1, and so does every column unless the ends are open.

    Args:
        cost, gamma, lengths_x, lengths_y, band, allowed, subsequence, step_weights: as for `soft_dtw`.

    Returns:
        (b, n, m) in [0, 1]; 0 outside the lengths, in forbidden cells, and all over where no path is allowed.

    Raises:
        TypeError, ValueError: as `soft_dtw`.

    Examples:
        >>> import torch
        >>> expected_path(torch.tensor([[[0.0, 1.0], [1.0, 0.0]]])).round(decimals=3)[0].tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    if learns(gamma):
        cost, gamma = times(as_matrix(cost, "cost"), _over(gamma)), 1.0
    matrix, lx, ly, course = _checked(cost, gamma, lengths_x, lengths_y, band, allowed, subsequence, step_weights)
    backend = choose_backend(matrix, triton_problem=triton_backend.why_not)
    if backend in ("torch", "triton"):
        cells, closed = _for_torch(matrix, lx, ly, course)
        find = triton_backend.expected_path if backend == "triton" else torch_backend.expected_path
        return find(cells, closed, course.gamma, lx, ly, course.weights, course.open_ends)
    result: Tensor = _Path.apply(matrix, lx, ly, course)
    return result


def soft_dtw_divergence(
    x: Tensor, y: Tensor, *, gamma: float | Tensor = 0.1, lengths_x: Lengths = None, lengths_y: Lengths = None
) -> Tensor:
    """sdtw(x, y) - (sdtw(x, x) + sdtw(y, y)) / 2 on squared distances, (b,): 0 for equal sequences, never negative.

    The sequences may differ in length: padding is cut off by the lengths, and what it holds reaches no gradient.

    Args:
        x, y: (b, n, d), (b, m, d). Other arguments as `soft_dtw`.

    Raises:
        TypeError, ValueError: as `soft_dtw`.

    Examples:
        >>> import torch
        >>> x = torch.linspace(0, 1, 5).reshape(1, 5, 1)
        >>> soft_dtw_divergence(x, x).abs().item() < 1e-6
        True

    Source: Blondel, Mensch and Vert 2021, Differentiable divergences between time series.
    """
    x, y = _without_padding(x, "x", lengths_x), _without_padding(y, "y", lengths_y)
    both = soft_dtw(squared_distances(x, y), gamma=gamma, lengths_x=lengths_x, lengths_y=lengths_y)
    own_x = soft_dtw(squared_distances(x, x), gamma=gamma, lengths_x=lengths_x, lengths_y=lengths_x)
    own_y = soft_dtw(squared_distances(y, y), gamma=gamma, lengths_x=lengths_y, lengths_y=lengths_y)
    return both - (own_x + own_y) / 2


def _without_padding(sequences: Tensor, name: str, lengths: Lengths) -> Tensor:
    """Zeros in place of whatever lies beyond the lengths."""
    matrix = as_matrix(sequences, name)
    b, n, _ = matrix.shape
    own = as_lengths(lengths, f"lengths_{name}", b, n, matrix.device)
    inside = valid_cells(matrix, own, None)
    return matrix if inside is None else matrix.masked_fill(~inside, 0.0)


def _over(gamma: Tensor) -> Tensor:
    as_gamma(gamma.detach())
    return 1 / gamma


def _checked(
    cost: Tensor, gamma: float | Tensor, lengths_x: Lengths, lengths_y: Lengths, band: int | None,
    allowed: Tensor | None, subsequence: bool, step_weights: Sequence[float],
) -> tuple[Tensor, Tensor, Tensor, Course]:  # fmt: skip
    """The matrix with forbidden cells infinite, lengths (b,) always given, and the rest."""
    matrix = as_matrix(cost, "cost")
    b, n, m = matrix.shape
    lx = as_lengths(lengths_x, "lengths_x", b, n, matrix.device)
    ly = as_lengths(lengths_y, "lengths_y", b, m, matrix.device)
    matrix = restricted(matrix, torch.inf, -1, as_mask(allowed, matrix), None, None)
    whole = torch.ones(b, dtype=torch.int64, device=matrix.device)
    course = Course(as_gamma(gamma), check_band(band), as_step_weights(step_weights), subsequence)
    return matrix, whole * n if lx is None else lx, whole * m if ly is None else ly, course


def _for_torch(matrix: Tensor, lx: Tensor, ly: Tensor, course: Course) -> tuple[Tensor, Tensor]:
    """Finite costs, and which cells are closed: forbidden, outside the band or outside the lengths."""
    matrix = restricted(matrix, torch.inf, course.band, None, lx, ly)
    check_values(matrix, "cost", lx, ly, forbidden=torch.inf)
    inside = valid_cells(matrix, lx, ly)
    closed = matrix == torch.inf if inside is None else ~inside | (matrix == torch.inf)
    return matrix.masked_fill(closed, 0.0), closed


def _run(cost: Tensor, lx: Tensor, ly: Tensor, course: Course, out: Weights | None) -> tuple[Tensor, Tensor]:
    """Values (b,), and what `scalar.value_and_path` finds (b, n, m); without ``out`` empty."""
    c = cost.detach().contiguous()
    value = c.new_empty(c.shape[0])
    posterior = torch.zeros_like(c) if out is not None else c.new_empty(0, 0, 0)
    given = ((c.numpy(), lx.numpy(), ly.numpy()), tuple(course), out or _ONES)
    results = (value.numpy(), posterior.numpy())
    good: list[bool] = []
    kernel = vector_backend.kernel(course.gamma)
    in_slices(lambda i, j: good.append(kernel.value_and_path(*given, *results, i, j)), c.shape[0], c.numel())
    if not all(good):
        check_values(cost, "cost", lx, ly, forbidden=torch.inf)
    return value, posterior


def _run_tangent(
    cost: Tensor, lx: Tensor, ly: Tensor, course: Course, along: Weights, direction: Tensor
) -> tuple[Tensor, Tensor]:
    """The derivatives along a direction of values (b,) and of their gradient (b, n, m)."""
    c, t = cost.detach().contiguous(), direction.detach().contiguous()
    value, te = c.new_empty(c.shape[0]), torch.zeros_like(c)
    batch, moving = (c.numpy(), lx.numpy(), ly.numpy()), (t.numpy(), along)
    given = (batch, moving, tuple(course), course.weights, value.numpy(), te.numpy())
    in_slices(lambda i, j: scalar.tangent(*given, i, j), c.shape[0], c.numel())
    return value, te


class _Value(Function):
    @staticmethod
    def forward(ctx: Any, cost: Tensor, lx: Tensor, ly: Tensor, course: Course) -> Tensor:
        value, posterior = _run(cost, lx, ly, course, course.weights if ctx.needs_input_grad[0] else None)
        ctx.save_for_backward(cost, lx, ly, posterior)
        ctx.course = course
        return value

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Any, ...]:
        cost, lx, ly, posterior = ctx.saved_tensors
        return _Gradient.apply(cost, g, lx, ly, posterior, ctx.course), None, None, None


class _Gradient(Function):
    """g times the gradient of the value, which the forward pass found already."""

    @staticmethod
    def forward(ctx: Any, cost: Tensor, g: Tensor, lx: Tensor, ly: Tensor, posterior: Tensor, course: Course) -> Tensor:
        ctx.save_for_backward(cost, g, lx, ly)
        ctx.course = course
        return g[:, None, None] * posterior

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Any, ...]:
        cost, g, lx, ly = ctx.saved_tensors
        value, te = _Tangent.apply(cost, lx, ly, ctx.course, ctx.course.weights, upstream)
        return g[:, None, None] * te, value, None, None, None, None


class _Path(Function):
    @staticmethod
    def forward(ctx: Any, cost: Tensor, lx: Tensor, ly: Tensor, course: Course) -> Tensor:
        ctx.save_for_backward(cost, lx, ly)
        ctx.course = course
        return _run(cost, lx, ly, course, _ONES)[1]

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Any, ...]:
        cost, lx, ly = ctx.saved_tensors
        return _Tangent.apply(cost, lx, ly, ctx.course, _ONES, upstream)[1], None, None, None


class _Tangent(Function):
    """Not differentiable any further: that would silently be wrong, so it raises."""

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> tuple[Tensor, Tensor]:
        return _run_tangent(*inputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        raise RuntimeError("the compiled soft-DTW is differentiable twice; for more set SYNCLINE_ALIGNMENT=torch")
