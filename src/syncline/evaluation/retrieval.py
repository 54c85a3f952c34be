"""Fine-grained frame retrieval: do the K nearest frames of other videos show the same phase?

"AP@K" of LAV (Haresh et al. 2021), CARL and LAC; it is precision at K, without ranking weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Int64

from syncline.evaluation.metric_inputs import Group, comparable, known_frames
from syncline.evaluation.neighbours import Neighbours, find_neighbours


def retrieval_precision(
    x: Sequence[Any], y: Sequence[Any], k: int = 5, *, stride: int = 1, groups: Sequence[Group] | None = None
) -> float:
    """Share, in [0, 1], of the K nearest frames of other videos that carry the query frame's label.

    Args:
        x: embeddings, one (t, d) array or tensor a video; distance is squared Euclidean.
        y: phases, one (t,) array of integers a video; frames with a negative label are left out first.
        k: how many neighbours; where a query has fewer candidates, the mean is over those.
        stride: every ``stride``-th frame is used, as query and as candidate.
        groups: source of each video; videos of one source are never each other's neighbours.

    Mean over the frames of a video, then over videos, unweighted; of equally near frames the first counts. A video
    without frames or candidates is left out; if that leaves none (a single video), NaN.

    Examples:
        >>> import numpy as np
        >>> x = [np.array([[0.0], [1.0]]), np.array([[0.1], [0.9]])]
        >>> retrieval_precision(x, [np.array([0, 1]), np.array([0, 1])], k=1)
        1.0
    """
    return retrieval_precisions(x, y, (k,), stride=stride, groups=groups)[k]


def retrieval_precisions(
    x: Sequence[Any],
    y: Sequence[Any],
    ks: Sequence[int] = (5, 10, 15),
    *,
    stride: int = 1,
    groups: Sequence[Group] | None = None,
) -> dict[int, float]:
    """``retrieval_precision`` for several K from one search."""
    if not ks or min(ks) < 1:
        raise ValueError(f"k is {list(ks)}; at least one neighbour is needed")
    embeddings, labels = known_frames(x, y, stride=stride)
    found = find_neighbours(embeddings, comparable(groups, len(embeddings)), k=max(ks))
    return {k: precision_of(found, labels, k) for k in ks}


def precision_of(found: Neighbours, labels: Sequence[Int64[np.ndarray, " t"]], k: int) -> float:
    """The metric from neighbours already found (at least ``k`` of them a frame, where there are as many)."""
    scores = [score for score in precision_by_video(found, labels, k) if not np.isnan(score)]
    return float(np.mean(scores)) if scores else float("nan")


def precision_by_video(found: Neighbours, labels: Sequence[Int64[np.ndarray, " t"]], k: int) -> list[float]:
    """The same video by video; NaN for one without frames or candidates."""
    flat = np.concatenate([*labels, np.zeros(0, np.int64)])
    closest = found.closest[:, :k]
    there = closest >= 0
    hits = (flat[closest] == flat[:, None]) & there
    counts = there.sum(axis=1)
    return [
        float(np.mean(hits[first:end].sum(axis=1) / counts[first:end]))
        if end > first and counts[first] > 0
        else float("nan")
        for first, end in zip(found.offsets, found.offsets[1:])
    ]
