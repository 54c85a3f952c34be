"""The metrics as their definitions read: loops, one pair at a time. Slow; the tests and the docs compare with them.

No linear algebra is shared with the fast versions. Inputs are lists over videos of (t, d) arrays and (t,) labels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from syncline.evaluation.sequences import Array, Group


def squared_distance(a: Array, b: Array) -> float:
    """Sum of squared differences, added from the first component to the last.

    >>> squared_distance(np.array([0.0, 3.0]), np.array([4.0, 0.0]))
    25.0
    """
    total = 0.0
    for p, q in zip(a.tolist(), b.tolist()):
        total += (p - q) * (p - q)
    return total


def tau_b(order: Sequence[int]) -> float:
    """Kendall's tau-b between 0, 1, 2 ... and ``order``, pair by pair.

    >>> round(tau_b([0, 1, 1, 3, 2]), 7)
    0.7378648
    """
    concordant = discordant = tied = 0
    for i in range(len(order)):
        for j in range(i + 1, len(order)):
            concordant += order[i] < order[j]
            discordant += order[i] > order[j]
            tied += order[i] == order[j]
    untied = concordant + discordant
    if not untied:
        return math.nan
    return (concordant - discordant) / math.sqrt((untied + tied) * untied)


def kendall_tau(x: Sequence[Array], *, stride: int = 1, groups: Sequence[Group] | None = None) -> float:
    """Mean tau-b over ordered pairs of videos of different sources (METHODS 4.5)."""
    scores = []
    for i, j in _pairs(len(x), groups):
        a, b = x[i][::stride], x[j][::stride]
        if not len(a) or not len(b):
            continue
        order = []
        for frame in a:
            distances = [squared_distance(frame, other) for other in b]
            order.append(distances.index(min(distances)))
        score = tau_b(order)
        if not math.isnan(score):
            scores.append(score)
    return sum(scores) / len(scores) if scores else math.nan


def retrieval_precision(
    x: Sequence[Array], y: Sequence[Array], k: int = 5, *, stride: int = 1, groups: Sequence[Group] | None = None
) -> float:
    """Precision at K over the frames of all other sources, a mean over frames, then over videos (METHODS 4.4)."""
    videos = []
    for frames, labels in zip(x, y):
        known = [t for t in range(len(labels)) if labels[t] >= 0][::stride]
        videos.append([(frames[t], int(labels[t])) for t in known])
    means = []
    for i, queries in enumerate(videos):
        candidates = [pair for a, j in _pairs(len(x), groups) if a == i for pair in videos[j]]
        if not queries or not candidates:
            continue
        shares = []
        for frame, label in queries:
            ranked = sorted(candidates, key=lambda pair: squared_distance(frame, pair[0]))[:k]  # sorted() is stable
            shares.append(sum(other == label for _, other in ranked) / len(ranked))
        means.append(sum(shares) / len(shares))
    return sum(means) / len(means) if means else math.nan


def progress_targets(labels: Sequence[int] | Array, num_phases: int) -> list[list[float]]:
    """Targets (t - k_c) / L, one list a phase c < C - 1, with the newer TCC rule for missing phases (METHODS 4.3).

    >>> progress_targets([0, 0, 1, 1, 1, 2], 3)[1][5] == (5 - 4) / 6
    True
    """
    length = len(labels)
    columns = []
    for phase in range(num_phases - 1):
        end = length - 1
        for t in range(length):
            if labels[t] > phase:
                end = t - 1 if t > 0 and labels[t - 1] == phase else t
                break
        for t in range(length):  # labels that go back: the last frame of the phase counts
            if labels[t] == phase:
                end = t
        columns.append([(t - end) / length for t in range(length)])
    return columns


def phase_progression(
    train_x: Sequence[Array],
    train_y: Sequence[Array],
    val_x: Sequence[Array],
    val_y: Sequence[Array],
    *,
    num_phases: int,
    fraction: float = 1.0,
) -> float:
    """Mean R^2 of ordinary least squares with intercept, by the normal equations' pseudo-inverse (METHODS 4.3)."""
    used = max(1, int(fraction * len(train_x)))
    scores = []
    for phase in range(num_phases - 1):
        rows = [[1.0, *frame] for video in train_x[:used] for frame in video]
        targets = [v for labels in train_y[:used] for v in progress_targets(labels, num_phases)[phase]]
        weights = np.linalg.pinv(np.array(rows)) @ np.array(targets)
        predicted = [float(np.dot(weights, [1.0, *frame])) for video in val_x for frame in video]
        truth = [v for labels in val_y for v in progress_targets(labels, num_phases)[phase]]
        middle = sum(truth) / len(truth)
        residual = sum((a - b) ** 2 for a, b in zip(truth, predicted))
        total = sum((a - middle) ** 2 for a in truth)
        scores.append(1 - residual / total)
    return sum(scores) / len(scores)


def _pairs(count: int, groups: Sequence[Any] | None) -> list[tuple[int, int]]:
    """All ordered pairs of different videos that do not share a source."""
    pairs = []
    for i in range(count):
        for j in range(count):
            if i != j and (groups is None or groups[i] != groups[j]):
                pairs.append((i, j))
    return pairs
