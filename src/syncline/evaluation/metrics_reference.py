"""The metrics as plain loops, one pair at a time: slow, for reading and for tests.

No linear algebra is shared with the fast versions. Inputs are lists over videos of (t, d) arrays and (t,) labels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from syncline.evaluation.metric_inputs import Array, Group, sources_of


def squared_distance(a: Array, b: Array) -> float:
    """Sum of squared differences, added from the first component to the last.

    Examples:
        >>> squared_distance(np.array([0.0, 3.0]), np.array([4.0, 0.0]))
        25.0
    """
    total = 0.0
    for p, q in zip(a.tolist(), b.tolist()):
        total += (p - q) * (p - q)
    return total


def tau_b(order: Sequence[int]) -> float:
    """Kendall's tau-b between 0, 1, 2 ... and ``order``, pair by pair.

    Examples:
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
    """Mean tau-b over ordered pairs of videos of different sources."""
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
    """Precision at K over the frames of all other sources, a mean over frames, then over videos."""
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
    """Targets (t - k_c) / L, one list a phase c < C - 1, with the newer TCC rule for missing phases.

    Examples:
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
    """Mean R^2 of ordinary least squares with intercept, by the normal equations' pseudo-inverse."""
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


def event_transfer_error(
    x: Sequence[Array],
    y: Sequence[Any],
    *,
    times: Sequence[Any] | None = None,
    groups: Sequence[Group] | None = None,
    by: str = "nearest",
    events: Sequence[Sequence[int | None]] | None = None,
    tolerance: float = 0.5,
) -> dict[str, Any]:
    """Errors of carried key events, event by event: `errors`, `f1`, `answered`."""
    phases = max((int(label) for video in y for label in video), default=-1) + 1
    frames = [[_event(video, k) for k in range(1, phases)] for video in y] if events is None else events
    errors, hits, false_positives, false_negatives, both = [], 0, 0, 0, 0
    for a, b in _pairs(len(x), groups):
        if not len(x[a]) or not len(x[b]):
            continue
        cells = None
        if by == "dtw":
            cells = _warping(x[a], x[b])
        elif by == "local":
            cells = _matches(x[a], x[b])
        for own, other in zip(frames[a], frames[b]):
            if own is None:
                continue
            if cells is None:
                distances = [squared_distance(x[a][own], frame) for frame in x[b]]
                found: int | None = distances.index(min(distances))
            else:
                found = _carried(cells, own, 0 if by == "dtw" else 2)
            if other is None:
                false_positives += found is not None
                continue
            both += 1
            if found is None:
                false_negatives += 1
                continue
            seconds = range(len(x[b])) if times is None else times[b]
            errors.append(abs(float(seconds[found]) - float(seconds[other])))
            if errors[-1] <= tolerance + 1e-9:
                hits += 1
            else:
                false_positives, false_negatives = false_positives + 1, false_negatives + 1
    total = 2 * hits + false_positives + false_negatives
    return {
        "errors": errors,
        "f1": 2 * hits / total if total else math.nan,
        "answered": len(errors) / both if both else math.nan,
    }


def _event(labels: Any, number: int) -> int | None:
    """The first frame labelled `number` or later; None where there is none or it is the first of the clip."""
    for t in range(len(labels)):
        if labels[t] >= number:
            return t if t > 0 else None
    return None


def _carried(cells: list[tuple[int, int]], frame: int, reach: int) -> int | None:
    """The middle frame of those matched with the nearest matched frame, if that is within reach."""
    if not cells:
        return None
    nearest = min((abs(i - frame), i) for i, _ in cells)
    if nearest[0] > reach:
        return None
    partners = [j for i, j in cells if i == nearest[1]]
    return partners[(len(partners) - 1) // 2]


def _cosine(a: Array, b: Array) -> float:
    """Cosine of two vectors, 0 where one is zero."""
    lengths = math.sqrt(sum(v * v for v in a.tolist()) * sum(v * v for v in b.tolist()))
    return sum(p * q for p, q in zip(a.tolist(), b.tolist())) / lengths if lengths else 0.0


def _warping(x: Array, y: Array) -> list[tuple[int, int]]:
    """Cells of the cheapest path from corner to corner on 1 - cosine; of equal ways the diagonal, then from above."""
    best: dict[tuple[int, int], tuple[float, list[tuple[int, int]]]] = {}
    for i in range(len(x)):
        for j in range(len(y)):
            ways = [best[c] for c in ((i - 1, j - 1), (i - 1, j), (i, j - 1)) if c in best]
            cost, path = min(ways, key=lambda way: way[0]) if ways else (0.0, [])
            best[i, j] = cost + 1 - _cosine(x[i], y[j]), [*path, (i, j)]
    return best[len(x) - 1, len(y) - 1][1]


def _matches(x: Array, y: Array) -> list[tuple[int, int]]:
    """Matched cells of up to three local alignments that follow one another: gaps 2 and .5, unit .1 of cosine."""
    cosine = [[_cosine(a, b) for b in y] for a in x]
    mean = sum(map(sum, cosine)) / (len(x) * len(y))
    score = {(i, j): (cosine[i][j] - mean) / 0.1 for i in range(len(x)) for j in range(len(y))}
    kept: list[tuple[float, list[tuple[int, int]]]] = []
    for _ in range(3):
        value, cells = _best_local(score, len(x), len(y))
        if not cells:
            break
        low, high = cells[0], cells[-1]
        apart = all(
            (high[0] < o[0][0] and high[1] < o[0][1]) or (low[0] > o[-1][0] and low[1] > o[-1][1]) for _, o in kept
        )
        if not kept or (apart and value >= 0.1 * kept[0][0]):
            kept.append((value, cells))
        used = [set(side) for side in zip(*cells)]
        score = {(i, j): -1e30 if i in used[0] or j in used[1] else s for (i, j), s in score.items()}
    return [cell for _, cells in sorted(kept, key=lambda found: found[1][0]) for cell in cells]


def _best_local(score: dict[tuple[int, int], float], n: int, m: int) -> tuple[float, list[tuple[int, int]]]:
    """The best chain of matches: each step pays for the frames it skips, those of y first, then those of x."""
    best: dict[tuple[int, int], tuple[float, list[tuple[int, int]]]] = {}
    top: tuple[float, list[tuple[int, int]]] = (0.0, [])
    for i in range(n):
        for j in range(m):
            value, path = 0.0, []
            for (p, q), (before, way) in best.items():
                if p < i and q < j:
                    price = sum(2.0 + 0.5 * (gap - 1) for gap in (i - p - 1, j - q - 1) if gap)
                    if before - price > value:
                        value, path = before - price, way
            best[i, j] = value + score[i, j], [*path, (i, j)]
            if best[i, j][0] > top[0]:
                top = best[i, j]
    return top


def _pairs(count: int, groups: Sequence[Any] | None) -> list[tuple[int, int]]:
    """All ordered pairs of different videos that do not share a source."""
    pairs = []
    for i in range(count):
        for j in range(count):
            if i != j and (groups is None or not sources_of(groups[i]) & sources_of(groups[j])):
                pairs.append((i, j))
    return pairs
