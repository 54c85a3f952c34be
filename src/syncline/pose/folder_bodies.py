"""Keypoints of a folder's videos, from the estimator's cache or from keypoint files."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from syncline.data import Sampling, Video, sampled_frames
from syncline.data.video_set import seconds_of
from syncline.errors import SynclineError
from syncline.pose.keypoint_files import THRESHOLD, find_keypoints, read_keypoints
from syncline.pose.keypoints import Keypoints
from syncline.pose.normalise import LONGEST_GAP
from syncline.progress import Callback, Steps, silent
from syncline.video import VideoReader
from syncline.wording import counted

_log = logging.getLogger(__name__)


class KeypointFolder:
    """Keypoint files of videos, one a video, at the frames that are sampled.

    Args:
        folder: where they are; see `syncline.pose.keypoint_files.find_keypoints`.
        sampling: which frames are looked at.
        rate: frames a second that the files count; None: the videos' own frames.
        person: (x, y) as shares of the picture: who is followed; None: the largest.
        threshold: joints below this confidence are missing.
    """

    def __init__(
        self,
        folder: str | Path,
        sampling: Sampling | None = None,
        *,
        rate: float | None = None,
        person: tuple[float, float] | None = None,
        threshold: float = THRESHOLD,
    ) -> None:
        self.folder = Path(folder)
        self.sampling = Sampling() if sampling is None else sampling
        self.rate, self.person, self.threshold = rate, person, threshold

    def of_videos(self, videos: Sequence[Video], *, callback: Callback = silent) -> list[Keypoints]:
        """The body of each video at its sampled frames; all unknown, with a warning, where a video has no file.

        Raises:
            SynclineError: no video has a file, or one cannot be read.
        """
        step = Steps("reading keypoints", len(videos), callback)
        found: list[Keypoints | None] = []
        for video in videos:
            path = find_keypoints(self.folder, video.path)
            if path is None:
                _log.warning("%s: no keypoint file in %s; its poses are unknown", video.name, self.folder)
            found.append(None if path is None else self._sampled(video, path))
            step(video.name)
        some = next((clip for clip in found if clip is not None), None)
        if some is None:
            raise SynclineError(
                f"--keypoints {self.folder}: no keypoint file is named as one of {counted(len(videos), 'video')} "
                f"({', '.join(video.path.stem for video in videos[:3])}, …)"
            )
        return [self._nobody(video, some) if clip is None else clip for video, clip in zip(videos, found, strict=True)]

    def _sampled(self, video: Video, path: Path) -> Keypoints:
        reader = VideoReader(video.path)
        whole = read_keypoints(
            path, pts_seconds=reader.pts_seconds, rate=self.rate, picture_size=(reader.width, reader.height),
            person=self.person, threshold=self.threshold, video=video.path,
        )  # fmt: skip
        wanted = sampled_frames(video, reader.pts_seconds, self.sampling)
        distinct, rows = np.unique(wanted, return_inverse=True)
        at = whole.at(reader.pts_seconds[distinct], LONGEST_GAP if self.rate is not None else 0.0)
        return Keypoints(
            at.positions[rows], at.confidence[rows], seconds_of(video, reader.pts_seconds, wanted), at.skeleton,
            video.video_id, (reader.width, reader.height),
        )  # fmt: skip

    def _nobody(self, video: Video, like: Keypoints) -> Keypoints:
        shown = VideoReader(video.path).pts_seconds
        wanted = sampled_frames(video, shown, self.sampling)
        shape = (len(wanted), *like.positions.shape[1:])
        return Keypoints(
            np.full(shape, np.nan, np.float32), np.zeros(shape[:2], np.float32), seconds_of(video, shown, wanted),
            like.skeleton, video.video_id,
        )  # fmt: skip
