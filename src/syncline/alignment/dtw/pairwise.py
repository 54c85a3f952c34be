"""Soft-DTW and DTW between all sequences of a list, or of two lists; their lengths may differ."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from syncline.alignment.dtw.hard import dtw
from syncline.alignment.dtw.soft import soft_dtw
from syncline.alignment.similarity import squared_distances

Costs = Callable[[Tensor, Tensor], Tensor]
_CELLS = 4_000_000
"""At most so many cells are in memory at a time, unless one pair has more."""


def pairwise_soft_dtw(
    x: Sequence[Tensor],
    y: Sequence[Tensor] | None = None,
    *,
    gamma: float = 0.1,
    band: int | None = None,
    costs: Costs = squared_distances,
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

    table = _table(values, x, y, costs)
    if not divergence:
        return table
    if y is None:
        own = torch.diagonal(table)
        return table - (own[:, None] + own[None]) / 2
    of_x, of_y = (
        torch.cat([_table(values, [one], [one], costs).reshape(1) for one in sequences]) for sequences in (x, y)
    )
    return table - (of_x[:, None] + of_y[None]) / 2


def pairwise_dtw(
    x: Sequence[Tensor], y: Sequence[Tensor] | None = None, *, band: int | None = None, costs: Costs = squared_distances
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
        return _table(values, x, y, costs)


def _table(
    values: Callable[[Tensor, Tensor, Tensor], Tensor], x: Sequence[Tensor], y: Sequence[Tensor] | None, costs: Costs
) -> Tensor:
    others = x if y is None else y
    _check(x, others)
    pairs = list(itertools.product(range(len(x)), range(len(others))))
    if y is None:
        pairs = [(i, j) for i, j in pairs if i <= j]
    parts = []
    for part in _parts(pairs, x, others):
        a, b = ([sequences[pair[k]] for pair in part] for k, sequences in ((0, x), (1, others)))
        lx, ly = (torch.tensor([len(one) for one in side]) for side in (a, b))
        cost = costs(pad_sequence(a, batch_first=True), pad_sequence(b, batch_first=True))
        parts.append(values(cost, lx.to(cost.device), ly.to(cost.device)))
    found = torch.cat(parts)
    if y is not None:
        return found.reshape(len(x), len(others))
    number = {pair: k for k, pair in enumerate(pairs)}
    order = [number[min(i, j), max(i, j)] for i in range(len(x)) for j in range(len(x))]
    return found[torch.tensor(order, device=found.device)].reshape(len(x), len(x))


def _parts(pairs: list[tuple[int, int]], x: Sequence[Tensor], y: Sequence[Tensor]) -> Iterator[list[tuple[int, int]]]:
    """Pairs in batches whose padded matrices are not too large."""
    part: list[tuple[int, int]] = []
    n = m = 0
    for i, j in pairs:
        wider, longer = max(n, len(x[i])), max(m, len(y[j]))
        if part and (len(part) + 1) * wider * longer > _CELLS:
            yield part
            part, wider, longer = [], len(x[i]), len(y[j])
        part.append((i, j))
        n, m = wider, longer
    yield part


def _check(x: Sequence[Tensor], y: Sequence[Tensor]) -> None:
    for name, sequences in (("x", x), ("y", y)):
        if not sequences:
            raise ValueError(f"{name} has no sequences")
        for k, one in enumerate(sequences):
            if one.dim() != 2 or one.shape[1] != x[0].shape[1]:
                raise ValueError(
                    f"sequences must be (n, d) of one width d, got {tuple(one.shape)} for {name}[{k}] and "
                    f"{tuple(x[0].shape)} for x[0]"
                )
