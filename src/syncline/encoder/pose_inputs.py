"""Inputs of encoders with poses: features of pictures with poses appended, or poses alone."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from syncline.data import Sampling, Video, sampled_frames
from syncline.encoder.encoder_config import PoseInput
from syncline.encoder.feature_cache import CachedFeatures, FeatureCache
from syncline.encoder.folder_features import FolderBodies
from syncline.errors import SynclineError
from syncline.files import content_of
from syncline.pose import Keypoints, PoseSpace
from syncline.pose.augment_poses import augmented
from syncline.pose.estimator import Model
from syncline.pose.folder_bodies import KeypointFolder
from syncline.pose.pose_cache import PoseCache
from syncline.progress import Callback, silent
from syncline.video import VideoReader

if TYPE_CHECKING:
    from syncline.encoder.frame_network import FrameNetwork

_log = logging.getLogger(__name__)

FARTHEST = 100.0
"""Standard deviations; what an estimator that errs puts beyond is no position."""


class Joined:
    """Two arrays (..., f) and (..., p) as one of (..., f + p), put together for the rows that are asked for only.

    The first may be a memory map of an hour of video.

    Examples:
        >>> Joined(np.zeros((2, 5, 3)), np.ones((2, 5, 1)))[0][1:3].tolist()
        [[0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 1.0]]
    """

    def __init__(self, first: NDArray[Any], second: NDArray[Any]) -> None:
        self.first, self.second = first, second
        self.shape = (*first.shape[:-1], first.shape[-1] + second.shape[-1])

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, rows: Any) -> Any:
        if isinstance(rows, int) and len(self.shape) > 2:
            return Joined(self.first[rows], self.second[rows])
        return np.concatenate([self.first[rows], self.second[rows]], axis=-1)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(np.concatenate([self.first, self.second], axis=-1), dtype=dtype)


class InputCache(FeatureCache):
    """A feature cache that puts poses behind the features of pictures; of a backbone without numbers, poses alone.

    Of augmented copies the poses are augmented too: `syncline.pose.augment_poses`.

    Args:
        pictures: the cache of the backbone's features.
        space: of the poses. bodies: where they come from.
        made_with: name, version and hash of the estimator that the encoder was trained with; another one is told.
    """

    def __init__(
        self, pictures: FeatureCache, space: PoseSpace, bodies: FolderBodies, made_with: dict[str, str] | None = None
    ) -> None:
        super().__init__(
            pictures.root, pictures.described, pictures.sampling, pictures.copies, pictures.augment, flip=pictures.flip
        )
        self.space, self.bodies, self._made_with = space, bodies, made_with or {}
        self._sources: dict[Sampling, PoseCache | KeypointFolder] = {}
        self._clips: dict[tuple[str, Sampling], Keypoints] = {}

    def prepare(
        self, videos: Sequence[Video], sampling: Sampling | None = None, *, callback: Callback = silent
    ) -> list[Keypoints]:
        """The poses of videos, found on all cores; `features` then has them at hand.

        Raises:
            SynclineError: a file cannot be read, or no estimator is installed.
        """
        chosen = self.sampling if sampling is None else sampling
        missing = [video for video in videos if (video.video_id, chosen) not in self._clips]
        if missing:
            found = self._source(chosen).of_videos(missing, callback=callback)
            self._clips |= {(video.video_id, chosen): clip for video, clip in zip(missing, found, strict=True)}
        return [self._clips[video.video_id, chosen] for video in videos]

    def _source(self, sampling: Sampling) -> PoseCache | KeypointFolder:
        if sampling not in self._sources:
            source = self._sources[sampling] = self.bodies.source(sampling)
            if isinstance(source, PoseCache) and self._made_with:
                here = source.estimator.described
                if here["sha256"] != self._made_with.get("sha256"):
                    _log.warning(
                        "the poses here are those of %s (%s), the run was trained with %s (%s)", here["model"],
                        here["version"], self._made_with.get("model"), self._made_with.get("version"),
                    )  # fmt: skip
        return self._sources[sampling]

    def close(self) -> None:
        """Ends the estimator's processes; they start again when they are needed."""
        for source in self._sources.values():
            if isinstance(source, PoseCache):
                source.close()
        self._sources.clear()

    def missing(self, video: Video, *, sampling: Sampling | None = None) -> tuple[int, int]:
        """Of the features of pictures, as ``FeatureCache.missing``."""
        if self.described.dim:
            return super().missing(video, sampling=sampling)
        return len(self._frames(video, self.sampling if sampling is None else sampling)), 0

    def features(self, video: Video, *, sampling: Sampling | None = None) -> CachedFeatures:
        """As ``FeatureCache.features``, (k, t, f + p).

        Raises:
            SynclineError: the file cannot be decoded.
        """
        chosen = self.sampling if sampling is None else sampling
        clip = self.prepare([video], chosen)[0]
        content = content_of(video.path)
        copies = [clip]
        for copy in range(1, self.copies):
            seed = int(hashlib.sha256(f"pose {content} {copy}".encode()).hexdigest()[:15], 16)
            copies.append(augmented(clip, seed=seed, flip=self.flip))
        found = [one.vectors for one in self.space.project(copies).embeddings]
        rows = np.stack(found).clip(-FARTHEST, FARTHEST).astype(np.float16)
        if not self.described.dim:
            return CachedFeatures(rows, self._frames(video, chosen), clip.pts_seconds)
        pictures = super().features(video, sampling=sampling)
        return replace(pictures, features=cast(Any, Joined(pictures.features, rows)))

    def features_of(
        self,
        videos: Iterable[Video],
        *,
        sampling: Sampling | None = None,
        failed: Callable[[Video, SynclineError], None] | None = None,
    ) -> Iterator[tuple[Video, CachedFeatures]]:
        """As ``FeatureCache.features_of``, one after the other: the estimator has its own processes (`prepare`)."""
        for video in videos:
            try:
                found = self.features(video, sampling=sampling)
            except SynclineError as error:
                if failed is None:
                    raise
                failed(video, error)
            else:
                yield video, found

    def _frames(self, video: Video, sampling: Sampling) -> NDArray[np.int64]:
        return sampled_frames(video, VideoReader(video.path).pts_seconds, sampling)


def encoder_inputs(
    encoder: FrameNetwork,
    root: str | Path | None = None,
    sampling: Sampling | None = None,
    *,
    bodies: FolderBodies | None = None,
) -> FeatureCache | None:
    """The cache of what an encoder is shown; None for one whose backbone was trained, or has no grid.

    Args:
        root: folder of the feature cache; None for the user's own.
        sampling: which frames; None for the encoder's own.
        bodies: where poses come from; None: from the estimator.

    Raises:
        SynclineError: an encoder of keypoint files without `bodies`, or one of pictures with.
    """
    config = encoder.config
    if config.features == "pictures":
        if bodies is not None:
            raise SynclineError("--keypoints: the run was trained on pictures alone; leave --keypoints or --run away")
        if config.trainable != "frozen" or not config.grid:
            return None
        return FeatureCache(root, encoder.backbone, config.sampling if sampling is None else sampling)
    assert config.pose is not None
    pictures = FeatureCache(root, encoder.backbone, config.sampling if sampling is None else sampling)
    given = own_bodies(config.pose, root) if bodies is None else replace(bodies, model=_model(config.pose))
    return InputCache(pictures, encoder.pose_space, given, config.pose.estimator)


def own_bodies(pose: PoseInput, root: str | Path | None = None) -> FolderBodies:
    """The estimator that an encoder was trained with as the source of poses.

    Raises:
        SynclineError: it was trained on keypoint files.
    """
    if pose.source == "keypoints":
        raise SynclineError("the run was trained on keypoint files; give those of these videos by --keypoints DIR")
    return FolderBodies("pose", model=_model(pose), cache=None if root is None else Path(root))


def _model(pose: PoseInput) -> Model:
    return "hands" if pose.source == "hands" else "body"
