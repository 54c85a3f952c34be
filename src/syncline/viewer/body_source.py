"""Body pose in the viewer: embeddings that the page can switch to, and bodies drawn over the films."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from syncline.data import Embedding, Sampling, Video, choose_rate
from syncline.errors import SynclineError

if TYPE_CHECKING:
    from syncline.encoder.folder_features import FolderBodies
    from syncline.pose import Keypoints
    from syncline.pose.cache import PoseCache
    from syncline.pose.folder import KeypointFolder


class BodySource:
    """Poses of the library's videos, by the estimator or of keypoint files.

    Args:
        bodies: what `--features`, `--keypoints` and the like say.
        videos: gives the set, which may grow.

    Raises:
        SynclineError: features that are no poses alone.
    """

    name = "body pose"

    def __init__(self, bodies: FolderBodies, videos: Callable[[], Sequence[Video]]) -> None:
        if bodies.kind not in ("pose", "keypoints"):
            raise SynclineError(f"--features {bodies.kind}: the page shows pictures or pose; give one of the two")
        self._bodies, self._videos = bodies, videos
        self._source: PoseCache | KeypointFolder | None = None
        self._clips: dict[str, Keypoints] = {}
        self._lock = threading.Lock()

    def _clip(self, video: Video) -> Keypoints:
        with self._lock:
            if video.identity not in self._clips:
                if self._source is None:
                    self._source = self._bodies.source(Sampling(choose_rate(self._videos())))
                self._clips[video.identity] = self._source.of_videos([video])[0]
            return self._clips[video.identity]

    def prepare(self, video: Video) -> None:
        """Find the poses of one video."""
        self._clip(video)

    def embed(self, videos: Sequence[Video], *, whole: bool = False) -> list[Embedding]:
        """Standardised over exactly these videos."""
        from syncline.pose import pose_embeddings

        return pose_embeddings([self._clip(video) for video in videos], self._bodies.options).embeddings

    def drawn(self, video: Video) -> dict[str, object]:
        """What the page draws over one video; see `syncline.pose.angles.overlay`. Times begin with the video's own."""
        from dataclasses import replace

        from syncline.pose.angles import overlay

        clip = self._clip(video)
        if video.span is not None and len(clip):
            clip = replace(clip, pts_seconds=clip.pts_seconds - clip.pts_seconds[0])
        return overlay(clip)
