"""The DTW family in plain PyTorch, one anti-diagonal at a time; autograd gives every derivative.

    R[i,j] = soft minimum of R[i,j-1] + w3 C[i,j], R[i-1,j-1] + w1 C[i,j], R[i-1,j] + w2 C[i,j];  R[0,0] = 0

For machines without numba, for any device, for higher derivatives, and for GTA's own minimum (see `smooth`).
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from syncline.alignment.anti_diagonals import skew, unskew
from syncline.alignment.input_checks import in_transform

SmoothMin = Literal["prob", "soft", "hard"]
Weights = tuple[float, float, float]
BORDER = torch.finfo(torch.float32).max
"""GTA's border: finite, so that a difference of two is 0 and not NaN."""


def table(
    cost: Tensor, closed: Tensor, gamma: float, minimum: SmoothMin, weights: Weights, open_begin: bool, visit: Tensor
) -> Tensor:
    """R (b, n, m), infinite in cells that no path reaches.

    Args:
        cost: (b, n, m), finite. closed: (b, n, m) bool, cells that no path uses.
        weights: w1, w2, w3. open_begin: a path may begin in any cell of row 0.
        visit: (b, n, m), what a path pays besides at every cell whatever its step, or () for nothing.
    """
    b, n, m = cost.shape
    edge, border = cost.new_full((b, 1), BORDER), cost.new_full((b, n), BORDER)
    rows, diagonals = torch.arange(n, device=cost.device)[:, None], torch.arange(n + m - 1, device=cost.device)
    outside = ((rows > diagonals) | (rows <= diagonals - m)).unbind(dim=1)
    alike = weights == (1.0, 1.0, 1.0)
    steps = cost.new_tensor([weights[2], weights[0], weights[1]])[:, None, None]

    def above(cells: Tensor, corner: Tensor) -> Tensor:
        return torch.cat([corner, cells[:, :-1]], dim=1)

    before, last = border, border
    columns = []
    shut = skew(closed).unbind(dim=2)
    paid = skew(visit.expand(b, n, m)).unbind(dim=2) if visit.dim() else None
    for q, cells in enumerate(skew(cost).unbind(dim=2)):
        corner = torch.zeros_like(edge) if q == 0 or open_begin else edge
        neighbours = torch.stack([last, above(before, corner), above(last, edge)])
        if alike:
            here = cells + smooth_min(neighbours, gamma, minimum)
        else:
            here = smooth_min(neighbours + steps * cells, gamma, minimum)
        here = here if paid is None else here + paid[q]
        here = here.masked_fill(outside[q] | shut[q], BORDER).clamp(max=BORDER)
        columns.append(here)
        before, last = last, here
    whole = unskew(torch.stack(columns, dim=2), m)
    return whole.masked_fill(whole > BORDER / 2, torch.inf)


def smooth_min(neighbours: Tensor, gamma: float, minimum: SmoothMin) -> Tensor:
    """The minimum of three costs (3, ...): ``prob``, ``soft`` or ``hard`` (see `smooth`)."""
    if minimum == "hard":
        return neighbours.amin(dim=0)
    shifted = (neighbours.amin(dim=0, keepdim=True) - neighbours) / gamma
    if minimum == "soft":
        return neighbours.amin(dim=0) - gamma * torch.logsumexp(shifted, dim=0)
    # a border's weight is 0, but a gradient times the border may be infinite, and 0 times that is NaN
    border = neighbours > BORDER / 2
    mean = (torch.softmax(shifted, dim=0) * neighbours.masked_fill(border, 0.0)).sum(dim=0)
    return mean.masked_fill(border.all(dim=0), BORDER)


def soft_value(
    cost: Tensor, closed: Tensor, gamma: float, lx: Tensor, ly: Tensor, weights: Weights, open_ends: bool,
    visit: Tensor,
) -> Tensor:  # fmt: skip
    """Soft-DTW (b,), infinite where there is no path; lengths (b,). ``visit``: as `table`."""
    if not cost.numel():
        return _of_nothing(cost, lx, ly)
    r = table(cost, closed, gamma, "soft", weights, open_ends, visit)
    return value_of(r, cost, gamma, lx, ly, open_ends)


def _of_nothing(cost: Tensor, lx: Tensor, ly: Tensor) -> Tensor:
    """Values of pairs in which a sequence is empty: 0 if both are, else infinite."""
    return torch.where((lx == 0) & (ly == 0), 0.0, torch.inf).to(cost) + 0 * cost.sum(dim=(1, 2))


def value_of(r: Tensor, cost: Tensor, gamma: float, lx: Tensor, ly: Tensor, open_ends: bool) -> Tensor:
    """The values (b,) from the tables R of costs (b, n, m)."""
    nothing = _of_nothing(cost, lx, ly)
    if not cost.numel():
        return nothing
    b, _, m = cost.shape
    pairs = torch.arange(b, device=cost.device)
    ends = r[pairs, (lx - 1).clamp(min=0)]
    if open_ends:
        ends = ends.masked_fill(torch.arange(m, device=cost.device) >= ly[:, None], torch.inf)
        nowhere = (ends == torch.inf).all(dim=1)
        value = -gamma * torch.logsumexp(-ends.masked_fill(nowhere[:, None], 0.0) / gamma, dim=1)
        value = value.masked_fill(nowhere, torch.inf)
    else:
        value = ends.gather(1, (ly - 1).clamp(min=0)[:, None])[:, 0]
    empty = (lx == 0) | (ly == 0)
    return torch.where(empty, nothing, value)


def expected_path(
    cost: Tensor, closed: Tensor, gamma: float, lx: Tensor, ly: Tensor, weights: Weights, open_ends: bool
) -> Tensor:
    """How likely the path runs through each cell (b, n, m): the derivative in what a path pays at every cell."""

    def total(visit: Tensor) -> Tensor:
        value = soft_value(cost, closed, gamma, lx, ly, weights, open_ends, visit)
        return value.masked_fill(value == torch.inf, 0.0).sum()

    nothing = torch.zeros_like(cost)
    if not cost.numel():
        return nothing
    if in_transform():
        result: Tensor = torch.func.grad(total)(nothing)
        return result
    wanted = torch.is_grad_enabled() and cost.requires_grad
    with torch.enable_grad():
        (path,) = torch.autograd.grad(total(nothing.requires_grad_()), nothing, create_graph=wanted)
    return path
