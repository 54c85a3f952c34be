"""Poses of videos, estimated once and kept on disk beside the features of pictures.

The key is what makes a pose: the estimator's model, version and hash, whom it follows, the content of the file and
which of its frames are looked at (the body is followed from one to the next, so a pose depends on the frames before).
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from syncline.data import Sampling, Video, sampled_frames
from syncline.data.video_set import seconds_of
from syncline.errors import SynclineError
from syncline.files import cache_folder, content_of, write_json
from syncline.parallel import results_in_order
from syncline.pose.estimator import Estimator, Model
from syncline.pose.keypoint_files import load_keypoints, write_keypoints
from syncline.pose.keypoints import Keypoints
from syncline.progress import Callback, Steps, announce, silent
from syncline.video import VideoReader

_log = logging.getLogger(__name__)

FRAMES_A_SECOND = 20
"""Of one worker, roughly, for what is said beforehand."""


class PoseCache:
    """Keypoints of the sampled frames of videos.

    Args:
        root: folder of the cache; None for the user's own.
        sampling: which frames are looked at.
        model: the body, or both hands.
        person: (x, y) as shares of the picture: who is there at the start is followed; None: who is seen best.
        workers: processes of the estimator; None for one a core.

    Raises:
        SynclineError: no estimator is installed.
    """

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        sampling: Sampling | None = None,
        model: Model = "body",
        *,
        person: tuple[float, float] | None = None,
        workers: int | None = None,
    ) -> None:
        self.root = cache_folder() / "features" if root is None else Path(root)
        self.sampling = Sampling() if sampling is None else sampling
        self.person = person
        self.estimator = Estimator(model, workers=workers)

    def close(self) -> None:
        """Ends the estimator's processes."""
        self.estimator.close()

    def describe(self) -> dict[str, object]:
        """Everything that decides a pose, for the cache's key and the model card."""
        return {"name": self.estimator.described["model"], "person": self.person, **self.estimator.described}

    @property
    def folder(self) -> Path:
        """The folder of this estimator's poses; its ``transform.json`` says what made them."""
        words = json.dumps(self.describe(), sort_keys=True)
        return self.root / f"pose-{self.estimator.model}-{hashlib.sha256(words.encode()).hexdigest()[:16]}"

    def seconds_needed(self, wanted: Iterable[tuple[Path, NDArray[np.int64]]]) -> float:
        """Roughly how long the poses take that are not kept yet, of files and ascending frames in them."""
        missing = sum(len(frames) for path, frames in wanted if not self._file(path, frames).is_file())
        return missing / FRAMES_A_SECOND / self.estimator.workers

    def keypoints(self, video: Video) -> Keypoints:
        """The body in the sampled frames of one video, with the times of those frames."""
        shown = VideoReader(video.path).pts_seconds
        wanted = sampled_frames(video, shown, self.sampling)
        found = self.of_frames(video.path, np.unique(wanted))
        return _picked(
            found, np.searchsorted(np.unique(wanted), wanted), seconds_of(video, shown, wanted), video.video_id
        )

    def of_frames(self, path: Path, frame_indices: NDArray[np.int64]) -> Keypoints:
        """The body in the given ascending frames of a file."""
        target = self._file(path, frame_indices)
        try:
            kept = load_keypoints(target)
            if len(kept) == len(frame_indices):
                return kept
        except SynclineError:
            pass  # not there, or not whole: estimated again
        found = self.estimator.keypoints(path, frame_indices, person=self.person)
        try:
            if not (self.folder / "transform.json").is_file():
                write_json(self.folder / "transform.json", self.describe())
            write_keypoints(target, found)
        except OSError as error:
            _log.warning("poses cannot be kept in %s (%s): they are estimated each time", self.folder, error)
        return found

    def _wanted(self, video: Video) -> NDArray[np.int64]:
        return np.unique(sampled_frames(video, VideoReader(video.path).pts_seconds, self.sampling))

    def _file(self, path: Path, frame_indices: NDArray[np.int64]) -> Path:
        frames = hashlib.sha256(frame_indices.astype("<i8").tobytes()).hexdigest()[:16]
        return self.folder / f"{content_of(path)}-{frames}.npz"

    def of_videos(self, videos: Sequence[Video], *, callback: Callback = silent) -> list[Keypoints]:
        """`keypoints` of each, several at a time; if it takes more than a few seconds, it is announced.

        Raises:
            SynclineError: a file cannot be decoded.
        """
        if callback is not silent:
            wanted = ((video.path, self._wanted(video)) for video in videos)
            announce(callback, "finding poses", self.seconds_needed(wanted))
        step = Steps("finding poses", len(videos), callback)
        results = []
        for video, found in zip(
            videos, results_in_order(videos, self.keypoints, workers=self.estimator.workers), strict=True
        ):
            step(video.name)
            results.append(found)
        return results


def _picked(found: Keypoints, rows: NDArray[np.int64], pts_seconds: NDArray[np.float64], source: str) -> Keypoints:
    return Keypoints(
        found.positions[rows], found.confidence[rows], pts_seconds, found.skeleton, source, found.picture_size
    )
