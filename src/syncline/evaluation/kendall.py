"""Kendall's tau: do the nearest frames of another video come in the order of the queries?

As in TCC (Dwibedi et al. 2019). An embedding that only knows time scores 0.996 and more, so tau ranks nothing;
it is shown last.

The count is our own: scipy.stats.kendalltau gives the same to the last digit but takes 267 microseconds for a pair of
videos of 300 frames, this takes 4 (the 9,900 pairs of 100 videos: 2.6 s against .04 s of a core).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Int64

from syncline.alignment.numba_compiled import compiled
from syncline.evaluation.metric_inputs import Array, Group, as_embeddings, check_stride, comparable
from syncline.evaluation.neighbours import Neighbours, find_neighbours


def kendall_tau(x: Sequence[Any], *, stride: int = 1, groups: Sequence[Group] | None = None) -> float:
    """Mean Kendall's tau-b, in [-1, 1], between frame order and order of nearest frames, over all ordered video pairs.

    Args:
        x: embeddings, one (t, d) array or tensor a video; nearest by squared Euclidean distance, first of equals.
        stride: every ``stride``-th frame of each video is used.
        groups: source of each video; pairs within one source are left out.

    Pairs whose tau is undefined (all nearest frames the same, or one frame) are dropped; none left: NaN.

    Examples:
        >>> import numpy as np
        >>> round(kendall_tau([np.arange(4.0)[:, None], np.arange(4.0)[:, None] + 0.1]), 6)
        1.0
    """
    check_stride(stride)
    embeddings = [video[::stride] for video in as_embeddings(x)]
    return tau_of(find_neighbours(embeddings, comparable(groups, len(embeddings)), per_video=True))


def tau_of(found: Neighbours) -> float:
    """The metric from the nearest frames already found, one of each video."""
    defined = [score for scores in taus_by_video(found) for score in scores]
    return float(np.mean(defined)) if defined else float("nan")


def taus_by_video(found: Neighbours) -> list[list[float]]:
    """The defined taus of every video's pairs in which its frames are the queries."""
    result: list[list[float]] = []
    for i, (first, end) in enumerate(zip(found.offsets, found.offsets[1:])):
        nearest = found.nearest[first:end]
        pairs = [j for j in range(nearest.shape[1]) if j != i and end > first and nearest[0, j] >= 0]
        scores = [tau_b(np.ascontiguousarray(nearest[:, j])) for j in pairs]
        result.append([score for score in scores if not np.isnan(score)])
    return result


@compiled
def tau_b(order: Int64[np.ndarray, " t"]) -> float:
    """Kendall's tau-b between 0, 1, 2 ... and ``order`` (integers >= 0); NaN where all are equal or there is one.

    tau-b = (concordant - discordant) / sqrt(pairs * (pairs - ties)), here without ties in the first variable. Counted
    in O(t log m) with a Fenwick tree over the values seen so far.

    Examples:
        >>> import numpy as np
        >>> round(tau_b(np.array([0, 0, 1, 1])), 7)
        0.8164966
    """
    length = len(order)
    if length < 2:
        return np.nan
    size = order.max() + 1
    tree = np.zeros(size + 1, np.int64)
    seen = np.zeros(size, np.int64)
    balance, ties = 0, 0
    for t in range(length):
        value = order[t]
        below = _count_below(tree, value)
        equal = seen[value]
        balance += below - (t - below - equal)
        ties += equal
        seen[value] += 1
        node = value + 1
        while node <= size:
            tree[node] += 1
            node += node & -node
    pairs = length * (length - 1) // 2
    if ties == pairs:
        return np.nan
    return float(balance / (np.sqrt(pairs) * np.sqrt(pairs - ties)))


@compiled
def _count_below(tree: Array, value: int) -> int:
    total, node = 0, value
    while node > 0:
        total += tree[node]
        node -= node & -node
    return total
