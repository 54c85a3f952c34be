"""The smooth DTW of GTA (Hadji, Derpanis and Jepson 2021): the whole table R, differentiable by autograd.

    R[i,j] = C[i,j] + smooth minimum of n = (R[i,j-1], R[i-1,j-1], R[i-1,j]);  R[0,0] = 0, other borders very large

`prob` (GTA's own): sum of softmax(-n / gamma) n, which never undershoots the minimum; `soft`: -gamma log sum
exp(-n / gamma), as soft-DTW; `hard`: the minimum. One anti-diagonal at a time on (b, n) tensors.
"""

from __future__ import annotations

import torch
from torch import Tensor

from syncline.alignment.dtw.torch_backend import SmoothMin, table
from syncline.alignment.input_checks import (
    Lengths,
    as_gamma,
    as_lengths,
    as_matrix,
    check_values,
    learns,
    times,
    valid_cells,
)
from syncline.errors import check_choice


def smooth_dtw(
    cost: Tensor,
    *,
    gamma: float | Tensor = 0.1,
    minimum: SmoothMin = "prob",
    lengths_x: Lengths = None,
    lengths_y: Lengths = None,
) -> Tensor:
    """The table R without its border, (b, n, m); the value of the alignment of frames 0..i and 0..j stands at [i, j].

    Args:
        cost: (b, n, m). Infinity forbids a cell. minimum: ``prob``, ``soft`` or ``hard``.
        gamma: temperature, > 0; a tensor of one number may require grad.
        lengths_x, lengths_y: (b,) whole numbers; None: all. The value of a pair stands at its last valid cell. Cells
            only look back, so padding of finite numbers cannot reach it without lengths either.

    Returns:
        R; infinite, with zero gradient, outside the lengths and in cells that no path reaches.

    Raises:
        TypeError, ValueError: as `soft_dtw`; an unknown minimum.

    Examples:
        >>> import torch
        >>> smooth_dtw(torch.tensor([[[0.0, 1.0], [1.0, 0.0]]]), minimum="hard")[0].tolist()
        [[0.0, 1.0], [1.0, 0.0]]
    """
    check_choice("minimum", minimum, SmoothMin)
    if learns(gamma):
        as_gamma(gamma.detach())
        matrix = times(as_matrix(cost, "cost"), 1 / gamma)
        return times(smooth_dtw(matrix, gamma=1.0, minimum=minimum, lengths_x=lengths_x, lengths_y=lengths_y), gamma)
    matrix = as_matrix(cost, "cost")
    temperature = as_gamma(gamma)
    b, n, m = matrix.shape
    lx = as_lengths(lengths_x, "lengths_x", b, n, matrix.device)
    ly = as_lengths(lengths_y, "lengths_y", b, m, matrix.device)
    if not matrix.numel():
        return matrix
    check_values(matrix, "cost", lx, ly, forbidden=torch.inf)
    inside = valid_cells(matrix, lx, ly)
    closed = matrix == torch.inf if inside is None else ~inside | (matrix == torch.inf)
    nothing = matrix.new_zeros(())
    return table(matrix.masked_fill(closed, 0.0), closed, temperature, minimum, (1.0, 1.0, 1.0), False, nothing)
