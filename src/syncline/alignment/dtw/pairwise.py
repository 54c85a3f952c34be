"""Soft-DTW and DTW between all sequences of a list, or of two lists; their lengths may differ."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from syncline.alignment.all_pairs import Matrices, table
from syncline.alignment.dtw.hard import dtw
from syncline.alignment.dtw.soft import soft_dtw
from syncline.alignment.similarity import squared_distances


def pairwise_soft_dtw(
    x: Sequence[Tensor],
    y: Sequence[Tensor] | None = None,
    *,
    gamma: float = 0.1,
    band: int | None = None,
    costs: Matrices = squared_distances,
    divergence: bool = False,
) -> Tensor:
    """`soft_dtw` of every sequence of x with every one of y.

    Args:
        x, y: sequences (n_i, d) and (m_j, d). Without y those of x with one another: each pair is computed once.
        gamma, band: as `soft_dtw`.
        costs: (b, n, d), (b, m, d) -> (b, n, m).
        divergence: subtract half of what the two cost with themselves: 0 for equal sequences, never negative with
            squared distances (see `soft_dtw_divergence`).

    Returns:
        (len(x), len(y)), differentiable in all sequences.

    Raises:
        TypeError, ValueError: as `soft_dtw`; no sequences, or widths that differ.

    Examples:
        >>> slow, fast = torch.linspace(0, 1, 9)[:, None], torch.linspace(0, 1, 5)[:, None]
        >>> pairwise_soft_dtw([slow, fast, -slow], gamma=0.01).argmin(dim=1).tolist()
        [0, 1, 2]
    """

    def values(cost: Tensor, lx: Tensor, ly: Tensor) -> Tensor:
        return soft_dtw(cost, gamma=gamma, lengths_x=lx, lengths_y=ly, band=band)

    found = table(values, x, y, costs)
    if not divergence:
        return found
    if y is None:
        own = torch.diagonal(found)
        return found - (own[:, None] + own[None]) / 2
    of_x, of_y = (
        torch.cat([table(values, [one], [one], costs).reshape(1) for one in sequences]) for sequences in (x, y)
    )
    return found - (of_x[:, None] + of_y[None]) / 2


def pairwise_dtw(
    x: Sequence[Tensor],
    y: Sequence[Tensor] | None = None,
    *,
    band: int | None = None,
    costs: Matrices = squared_distances,
) -> Tensor:
    """Cost of the cheapest warping path of every sequence of x with every one of y: (len(x), len(y)), no gradient.

    Args:
        x, y, band, costs: as `pairwise_soft_dtw`.

    Raises:
        TypeError, ValueError: as `dtw`; no sequences, or widths that differ.

    Examples:
        >>> slow, fast = torch.linspace(0, 1, 9)[:, None], torch.linspace(0, 1, 9)[::2, None]
        >>> pairwise_dtw([slow], [fast, slow])[0, 1].item()
        0.0
    """

    def values(cost: Tensor, lx: Tensor, ly: Tensor) -> Tensor:
        return cost.new_tensor([path.score for path in dtw(cost, lengths_x=lx, lengths_y=ly, band=band)])

    with torch.no_grad():
        return table(values, x, y, costs)
