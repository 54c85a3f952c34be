"""Similarities and costs of two embedding sequences, (b, n, d) and (b, m, d) -> (b, n, m), guarded against 0 / 0."""

from __future__ import annotations

from typing import Any, Literal, TypeVar, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from syncline.errors import check_choice

Similarity = Literal["cos", "inv_sq", "inv", "inv1p", "neg_sq", "gauss"]
Floating = TypeVar("Floating", bound="np.floating[Any]")
Centre = Literal["none", "const", "mean"]


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """||x_i - y_j||^2, never below 0. Small problems form the differences, 0 for equal rows; large ones expand."""
    if x.shape[-2] * y.shape[-2] * x.shape[-1] * x.shape[0] <= 1 << 22:
        return (x.unsqueeze(-2) - y.unsqueeze(-3)).square().sum(dim=-1)
    return expanded_squared_distances(x, y)


def expanded_squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """||x_i - y_j||^2 as |x|^2 + |y|^2 - 2 x . y, never below 0: much faster than differences, less exact near 0 (of
    rows of length 1 in float32 equal ones may have 1e-6).
    """
    square = x.square().sum(-1)[..., None] + y.square().sum(-1)[..., None, :] - 2 * x @ y.transpose(-1, -2)
    return square.clamp(min=0)


def distances(x: Tensor, y: Tensor) -> Tensor:
    """||x_i - y_j||; the gradient at 0 is 0."""
    square = squared_distances(x, y)
    apart = square > 0
    return torch.where(apart, square.where(apart, 1.0).sqrt(), 0.0)


@overload
def unit_rows(x: Tensor) -> Tensor: ...


@overload
def unit_rows(x: NDArray[Floating]) -> NDArray[Floating]: ...


def unit_rows(x: Any) -> Any:
    """Rows (the last axis) of length 1, of a tensor or an array.

    A row of zeros stays one, with the gradient of a row of length 1 (not 1e12 times it).
    """
    if isinstance(x, np.ndarray):
        lengths = np.linalg.norm(x, axis=-1, keepdims=True)
        return x / np.where(lengths > 1e-12, lengths, 1).astype(x.dtype)
    length: Tensor = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    return x / length.where(length > 1e-12, 1.0)


def cosine(x: Tensor, y: Tensor) -> Tensor:
    """cos(x_i, y_j); rows of zeros give 0."""
    return unit_rows(x) @ unit_rows(y).transpose(-1, -2)


def similarity_matrix(
    x: Tensor,
    y: Tensor,
    *,
    kind: Similarity = "cos",
    centre: Centre = "none",
    scale: float = 1.0,
    constant: float = 0.5,
    eps: float = 0.0,
    valid: Tensor | None = None,
) -> Tensor:
    """(similarity - c) / scale, with the forms of LAC (d = ||x_i - y_j||).

    Args:
        x, y: (b, n, d), (b, m, d).
        kind: ``cos``; ``inv_sq`` 1 / (d^2 + eps); ``inv`` 1 / (d + eps); ``inv1p`` 1 / (1 + d); ``neg_sq`` -d^2;
            ``gauss`` exp(-d^2). With ``eps=0`` the two singular forms are infinite where frames coincide, as
            published (of large problems only nearly, see `squared_distances`).
        centre: c: ``none`` 0; ``const`` ``constant``; ``mean`` the mean over each pair's valid cells, detached.
        scale: what one unit of the result is. valid: (b, n, m) bool; None: all.

    Raises:
        ValueError: an unknown kind or centre.
    """
    check_choice("kind", kind, Similarity)
    check_choice("centre", centre, Centre)
    if kind == "cos":
        matrix = cosine(x, y)
    elif kind == "inv_sq":
        matrix = 1 / (squared_distances(x, y) + eps)
    elif kind == "inv":
        matrix = 1 / (distances(x, y) + eps)
    elif kind == "inv1p":
        matrix = 1 / (1 + distances(x, y))
    elif kind == "neg_sq":
        matrix = -squared_distances(x, y)
    else:
        matrix = torch.exp(-squared_distances(x, y))
    if centre == "const":
        matrix = matrix - constant
    elif centre == "mean":
        matrix = matrix - mean_over_cells(matrix.detach(), valid)
    return matrix / scale


def mean_over_cells(matrix: Tensor, valid: Tensor | None = None) -> Tensor:
    """Mean of each pair's valid cells (None: of all), (b, 1, 1); 0 where there is none."""
    if valid is None:
        valid = torch.ones_like(matrix, dtype=torch.bool)
    weight = valid.to(matrix.dtype)
    total = (matrix.where(valid, 0.0)).sum(dim=(-2, -1), keepdim=True)
    return total / weight.sum(dim=(-2, -1), keepdim=True).clamp(min=1)
