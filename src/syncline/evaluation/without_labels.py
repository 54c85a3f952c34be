"""Measures without labels: do frames return from their nearest frame, collapse, time-only share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64
from scipy.sparse.csgraph import connected_components
from sklearn.linear_model import Ridge

from syncline.alignment.centring import centred_similarity
from syncline.alignment.inference import match_score
from syncline.evaluation.kendall import tau_of
from syncline.evaluation.metric_inputs import Array, Group, as_embeddings, comparable
from syncline.evaluation.neighbours import find_neighbours

COLLAPSED_RANK = 3.0
"""An effective rank below this is a collapse."""
TIME_ONLY = 0.98
"""A time share of re-timed clips above this is time-only: embeddings that read only the position code have .99."""


def label_free_signs(
    x: Sequence[Any],
    *,
    retimed: Sequence[Any] | None = None,
    groups: Sequence[Group] | None = None,
    retimed_groups: Sequence[Group] | None = None,
) -> dict[str, float]:
    """Signs of the quality of an embedding that need no labels.

    Args:
        x: embeddings, one (t, d) array or tensor a video. retimed: of re-cuts of the same videos, in any number.
        groups, retimed_groups: source of each video of `x` and of `retimed`; None: each is its own.

    Returns:
        `cycle_consistent`: share of frames that come back, within one frame, from their nearest frame in another video
        (mean over pairs). `effective_rank`: exp of the entropy of the covariance's eigenvalues. `spread`: variance of
        the frames over their mean square. `tau`: of `kendall_tau`; a time-only embedding scores .996. `time_share`:
        R^2, at most 1, of t / t_total from the embedding, fitted on one half of the sources and measured on the other.
        `time_share_retimed`, `time_share_lost`: the same on re-timed clips, and how much less it is there: what is left
        comes from the position code, what is lost came from the common rhythm of the videos. NaN where undefined.

    Examples:
        >>> t = np.linspace(0, 1, 20)[:, None]
        >>> signs = label_free_signs([np.concatenate([np.cos(t), np.sin(t), t], 1)] * 4)
        >>> signs["cycle_consistent"], signs["time_share"] > 0.99
        (1.0, True)
    """
    videos = as_embeddings(x)
    allowed = comparable(groups, len(videos))
    found = find_neighbours(videos, allowed, per_video=True)
    shares = []
    for a, b in zip(*np.nonzero(allowed)):
        if len(videos[a]) and len(videos[b]):
            there = found.nearest[found.offsets[a] : found.offsets[a + 1], b]
            back = found.nearest[found.offsets[b] + there, a]
            shares.append(float(np.mean(np.abs(back - np.arange(len(back))) <= 1)))
    frames = np.concatenate(videos) if videos else np.zeros((0, 1))
    share = time_share(videos, groups)
    again = math.nan if retimed is None else time_share(as_embeddings(retimed), retimed_groups)
    return {
        "cycle_consistent": float(np.mean(shares)) if shares else math.nan,
        "effective_rank": effective_rank(frames),
        "spread": float(frames.var(axis=0).sum() / max(np.mean((frames**2).sum(axis=1)), 1e-300))
        if len(frames)
        else math.nan,
        "tau": tau_of(found),
        "time_share": share,
        "time_share_retimed": again,
        "time_share_lost": share - again,
    }


def effective_rank(frames: Array) -> float:
    """exp of the entropy of the eigenvalues of the covariance of rows: 1 for a line, d for a ball; NaN of one row.

    Examples:
        >>> round(effective_rank(np.array([[1.0, 0], [-1, 0], [0, 1], [0, -1]])), 6)
        2.0
    """
    if len(frames) < 2:
        return math.nan
    values = np.linalg.eigvalsh(np.cov(frames.T).reshape(frames.shape[1], -1)).clip(min=0)
    if not values.sum() > 0:
        return 0.0
    parts = values[values > 0] / values.sum()
    return float(np.exp(-(parts * np.log(parts)).sum()))


def time_share(videos: Sequence[Array], groups: Sequence[Group] | None = None) -> float:
    """R^2 of t / t_total from the embedding by ridge regression, each half of the sources from the other; else NaN."""
    _, part = connected_components(~comparable(groups, len(videos)))  # videos that share sources, however far round
    long = [(video, k) for video, k in zip(videos, part) if len(video) > 1]
    order = sorted({k for _, k in long})
    if len(order) < 2:
        return math.nan
    halves = [[video for video, k in long if order.index(k) % 2 == half] for half in (0, 1)]
    residual = total = 0.0
    for fitted, judged in (halves, halves[::-1]):
        frames, target = np.concatenate(fitted), _times(fitted)
        centre, size = frames.mean(axis=0), max(float(frames.std()), 1e-12)
        model = Ridge(alpha=1e-2 * len(target)).fit((frames - centre) / size, target)
        truth = _times(judged)
        predicted = model.predict((np.concatenate(judged) - centre) / size)
        residual += float(((truth - predicted) ** 2).sum())
        total += float(((truth - truth.mean()) ** 2).sum())
    return 1 - residual / total


def _times(videos: Sequence[Array]) -> Float64[np.ndarray, " k"]:
    return np.concatenate([np.linspace(0, 1, len(video)) for video in videos])


def warnings_of(signs: dict[str, float]) -> list[str]:
    """Warnings from the signs, one line each with its remedy; none if all is well.

    Examples:
        >>> warnings_of({"effective_rank": 1.2, "spread": 0.5, "time_share_retimed": 0.2})[0][:23]
        'the embedding has colla'
    """
    lines = []
    if signs["effective_rank"] < COLLAPSED_RANK or signs["spread"] < 1e-3:
        lines.append(
            f"the embedding has collapsed (effective rank {signs['effective_rank']:.1f}): frames are hardly told "
            "apart; train with the contrastive term (method scl or lac), a smaller lr, or more videos"
        )
    if signs["time_share_retimed"] > TIME_ONLY:
        lines.append(
            f"the embedding is time-only (it tells the time in re-timed clips with R² {signs['time_share_retimed']:.2f}"
            "): it reads the position code, not the picture; train with views at varied speed (views.region 3), "
            "on all features (encoder.principal_dim null), or with encoder.pos_enc none or rope"
        )
    return lines


def match_scores(x: Sequence[Any], *, groups: Sequence[Group] | None = None, most: int = 50) -> list[dict[str, Any]]:
    """Whether pairs of videos match: `a`, `b` (indices), `score` (about 0 for strangers, at most 1).

    At most `most` pairs, drawn with a fixed seed.
    """
    videos = as_embeddings(x)
    pairs = [(int(a), int(b)) for a, b in zip(*np.nonzero(comparable(groups, len(videos)))) if a < b]
    pairs = [(a, b) for a, b in pairs if len(videos[a]) and len(videos[b])]
    if len(pairs) > most:
        pairs = [pairs[i] for i in sorted(np.random.default_rng(0).choice(len(pairs), most, replace=False))]
    return [{"a": a, "b": b, "score": match_score(centred_similarity(videos[a], videos[b]))} for a, b in pairs]
