"""What stands for the frames of a folder without training: pictures, body pose, or both side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from syncline.alignment import unit_rows
from syncline.data import Embedding, Sampling, Source, choose_rate, open_videos
from syncline.encoder.cache import FeatureCache
from syncline.encoder.frozen import frozen_embeddings
from syncline.errors import SynclineError
from syncline.pose.cache import PoseCache
from syncline.pose.folder import KeypointFolder
from syncline.pose.normalise import PoseOptions, pose_embeddings
from syncline.pose.presence import find_people
from syncline.progress import Callback, silent

Kind = Literal["pictures", "pose", "pictures+pose", "keypoints", "auto"]
KINDS: tuple[Kind, ...] = ("pictures", "pose", "pictures+pose", "keypoints", "auto")


def features(
    videos: Source,
    kind: Kind = "pictures",
    *,
    rate: float | None = None,
    keypoints: str | Path | None = None,
    person: tuple[float, float] | None = None,
    options: PoseOptions | None = None,
    cache: str | Path | None = None,
    progress: Callback = silent,
) -> list[Embedding]:
    """Embeddings of a folder's frames without any training, one a video.

    Args:
        videos: a folder, a list of files, or what else `open_videos` takes.
        kind: `pictures`, features of the frozen backbone; `pose`, positions and velocities of the body (by the
            estimator, or of `keypoints`); `pictures+pose`, both side by side, half of the weight each; `keypoints`, as
            `pose` but of files only; `auto`, `pose` where most clips show a person, else `pictures`.
        rate: frames looked at a second; None: enough for the folder's clips (`choose_rate`).
        keypoints: folder with a keypoint file a video, in any form; see docs/pose.md.
        person: (x, y) as shares of the picture: whom to follow where there are several.
        options: how bodies are made comparable.
        cache: folder of the feature cache; None for the user's own.
        progress: called after every video.

    Raises:
        SynclineError: no videos, no estimator where one is needed, or keypoints that fit no video.
    """
    if kind not in KINDS:
        raise SynclineError(f"kind must be one of {', '.join(KINDS)}; got {kind!r}")
    found = list(open_videos(videos))
    sampling = Sampling(choose_rate(found) if rate is None else rate)
    source = None if kind == "pictures" else pose_source(kind, sampling, keypoints, person, cache)
    try:
        if kind == "auto":
            there = keypoints is not None or (
                isinstance(source, PoseCache) and find_people(found, source, progress=progress).people
            )
            kind = "pose" if there else "pictures"
        bodies = None
        if kind != "pictures" and source is not None:
            bodies = pose_embeddings(source.of_videos(found, progress=progress), options).embeddings
    finally:
        if isinstance(source, PoseCache):
            source.close()
    if bodies is not None and kind != "pictures+pose":
        return bodies
    pictures = frozen_embeddings(found, FeatureCache(cache, sampling=sampling))
    return pictures if bodies is None else side_by_side(pictures, bodies)


def pose_source(
    kind: Kind,
    sampling: Sampling,
    keypoints: str | Path | None,
    person: tuple[float, float] | None,
    cache: str | Path | None,
) -> PoseCache | KeypointFolder:
    """Where the poses of a folder come from: its keypoint files where a folder of them is given, else the estimator.

    Raises:
        SynclineError: `keypoints` without a folder, or no estimator is installed.
    """
    if keypoints is not None:
        return KeypointFolder(keypoints, sampling, person=person)
    if kind == "keypoints":
        raise SynclineError("features of keypoints need --keypoints DIR, a folder with a keypoint file a video")
    return PoseCache(cache, sampling, person=person)


def side_by_side(one: Sequence[Embedding], other: Sequence[Embedding], share: float = 0.5) -> list[Embedding]:
    """Two embeddings of the same frames as one, of unit rows with weights whose squares are `share` and the rest.

    The cosine of two frames is then the mean of their two cosines, weighted so. A row of zeros, of a frame that one of
    the two knows nothing about, stays zeros: the other decides.

    Raises:
        ValueError: embeddings of other frames.

    Examples:
        >>> a = [Embedding(np.eye(2, dtype=np.float32), np.arange(2.0), "a")]
        >>> side_by_side(a, a)[0].vectors.shape
        (2, 4)
    """
    together = []
    for a, b in zip(one, other, strict=True):
        if len(a) != len(b):
            raise ValueError(f"{a.source}: {len(a)} and {len(b)} frames side by side; expected the same frames")
        rows = [share**0.5 * unit_rows(a.vectors), (1 - share) ** 0.5 * unit_rows(b.vectors)]
        together.append(Embedding(np.concatenate(rows, axis=1), a.pts_seconds, a.source))
    return together
