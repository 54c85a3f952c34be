"""Poses of the training videos: found and measured before the encoder is built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from syncline.data import Video
from syncline.encoder import FeatureCache
from syncline.encoder.encoder_config import PoseInput
from syncline.encoder.folder_features import FolderBodies
from syncline.encoder.pose_inputs import InputCache
from syncline.errors import SynclineError
from syncline.pose import Keypoints, PoseSpace
from syncline.pose.normalise import KNOWN_SHARE
from syncline.pose.pose_cache import PoseCache
from syncline.training.train_config import PoseSource, TrainConfig
from syncline.training.training_progress import TrainingCallback, passed_on


@dataclass(frozen=True, eq=False)
class FoundPoses:
    """The poses of the training videos, and the space that was measured on them."""

    bodies: FolderBodies
    space: PoseSpace
    made_with: dict[str, str]

    def behind(self, pictures: FeatureCache) -> InputCache:
        """The cache that the encoder is fed from."""
        return InputCache(pictures, self.space, self.bodies, self.made_with)


def bodies_of(source: PoseSource, root: Path | None) -> FolderBodies:
    """The settings of a run as a source of poses; `root` is the folder of the feature cache."""
    return FolderBodies(
        "pose" if source.keypoints is None else "keypoints",
        None if source.keypoints is None else Path(source.keypoints), source.keypoints_rate, source.threshold,
        source.person, source.model, source.options, root,
    )  # fmt: skip


def with_poses(
    videos: Sequence[Video], config: TrainConfig, cache: FeatureCache | str | Path | None, callback: TrainingCallback
) -> tuple[TrainConfig, FoundPoses]:
    """Finds the poses of all videos that can be read, and puts what was measured on them into the configuration.

    Raises:
        SynclineError: no estimator is installed, no keypoint file fits, or nobody is in any video.
    """
    root = cache.root if isinstance(cache, FeatureCache) else None if cache is None else Path(cache)
    bodies = bodies_of(config.pose, root)
    source = bodies.source(config.encoder.sampling)
    made_with: dict[str, str] = {}
    clips: list[Keypoints] = []
    try:
        if isinstance(source, PoseCache):
            made_with = source.estimator.described
        clips = source.of_videos([video for video in videos if _reads(video)], callback=passed_on(callback))
    finally:
        if isinstance(source, PoseCache):
            source.close()
    seen = sum(clip.people_share >= KNOWN_SHARE for clip in clips)
    if not seen:
        raise SynclineError(
            f"in none of the {len(videos)} videos a body was found in half of the frames; train on pictures "
            "(--features pictures)"
        )
    space = PoseSpace.fit(clips, config.pose.options)
    kind = config.pose.model if config.pose.keypoints is None else "keypoints"
    pose = PoseInput(kind, space.settings(), space.width, len(space.sides), made_with)
    return replace(config, encoder=replace(config.encoder, pose=pose)), FoundPoses(bodies, space, made_with)


def _reads(video: Video) -> bool:
    from syncline.video import VideoReader

    try:
        VideoReader(video.path)
    except SynclineError:
        return False
    return True
