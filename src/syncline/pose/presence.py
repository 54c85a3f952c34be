"""Whether there are people in a folder's videos: what `--features auto` goes by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from syncline.data import Video
from syncline.parallel import results_in_order
from syncline.pose.cache import PoseCache
from syncline.pose.keypoints import Keypoints
from syncline.progress import Callback, Steps, silent
from syncline.video import VideoReader

FRAMES = 16
"""Frames that are looked at in each clip, evenly spaced."""
CLIPS = 16
"""Clips that are looked at in a folder, evenly spaced in its order."""
SURE = 0.5
"""Mean confidence of the joints in use from which a person counts as there."""
NEEDED = 0.6
"""Share of a clip's frames with a person from which poses serve it."""


@dataclass(frozen=True)
class Presence:
    """Where people were found.

    Attributes:
        shares: of each clip that was looked at, by its name: share of the frames in which a person was found.
    """

    shares: dict[str, float]

    @property
    def people(self) -> bool:
        """Whether most clips have a person in at least `NEEDED` of the frames."""
        return sum(share >= NEEDED for share in self.shares.values()) > len(self.shares) / 2

    def __str__(self) -> str:
        there = sum(share >= NEEDED for share in self.shares.values())
        return (
            f"a person in {NEEDED:.0%} or more of the frames of {there} of {len(self.shares)} clips that were looked at"
            f" (on average in {float(np.mean([*self.shares.values()] or [0.0])):.0%} of the frames)"
        )


def find_people(videos: Sequence[Video], cache: PoseCache, *, progress: Callback = silent) -> Presence:
    """Looks for a person in `FRAMES` frames of up to `CLIPS` clips.

    Raises:
        SynclineError: a file cannot be decoded.
    """
    chosen = (
        [videos[i] for i in np.unique(np.linspace(0, len(videos) - 1, CLIPS).round().astype(int))] if videos else []
    )
    step = Steps("looking for people", len(chosen), progress)
    shares: dict[str, float] = {}

    def look(video: Video) -> float:
        return share_with_person(cache.of_frames(video.path, _spread(video)))

    for video, share in zip(chosen, results_in_order(chosen, look, workers=cache.estimator.workers), strict=True):
        shares[video.name] = share
        step(video.name)
    return Presence(shares)


def share_with_person(clip: Keypoints) -> float:
    """Share of the frames of a clip in which a person is there with confidence."""
    if not len(clip):
        return 0.0
    used = clip.skeleton.indices_of(clip.skeleton.used)
    return float((clip.confidence[:, used].mean(axis=1) >= SURE).mean())


def _spread(video: Video) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Numbers of `FRAMES` frames, or of all where there are fewer."""
    first, end = video.span or (0, VideoReader(video.path).num_frames)
    if video.frames is not None:
        first, end = int(video.frames.min()), int(video.frames.max()) + 1
    return np.unique(np.linspace(first, end - 1, FRAMES).round().astype(np.int64))
