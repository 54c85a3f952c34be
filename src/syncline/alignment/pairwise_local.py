"""Local alignment between all sequences of a list, or of two lists; their lengths may differ (DTW: `dtw.pairwise`)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from syncline.alignment.all_pairs import Matrices, table
from syncline.alignment.hard import smith_waterman
from syncline.alignment.similarity import cosine
from syncline.alignment.soft_smith_waterman import soft_smith_waterman


def pairwise_soft_smith_waterman(
    x: Sequence[Tensor],
    y: Sequence[Tensor] | None = None,
    *,
    gap_open: float | Tensor = 1.0,
    gap_extend: float | Tensor = 0.5,
    gamma: float | Tensor = 1.0,
    band: int | None = None,
    similarities: Matrices = cosine,
) -> Tensor:
    """`soft_smith_waterman` of every sequence of x with every one of y.

    Args:
        x, y: sequences (n_i, d) and (m_j, d). Without y those of x with one another: each pair is computed once.
        gap_open, gap_extend: prices, numbers or tensors of one number. gamma, band: as `soft_smith_waterman`.
        similarities: (b, n, d), (b, m, d) -> (b, n, m); unrelated frames should lie below 0.

    Returns:
        (len(x), len(y)), differentiable in all sequences, gaps and gamma.

    Raises:
        TypeError, ValueError: as `soft_smith_waterman`; no sequences, or widths that differ.

    Examples:
        >>> a, b = torch.eye(6), torch.eye(6).flip(0)
        >>> table = pairwise_soft_smith_waterman([a, a[2:], b], gamma=0.05, similarities=lambda p, q: p @ q.mT - 0.5)
        >>> [round(score, 1) for score in table[0].tolist()]
        [3.0, 2.0, 0.6]
    """

    def values(matrix: Tensor, lx: Tensor, ly: Tensor) -> Tensor:
        return soft_smith_waterman(
            matrix, gap_open=gap_open, gap_extend=gap_extend, gamma=gamma, lengths_x=lx, lengths_y=ly, band=band
        )

    return table(values, x, y, similarities)


def pairwise_smith_waterman(
    x: Sequence[Tensor],
    y: Sequence[Tensor] | None = None,
    *,
    gap_open: float = 1.0,
    gap_extend: float = 0.5,
    band: int | None = None,
    similarities: Matrices = cosine,
) -> Tensor:
    """Score of the best local alignment of every sequence of x with every one of y: (len(x), len(y)), no gradient.

    Args:
        x, y, gap_open, gap_extend, band, similarities: as `pairwise_soft_smith_waterman`.

    Raises:
        TypeError, ValueError: as `smith_waterman`; no sequences, or widths that differ.

    Examples:
        >>> pairwise_smith_waterman([torch.eye(6)], [torch.eye(6)[2:]]).tolist()
        [[4.0]]
    """

    def values(matrix: Tensor, lx: Tensor, ly: Tensor) -> Tensor:
        paths = smith_waterman(
            matrix, gap_open=gap_open, gap_extend=gap_extend, lengths_x=lx, lengths_y=ly, band=band
        )  # fmt: skip
        return matrix.new_tensor([path.score for path in paths])

    with torch.no_grad():
        return table(values, x, y, similarities)
