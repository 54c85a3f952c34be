"""Combines a run with frozen features: frozen ones are aligned, the run compares single frames.

`transfer` and `search` look for single moments and always combine the two. Timelines and deviations need alignments
only: where scenes differ, they align frozen features, because a run aligns people in many places worse than the
features it was made from; in one scene they align the run, which finds more deviations (docs/tasks-measured.md, "One
timeline").
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from syncline.data import Embedding, Video
from syncline.encoder.feature_cache import FeatureCache
from syncline.encoder.folder_fit import folder_embeddings
from syncline.encoder.frame_encoder import FrameEncoder
from syncline.encoder.scene_difference import DIFFERENT_SCENES, probed, scene_difference
from syncline.progress import Callback, silent


def beside_frozen(
    videos: Sequence[Video],
    by_run: list[Embedding],
    encoder: FrameEncoder,
    inputs: FeatureCache | None,
    *,
    scenes_must_differ: bool = False,
    folder: str | Path | None = None,
    rate_hz: float | None = None,
    refit: bool = False,
    callback: Callback = silent,
) -> list[Embedding]:
    """The run's embeddings for single frames, and beside them frozen features to be aligned.

    Those of a run that takes poses, has no frozen features, or looks at every k-th frame, are returned as they are:
    frozen features are of pictures, and are kept at rates only.

    Args:
        videos: that were embedded. by_run: their embeddings. encoder: that made them. inputs: what it was shown.
        scenes_must_differ: return the run's alone where the clips show one scene, or are too few to tell.
        folder, refit, callback: as `folder_embeddings` takes them.
        rate_hz: frames a second that were asked for; None for the run's own.

    Raises:
        SynclineError: a file cannot be decoded.
    """
    own = encoder.config.sampling
    if inputs is None or encoder.config.features != "pictures" or not inputs.described.dim:
        return by_run
    if rate_hz is None and own.stride is not None:
        return by_run
    pictures = FeatureCache(inputs.root, inputs.described)
    if scenes_must_differ and (len(videos) < 3 or scene_difference(probed(videos, pictures)) < DIFFERENT_SCENES):
        return by_run
    aligned, _ = folder_embeddings(
        videos, pictures, folder=folder, rate_hz=rate_hz or own.rate_hz, refit=refit, callback=callback
    )
    return [frames.beside(one) for frames, one in zip(by_run, aligned, strict=True)]
