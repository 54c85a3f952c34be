"""The smooth DTW of GTA (Hadji, Derpanis and Jepson 2021): the whole table R, differentiable by autograd.

    R[i,j] = C[i,j] + smooth minimum of n = (R[i,j-1], R[i-1,j-1], R[i-1,j]);  R[0,0] = 0, other borders very large

`prob` (GTA's own): sum of softmax(-n / gamma) n, which never undershoots the minimum; `soft`: -gamma log sum
exp(-n / gamma), as soft-DTW; `hard`: the minimum. One anti-diagonal at a time on (b, n) tensors.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from syncline.alignment.anti_diagonals import skew, unskew
from syncline.alignment.inputs import as_gamma, as_matrix

SmoothMin = Literal["prob", "soft", "hard"]
BORDER = torch.finfo(torch.float32).max
"""GTA's border: finite, so that a weight of exactly 0 times it is 0 and not NaN."""


def smooth_dtw(cost: Tensor, *, gamma: float = 0.1, minimum: SmoothMin = "prob") -> Tensor:
    """The table R without its border, (b, n, m); the value of the alignment of frames 0..i and 0..j stands at [i, j].

    With lengths, read the value at the last valid cell: cells only look back, so padding cannot reach it.

    Args:
        cost: (b, n, m). gamma: temperature, > 0. minimum: ``prob``, ``soft`` or ``hard``.

    Raises:
        TypeError, ValueError: as `soft_smith_waterman`; an unknown minimum.

    Examples:
        >>> import torch
        >>> smooth_dtw(torch.tensor([[[0.0, 1.0], [1.0, 0.0]]]), minimum="hard")[0].tolist()
        [[0.0, 1.0], [1.0, 0.0]]
    """
    matrix = as_matrix(cost, "cost")
    gamma = as_gamma(gamma)
    if minimum not in ("prob", "soft", "hard"):
        raise ValueError(f"minimum must be 'prob', 'soft' or 'hard', got {minimum!r}")
    b, n, m = matrix.shape
    if b == 0 or n == 0 or m == 0:
        return matrix
    edge = matrix.new_full((b, 1), BORDER)
    border = matrix.new_full((b, n), BORDER)
    rows, diagonals = torch.arange(n, device=matrix.device)[:, None], torch.arange(n + m - 1, device=matrix.device)
    outside = ((rows > diagonals) | (rows <= diagonals - m)).unbind(dim=1)

    def above(cells: Tensor, corner: Tensor) -> Tensor:
        return torch.cat([corner, cells[:, :-1]], dim=1)

    before, last = border, border
    columns = []
    for q, cells in enumerate(skew(matrix).unbind(dim=2)):
        corner = torch.zeros_like(edge) if q == 0 else edge
        neighbours = torch.stack([last, above(before, corner), above(last, edge)])
        here = cells + _smooth_min(neighbours, gamma, minimum)
        here = here.masked_fill(outside[q], BORDER)
        columns.append(here)
        before, last = last, here
    return unskew(torch.stack(columns, dim=2), m)


def _smooth_min(neighbours: Tensor, gamma: float, minimum: SmoothMin) -> Tensor:
    if minimum == "hard":
        return neighbours.amin(dim=0)
    shifted = (neighbours.amin(dim=0, keepdim=True) - neighbours) / gamma
    if minimum == "soft":
        return neighbours.amin(dim=0) - gamma * torch.logsumexp(shifted, dim=0)
    return (torch.softmax(shifted, dim=0) * neighbours).sum(dim=0)
