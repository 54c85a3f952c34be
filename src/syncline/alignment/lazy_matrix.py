"""Matrices of similarities or costs that are computed a few rows at a time, from embeddings.

    C[i,j] = row[i] + column[j] + factor x[i] . y[j]

Cosines and squared distances are of that form, so an operator that goes through a matrix row by row needs no more of it
in memory than `ROWS` rows, and its gradient reaches the embeddings by as many.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import torch
from numpy.typing import NDArray
from torch import Tensor

from syncline.alignment.input_checks import Lengths, as_lengths, in_transform
from syncline.alignment.similarity import unit_rows

Kind = Literal["cosine", "squared"]
ROWS = 64


class Products(NamedTuple):
    """The parts of a matrix (n, m): x (n, d), y (m, d), row (n,), column (m,)."""

    x: Tensor
    y: Tensor
    row: Tensor
    column: Tensor
    factor: float

    def detached(self) -> Products:
        """The same without gradients."""
        return Products(
            self.x.detach(), self.y.detach(), self.row.detach(), self.column.detach(), self.factor
        )  # fmt: skip

    def rows(self, top: int, first: int, last: int, *, out: Tensor | None = None) -> NDArray[Any]:
        """`ROWS` rows, fewer at the end, from row ``top``: columns first to last, what is beside them arbitrary.

        ``out``: (ROWS, m), where they are written, if there is one.
        """
        x = self.x[top : top + ROWS]
        matrix = x.new_empty(len(x), len(self.y)) if out is None else out[: len(x)]
        part = matrix[:, first:last]
        torch.mm(x, self.y[first:last].T, out=part)
        part.mul_(self.factor).add_(self.column[first:last]).add_(self.row[top : top + ROWS, None])
        array: NDArray[Any] = matrix.numpy()
        return array

    def room(self) -> Tensor:
        """For `rows` to write to."""
        return self.x.new_empty(ROWS, len(self.y))


class Gradients:
    """The gradient in the parts of a matrix, from that in the matrix, a few rows at a time."""

    def __init__(self, parts: Products) -> None:
        self.parts = parts
        self.x, self.y = torch.zeros_like(parts.x), torch.zeros_like(parts.y)
        self.row, self.column = torch.zeros_like(parts.row), torch.zeros_like(parts.column)

    def add(self, top: int, gradient: NDArray[Any], first: int, last: int) -> None:
        """Adds the gradient of the rows from ``top`` on; it is 0 outside columns first to last."""
        e = torch.from_numpy(gradient)[:, first:last]
        here, columns, factor = slice(top, top + ROWS), slice(first, last), self.parts.factor
        torch.mm(e, self.parts.y[columns], out=self.x[here]).mul_(factor)
        self.y[columns].addmm_(e.T, self.parts.x[here], alpha=factor)
        self.row[here] = e.sum(dim=1)
        self.column[columns] += e.sum(dim=0)

    def times(self, g: Tensor) -> tuple[Tensor, ...]:
        """x, y, row and column, each times the gradient of the result; in place, so once."""
        return self.x.mul_(g), self.y.mul_(g), self.row.mul_(g), self.column.mul_(g)


def cosines(x: Tensor, y: Tensor) -> Products:
    """cos(x_i, y_j); rows of zeros give 0."""
    return Products(unit_rows(x), unit_rows(y), x.new_zeros(len(x)), y.new_zeros(len(y)), 1.0)


def squares(x: Tensor, y: Tensor) -> Products:
    """||x_i - y_j||^2, to rounding (of rows that nearly coincide it may be a little below 0)."""
    return Products(x, y, x.square().sum(dim=1), y.square().sum(dim=1), -2.0)


def affine(parts: Products, factor: float, constant: float) -> Products:
    """factor C + constant."""
    return parts._replace(row=factor * parts.row + constant, column=factor * parts.column, factor=factor * parts.factor)


def pairs_of(x: Tensor, y: Tensor, lengths_x: Lengths, lengths_y: Lengths) -> list[tuple[Tensor, Tensor]]:
    """The two sequences of each pair without padding.

    Raises:
        TypeError: not floating tensors.
        ValueError: shapes, devices or lengths that do not fit; NaN or infinity, where values can be looked at.
    """
    for name, sequences in (("x", x), ("y", y)):
        if not isinstance(sequences, Tensor) or not sequences.is_floating_point():
            raise TypeError(f"{name} must be a floating tensor of shape (b, frames, d)")
    if x.dim() != 3 or y.dim() != 3 or x.shape[0] != y.shape[0] or x.shape[2] != y.shape[2]:
        raise ValueError(f"x and y must have shapes (b, n, d) and (b, m, d), got {tuple(x.shape)} and {tuple(y.shape)}")
    if x.device != y.device or x.dtype != y.dtype:
        raise ValueError(f"x is {x.dtype} on {x.device}, y {y.dtype} on {y.device}: give both alike")
    b, n, _ = x.shape
    lx = as_lengths(lengths_x, "lengths_x", b, n, torch.device("cpu"))
    ly = as_lengths(lengths_y, "lengths_y", b, y.shape[1], torch.device("cpu"))
    pairs = []
    for p in range(b):
        pair = x[p, : n if lx is None else int(lx[p])], y[p, : y.shape[1] if ly is None else int(ly[p])]
        for name, rows in zip("xy", pair, strict=True):
            if not in_transform() and not bool(rows.isfinite().all()):
                frame = int((~rows.isfinite()).any(dim=1).nonzero()[0, 0])
                raise ValueError(f"{name} must be finite, got NaN or infinity in frame {frame} of pair {p}")
        pairs.append((pair[0].float(), pair[1].float()) if x.dtype in (torch.float16, torch.bfloat16) else pair)
    return pairs
