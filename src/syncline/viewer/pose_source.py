"""Poses in the viewer: embeddings to switch to, and bodies drawn over the films."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from syncline.data import Embedding, Sampling, Video, choose_rate
from syncline.errors import SynclineError
from syncline.files import content_of

if TYPE_CHECKING:
    from syncline.encoder.folder_features import FolderBodies
    from syncline.pose import Keypoints
    from syncline.pose.folder_bodies import KeypointFolder
    from syncline.pose.pose_cache import PoseCache
    from syncline.viewer.embedding_sources import Source


class BodySource:
    """Poses of the library's videos, by the estimator or of keypoint files.

    Args:
        bodies: what `--features`, `--keypoints` and the like say.
        videos: gives the set, which may grow.
        rate: gives the frames looked at a second; None: enough for the clips.
        folder: whose standardisation is kept, as the verbs of the command line keep it; None where there is no one
            folder.
    """

    name = "body pose"

    def __init__(
        self,
        bodies: FolderBodies,
        videos: Callable[[], Sequence[Video]],
        rate: Callable[[], float] | None = None,
        folder: Path | None = None,
    ) -> None:
        self._bodies, self._videos = bodies, videos
        self._rate, self._folder = rate, folder
        self._source: PoseCache | KeypointFolder | None = None
        self._clips: dict[str, Keypoints] = {}
        self._mirrored: frozenset[str] = frozenset()  # identities of the videos that --mirror auto turned
        self._lock = threading.Lock()

    def _clip(self, video: Video) -> Keypoints:
        with self._lock:
            if video.video_id not in self._clips:
                if self._source is None:
                    rate = choose_rate(self._videos()) if self._rate is None else self._rate()
                    self._source = self._bodies.source(Sampling(rate))
                self._clips[video.video_id] = self._source.of_videos([video])[0]
            return self._clips[video.video_id]

    def prepare(self, video: Video) -> None:
        """Find the poses of one video."""
        self._clip(video)

    def embed(self, videos: Sequence[Video], *, whole: bool = False) -> list[Embedding]:
        """Standardised as is kept of the folder; where nothing is, over these videos, which is kept of the whole."""
        from syncline.encoder.folder_fit import FolderFit
        from syncline.pose import PoseSpace

        clips = [self._clip(video) for video in videos]
        contents = sorted(content_of(video.path) for video in videos)
        kept = self._bodies.kept_in(self._folder, None)
        fit = None if kept is None else kept.read(contents)
        if fit is None:
            assert self._source is not None
            space = PoseSpace.fit(clips, self._bodies.options)
            fit = FolderFit(self._source.sampling.rate_hz, space, tuple(contents))
            if kept is not None and whole:
                kept.write(fit)
        projected = fit.space.project(clips)
        turned = {video.video_id for video, yes in zip(videos, projected.mirrored, strict=True) if yes}
        self._mirrored = self._mirrored - {video.video_id for video in videos} | turned
        return projected.embeddings

    def drawn(self, video: Video) -> dict[str, object]:
        """The bodies drawn over one video; see `syncline.pose.angles.overlay`. Times begin with the video's own."""
        from syncline.pose.angles import overlay

        return overlay(self.body(video))

    def body(self, video: Video) -> Keypoints:
        """The body in one video; times begin with the video's own.

        Raises:
            SynclineError: keypoints in 3-D, which have no place in the picture.
        """
        clip = self._own(video)
        if clip.positions.shape[2] == 3:
            raise SynclineError(f"{video.name}: its keypoints are in 3-D and have no place in the picture to be drawn")
        return clip

    def angles(self, video: Video) -> dict[str, object]:
        """The angles of the joints in one video, which may be in 3-D: `seconds`, which begin with the video's own, and
        `angles`, by name a list of degrees, None where a joint is not known; of mirrored clips left is right."""
        from syncline.pose.angles import angles_at
        from syncline.pose.mirror import mirrored

        clip = self._own(video)
        clip = mirrored(clip) if video.video_id in self._mirrored else clip
        angles = {
            name: [None if value != value else round(value, 1) for value in values.tolist()]
            for name, values in angles_at(clip, clip.pts_seconds).items()
        }
        return {"seconds": clip.pts_seconds.round(5).tolist(), "angles": angles}

    def _own(self, video: Video) -> Keypoints:
        """The keypoints of one video; times begin with the video's own."""
        clip = self._clip(video)
        if video.span is not None and len(clip):
            clip = replace(clip, pts_seconds=clip.pts_seconds - clip.pts_seconds[0])
        return clip


class Beside:
    """Pictures and poses of the same frames side by side, half of the weight each.

    Args:
        pictures: embeddings of pictures. bodies: the poses, at the same rate.
    """

    name = "pictures + body pose"

    def __init__(self, pictures: Source, bodies: BodySource) -> None:
        self._pictures, self._bodies = pictures, bodies

    def prepare(self, video: Video) -> None:
        """Both of one video."""
        self._pictures.prepare(video)
        self._bodies.prepare(video)

    def embed(self, videos: Sequence[Video], *, whole: bool = False) -> list[Embedding]:
        """Both of prepared videos."""
        from syncline.encoder.folder_features import side_by_side

        return side_by_side(self._pictures.embed(videos, whole=whole), self._bodies.embed(videos, whole=whole))
