"""Embeddings without any training: features of the frozen backbone, standardised over the folder, PCA.

What every verb uses where no trained run is given, and the control that a trained encoder has to beat.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch

from syncline.data import Embedding, Video
from syncline.encoder.cache import FeatureCache
from syncline.encoder.principal_space import principal_directions

_CHUNK = 512


def frozen_embeddings(
    videos: Iterable[Video],
    cache: FeatureCache,
    *,
    dim: int = 128,
    fit: Iterable[Video] | None = None,
    progress: Callable[[Video], None] | None = None,
) -> list[Embedding]:
    """Grid features, standardised over the folder and projected onto their first ``dim`` principal directions.

    Args:
        videos: what to embed. cache: where features are, or are kept.
        dim: width of the result; directions that the folder does not span are zeros.
        fit: the videos that mean, scale and directions are measured on; all by default (a table that compares with a
            trained encoder gives its training videos).
        progress: called with each video whose features are there.

    Raises:
        SynclineError: a file cannot be decoded.
    """
    wanted = list(videos)
    features = []
    for video in wanted:
        features.append(cache.features(video))
        if progress is not None:
            progress(video)
    fitted = [f.grid[0] for f in features] if fit is None else [cache.features(video).grid[0] for video in fit]
    mean, scale, directions = principal_directions(fitted, dim)
    directions = directions / scale[:, None]
    results = []
    for video, found in zip(wanted, features, strict=True):
        parts: list[np.ndarray[Any, Any]] = []
        for start in range(0, len(found.frames), _CHUNK):
            rows = torch.from_numpy(np.asarray(found.grid[0, start : start + _CHUNK], dtype=np.float32))
            parts.append(((rows - mean) @ directions).numpy())
        vectors = np.concatenate(parts)
        results.append(Embedding(vectors=vectors, pts_seconds=found.pts_seconds, source=video.identity))
    return results
