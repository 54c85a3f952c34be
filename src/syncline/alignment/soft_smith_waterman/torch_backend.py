"""The affine-gap soft Smith-Waterman in plain PyTorch, one anti-diagonal at a time; autograd gives every derivative.

The path for machines without numba, for any device, and for higher derivatives. With max^g(u) = g log sum exp(u/g):

    D[i,j]  = S[i,j] + max^g(0, D[i-1,j-1], X[i-1,j-1], Y[i-1,j-1])
    X[i,j]  = max^g(D[i,j-1] - go[i,j], X[i,j-1] - ge[i,j])
    Y[i,j]  = max^g(D[i-1,j] - go[i,j], X[i-1,j] - go[i,j], Y[i-1,j] - ge[i,j])
    score   = max^g over all cells of D

X enters Y but not the other way round, so a gap in both videos is counted in one order only. Cells of one
anti-diagonal i + j = q depend on the two before it alone, which makes n + m - 1 steps on (b, n) tensors.
A large finite number stands for minus infinity inside, so that a forbidden cell has gradient 0 and not NaN; of the
similarities those of minus infinity forbid their match.
"""

from __future__ import annotations

import torch
from torch import Tensor

from syncline.alignment.anti_diagonals import skew, unskew
from syncline.alignment.input_checks import check_values, in_transform, valid_cells


def floor_of(dtype: torch.dtype, gamma: float) -> float:
    """The number used for minus infinity in a recursion of this dtype: its exponential is 0."""
    return -min(1e30 * gamma, 1e-8 * torch.finfo(dtype).max)


def score_and_scores(
    similarity: Tensor,
    gap_open: Tensor,
    gap_extend: Tensor,
    gamma: float,
    lengths_x: Tensor | None = None,
    lengths_y: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """score (b,) and D (b, n, m) of checked inputs (see `input_checks`).

    Minus infinity outside the lengths and of forbidden cells, and the score where there is nothing else. Gaps broadcast
    with (b, n, m). Differentiable in all tensors any number of times.
    """
    b, n, m = similarity.shape
    if b == 0 or n == 0 or m == 0:
        nothing = _nothing(gap_open, gap_extend)
        return similarity.sum(dim=(1, 2)) + nothing - torch.inf, similarity + nothing
    inside = valid_cells(similarity, lengths_x, lengths_y)
    check_values(
        similarity, "similarity", lengths_x, lengths_y, forbidden=-torch.inf,
        gaps={"gap_open": gap_open, "gap_extend": gap_extend},
    )  # fmt: skip
    closed = similarity == -torch.inf
    if inside is not None:  # what padding holds, be it NaN, must not reach a gradient
        closed = closed | ~inside
        gap_open = gap_open.expand(b, n, m).masked_fill(~inside, 0.0)
        gap_extend = gap_extend.expand(b, n, m).masked_fill(~inside, 0.0)
    scores = unskew(_sweep(similarity.masked_fill(closed, 0.0), closed, gap_open, gap_extend, gamma), m)
    scores = scores.masked_fill(closed, -torch.inf)
    nowhere = closed.flatten(1).all(dim=1)  # the logarithm of an empty sum has no derivative
    score = gamma * torch.logsumexp(scores.flatten(1).masked_fill(nowhere[:, None], 0.0) / gamma, dim=1)
    return score.masked_fill(nowhere, -torch.inf), scores


def _nothing(gap_open: Tensor, gap_extend: Tensor) -> Tensor:
    """0, with gradients of 0; NaN of padding stays there."""
    return (0 * gap_open.nan_to_num()).sum() + (0 * gap_extend.nan_to_num()).sum()


def _sweep(similarity: Tensor, closed: Tensor, gap_open: Tensor, gap_extend: Tensor, gamma: float) -> Tensor:
    """D, skewed: (b, n, n + m - 1); what lies outside the matrix is arbitrary but finite."""
    b, n, m = similarity.shape
    floor = floor_of(similarity.dtype, gamma)
    opens = _diagonals(gap_open, n, m)
    extends = _diagonals(gap_extend, n, m)
    nothing = similarity.new_full((b, n), floor)
    zero = similarity.new_zeros((b, n))
    edge = similarity.new_full((b, 1), floor)
    rows = torch.arange(n, device=similarity.device)
    closed = skew(closed)

    def above(cells: Tensor) -> Tensor:
        """Row i - 1 instead of row i."""
        return torch.cat([edge, cells[:, :-1]], dim=1)

    def soft_max(*terms: Tensor) -> Tensor:
        return gamma * torch.logsumexp(torch.stack(terms) / gamma, dim=0)

    d_before = d_last = x_before = x_last = y_before = y_last = nothing
    columns = []
    for q, cells in enumerate(skew(similarity).unbind(dim=2)):
        go, ge = opens[q], extends[q]
        d = cells + soft_max(zero, above(d_before), above(x_before), above(y_before))
        x = soft_max(d_last - go, x_last - ge)
        y = soft_max(above(d_last) - go, above(x_last) - go, above(y_last) - ge)
        outside = (rows > q) | (rows <= q - m)  # such cells must look like the border to their successors
        d = d.masked_fill(outside | closed[:, :, q], floor)
        x = x.masked_fill(outside, floor).clamp(min=floor)  # gaps are taken off the floor again and again
        y = y.masked_fill(outside, floor).clamp(min=floor)
        columns.append(d)
        d_before, d_last, x_before, x_last, y_before, y_last = d_last, d, x_last, x, y_last, y
    return torch.stack(columns, dim=2)


def _diagonals(gap: Tensor, n: int, m: int) -> list[Tensor]:
    """One tensor an anti-diagonal that broadcasts with (b, n); the same one every time for a gap without positions."""
    if gap.shape[1] == 1 and gap.shape[2] == 1:
        return [gap[:, :, 0]] * (n + m - 1)
    return list(skew(gap.expand(gap.shape[0], n, m)).unbind(dim=2))


def posterior(
    similarity: Tensor,
    gap_open: Tensor,
    gap_extend: Tensor,
    gamma: float,
    lengths_x: Tensor | None = None,
    lengths_y: Tensor | None = None,
) -> Tensor:
    """d score / d similarity, (b, n, m), of checked inputs; itself differentiable where an input asks for it."""
    if not similarity.numel():
        return similarity + _nothing(gap_open, gap_extend)

    def total(matrix: Tensor) -> Tensor:
        score, _ = score_and_scores(matrix, gap_open, gap_extend, gamma, lengths_x, lengths_y)
        return score.masked_fill(score == -torch.inf, 0.0).sum()

    if in_transform():
        result: Tensor = torch.func.grad(total)(similarity)
        return result
    wanted = torch.is_grad_enabled() and any(t.requires_grad for t in (similarity, gap_open, gap_extend))
    with torch.enable_grad():
        leaf = similarity if similarity.requires_grad else similarity.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(total(leaf), leaf, create_graph=wanted)
    return gradient
