"""Frozen features as embeddings: standardised over the folder and projected by PCA; no training.

What every verb uses where no trained run is given, and the control that a trained encoder has to beat.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from syncline.data import Embedding, Video
from syncline.encoder.feature_cache import FeatureCache
from syncline.encoder.principal_space import PrincipalSpace
from syncline.progress import Callback, Steps, silent

PRINCIPAL_DIM = 128
"""Principal directions that are kept, the width of a frozen embedding."""
_CHUNK = 512


def frozen_embeddings(
    videos: Iterable[Video],
    cache: FeatureCache,
    *,
    dim: int = PRINCIPAL_DIM,
    fit: Iterable[Video] | None = None,
    space: PrincipalSpace | None = None,
    callback: Callback = silent,
) -> list[Embedding]:
    """Grid features, standardised over the folder and projected onto their first ``dim`` principal directions.

    Args:
        videos: what to embed. cache: where features are, or are kept.
        dim: width of the result; directions that the folder does not span are zeros.
        fit: the videos that mean, scale and directions are measured on; all by default (a table that compares with a
            trained encoder gives its training videos).
        space: one that was measured before, in place of `dim` and `fit`.
        callback: called with a ``Progress`` for each video whose features are there.

    Raises:
        SynclineError: a file cannot be decoded.
    """
    wanted = list(videos)
    step = Steps("embedding", len(wanted), callback)
    features = []
    for video, found in cache.features_of(wanted):
        features.append(found)
        step(video.name)
    if space is None:
        measured = features if fit is None else [found for _, found in cache.features_of(fit)]
        space = PrincipalSpace.fit([found.features[0] for found in measured], dim)
    results = []
    for video, found in zip(wanted, features, strict=True):
        starts = range(0, len(found.frame_indices), _CHUNK)  # an hour of features is larger than the embedding
        vectors = np.concatenate([space.project(found.features[0, i : i + _CHUNK]).numpy() for i in starts])
        results.append(Embedding(vectors=vectors, pts_seconds=found.pts_seconds, source=video.video_id))
    return results
