"""Phase progression: how well a linear regression reads from the embedding how far the frame is from each phase's end.

As in TCC (Dwibedi et al. 2019). Phases 0 .. C-1; for c = 0 .. C-2 and k_c the last frame of phase c, the target of
frame t of a video of L frames is y_c(t) = (t - k_c) / L. The score is the mean over c of R^2 on all
validation frames pooled.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64
from sklearn.linear_model import LinearRegression, Ridge

from syncline.evaluation.metric_inputs import first_videos, known_frames


def phase_progression(
    train_x: Sequence[Any],
    train_y: Sequence[Any],
    val_x: Sequence[Any],
    val_y: Sequence[Any],
    *,
    num_phases: int | None = None,
    fraction: float = 1.0,
    ridge: float = 0.0,
    strict: bool = False,
) -> float:
    """Mean R^2 of linear regressions from the embedding to the progress targets; 1 is perfect, it may be negative.

    Args:
        train_x, val_x: embeddings, one (t, d) array or tensor a video.
        train_y, val_y: phases, one (t,) array of integers a video; frames with a negative label are left out first.
        num_phases: C; by default the highest label of all videos + 1.
        fraction: share of the training *videos* that is used, the first ones in the given order (at least one).
        ridge: penalty of ridge regression; 0 is ordinary least squares, with intercept either way.
        strict: raise ValueError where a video lacks a phase, instead of the rule of ``progress_targets``.

    A target that is constant over the validation frames counts 1 if predicted exactly, else 0. Fewer than two
    validation frames: NaN, with a warning. No training or validation frame, or fewer than two phases: NaN.

    Examples:
        >>> import numpy as np
        >>> x, y = [np.arange(6.0)[:, None]], [np.array([0, 0, 1, 1, 2, 2])]
        >>> round(phase_progression(x, y, x, y), 6)
        1.0
    """
    if ridge < 0:
        raise ValueError(f"ridge is {ridge}; a penalty is at least 0")
    embeddings, labels = known_frames(train_x, train_y, name="train_x")
    used = first_videos(len(embeddings), fraction)
    queries, truth = known_frames(val_x, val_y, name="val_x")
    phases = _count(labels + truth) if num_phases is None else num_phases
    embeddings, labels = embeddings[:used], labels[:used]
    if phases < 2 or not sum(map(len, labels)) or not sum(map(len, truth)):
        return float("nan")
    if sum(map(len, truth)) < 2:
        warnings.warn("phase progression of a single validation frame is undefined", stacklevel=2)
        return float("nan")
    model = Ridge(alpha=ridge) if ridge else LinearRegression()
    model.fit(np.concatenate(embeddings), np.concatenate([progress_targets(y, phases, strict=strict) for y in labels]))
    predicted = model.predict(np.concatenate(queries)).reshape(-1, phases - 1)
    return float(
        np.mean(_r_squared(np.concatenate([progress_targets(y, phases, strict=strict) for y in truth]), predicted))
    )


def progression_by_video(
    train_x: Sequence[Any],
    train_y: Sequence[Any],
    val_x: Sequence[Any],
    val_y: Sequence[Any],
    *,
    num_phases: int,
    ridge: float = 0.0,
) -> list[float]:
    """Each validation video's part in ``phase_progression``: their mean is the metric, where each has known frames.

    A video's part is 1 - (videos) * (its squared error) / (squares of all videos about the common mean), a mean over
    the targets. With it the metric can be resampled over videos. NaN for a video without known frames.
    """
    embeddings, labels = known_frames(train_x, train_y, name="train_x")
    queries, truth = known_frames(val_x, val_y, name="val_x")
    if num_phases < 2 or not sum(map(len, labels)) or not sum(map(len, truth)):
        return [float("nan")] * len(queries)
    model = Ridge(alpha=ridge) if ridge else LinearRegression()
    model.fit(np.concatenate(embeddings), np.concatenate([progress_targets(y, num_phases) for y in labels]))
    targets = [progress_targets(y, num_phases) for y in truth]
    every = np.concatenate(targets)
    total = ((every - every.mean(axis=0)) ** 2).sum(axis=0)
    varied, count = total > 0, sum(1 for y in truth if len(y))
    parts = []
    for frames, target in zip(queries, targets):
        if not len(frames):
            parts.append(float("nan"))
            continue
        error = ((target - model.predict(frames).reshape(len(frames), -1)) ** 2).sum(axis=0)
        parts.append(float(np.mean(1 - count * error[varied] / total[varied])) if varied.any() else float("nan"))
    return parts


def progress_targets(
    labels: Int64[np.ndarray, " t"], num_phases: int, *, strict: bool = False
) -> Float64[np.ndarray, "t k"]:
    """The targets y_c(t) = (t - k_c) / t_total of one video, a column for each of the first C - 1 phases.

    k_c is the last frame labelled c. Where the video lacks phase c, it is the first frame labelled higher, or the last
    frame if there is none (the rule of newer TCC code); with ``strict`` that is a ValueError.

    Examples:
        >>> import numpy as np
        >>> (progress_targets(np.array([0, 0, 2, 2]), 3) * 4).astype(int).T.tolist()
        [[-1, 0, 1, 2], [-2, -1, 0, 1]]
    """
    length = len(labels)
    ends = np.empty(num_phases - 1)
    for phase in range(num_phases - 1):
        own = np.flatnonzero(labels == phase)
        if own.size:
            ends[phase] = own[-1]
            continue
        if strict and length:
            raise ValueError(f"a video has no frame of phase {phase} (strict)")
        later = np.flatnonzero(labels > phase)
        ends[phase] = later[0] if later.size else length - 1
    return (np.arange(length)[:, None] - ends) / max(length, 1)


def _r_squared(truth: Float64[np.ndarray, "t k"], predicted: Float64[np.ndarray, "t k"]) -> Float64[np.ndarray, " k"]:
    """R^2 of each column; a constant column is 1 if predicted exactly, else 0."""
    residual = ((truth - predicted) ** 2).sum(axis=0)
    total = ((truth - truth.mean(axis=0)) ** 2).sum(axis=0)
    constant = total == 0
    scores: Float64[np.ndarray, " k"] = np.where(
        constant, np.where(residual == 0, 1.0, 0.0), 1 - residual / np.where(constant, 1.0, total)
    )
    return scores


def _count(labels: Sequence[Int64[np.ndarray, " t"]]) -> int:
    return max((int(label.max()) for label in labels if label.size), default=-1) + 1
