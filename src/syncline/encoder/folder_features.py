"""Features of frames without training: pictures, body pose, or both side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from syncline.alignment import unit_rows
from syncline.data import Embedding, Sampling, Video, choose_rate
from syncline.encoder.feature_cache import FeatureCache
from syncline.encoder.feature_kinds import Kind
from syncline.encoder.folder_fit import FolderFit, KeptPoses
from syncline.encoder.frozen_features import frozen_embeddings
from syncline.errors import SynclineError, check_choice
from syncline.files import cache_folder, content_of
from syncline.pose.estimator import Model, find_python
from syncline.pose.folder_bodies import KeypointFolder
from syncline.pose.keypoint_files import THRESHOLD
from syncline.pose.keypoints import Keypoints
from syncline.pose.mirror import mirrored
from syncline.pose.normalise import NormalisedFolder, PoseOptions, PoseSpace
from syncline.pose.people_present import Presence, people_in
from syncline.pose.pose_cache import PoseCache
from syncline.progress import Callback, notice, silent


@dataclass
class FolderBodies:
    """The bodies in a folder's videos as features.

    Attributes:
        kind: `pose`, of the estimator or of `keypoints`; `keypoints`, of files only; `pictures+pose`; `auto`.
        keypoints: folder with a keypoint file a video; None: the estimator is asked.
        keypoints_rate: frames a second that the files count; None: the videos' own frames.
        threshold: joints of files below this confidence are missing.
        person: (x, y) as shares of the picture: whom to follow.
        model: what the estimator looks for: the body, or both hands.
        options: how bodies are made comparable.
        cache: folder of the feature cache; None for the user's own.
        clips: the keypoints of the videos embedded last, in their order; left for right where they were mirrored.
        folder: what came of them.
        presence: where people were found, if that was asked.
    """

    kind: Kind
    keypoints: Path | None = None
    keypoints_rate: float | None = None
    threshold: float = THRESHOLD
    person: tuple[float, float] | None = None
    model: Model = "body"
    options: PoseOptions = field(default_factory=PoseOptions)
    cache: Path | None = None
    clips: list[Keypoints] = field(default_factory=list)
    folder: NormalisedFolder | None = None
    presence: Presence | None = None

    def __post_init__(self) -> None:
        check_choice("features", self.kind, Kind, error=SynclineError)
        if self.kind == "keypoints" and self.keypoints is None:
            raise SynclineError("features of keypoints need --keypoints DIR, a folder with a keypoint file a video")

    def decide(self, videos: Sequence[Video], *, callback: Callback = silent) -> Kind:
        """Decides `auto` for these videos: poses if keypoint files are given or most clips show a person.

        Without an estimator nothing can be looked for, and `auto` means pictures.

        Raises:
            SynclineError: a file cannot be decoded.
        """
        if self.kind != "auto":
            return self.kind
        if self.keypoints is not None:
            self.kind = "pose"
        elif find_python() is None:
            self.kind = "pictures"
        else:
            self.presence = people_in(videos, self.cache, model=self.model, person=self.person, callback=callback)
            self.kind = "pose" if self.presence.people else "pictures"
        return self.kind

    def embed(
        self,
        videos: Sequence[Video],
        sampling: Sampling,
        *,
        callback: Callback = silent,
        kept: KeptPoses | None = None,
        refit: bool = False,
    ) -> list[Embedding]:
        """Positions and velocities of the bodies in the sampled frames, standardised over the videos.

        Args:
            sampling: which frames are looked at.
            callback: called with a ``Progress`` after every video, and a `notice` beforehand of how long it takes,
                where that is more than a few seconds; and where `kept` is out of date.
            kept: where the standardisation of the folder is kept; None measures it on these videos.
            refit: measure it anew.

        Raises:
            SynclineError: no estimator is installed, no keypoint file fits, or a file cannot be read.
        """
        self.clips = self.found(videos, sampling, callback=callback)
        contents = sorted(content_of(video.path) for video in videos)
        fit = None if kept is None or refit else kept.read(contents)
        if fit is None:
            fit = FolderFit(sampling.rate_hz, PoseSpace.fit(self.clips, self.options), tuple(contents))
            if kept is not None:
                kept.write(fit)
        due = fit.due(contents)
        if due is not None:
            callback(notice(due))
        self.folder = fit.space.project(self.clips)
        turned = zip(self.clips, self.folder.mirrored, strict=True)
        self.clips = [mirrored(clip) if yes else clip for clip, yes in turned]
        return self.folder.embeddings

    def found(
        self,
        videos: Sequence[Video],
        sampling: Sampling,
        *,
        callback: Callback = silent,
    ) -> list[Keypoints]:
        """The bodies themselves; arguments and errors as of `embed`."""
        source = self.source(sampling)
        try:
            return source.of_videos(videos, callback=callback)
        finally:
            if isinstance(source, PoseCache):
                source.close()

    def kept_in(self, folder: Path | None, rate: float | None) -> KeptPoses | None:
        """The file of the folder's pose standardisation; None if the videos are in no folder.

        Args:
            rate: frames a second that were asked for; None: left to the folder.
        """
        if folder is None:
            return None
        root = cache_folder() / "features" if self.cache is None else self.cache
        given = None if self.keypoints is None else str(self.keypoints.resolve())
        # pose is pose, whether `auto` chose it or somebody asked, beside pictures or alone
        return KeptPoses(root, folder, self.describe() | {"features": "pose", "keypoints": given, "rate_hz": rate})

    def source(self, sampling: Sampling) -> PoseCache | KeypointFolder:
        """The source of the poses; the caller closes a `PoseCache`.

        Raises:
            SynclineError: no estimator is installed.
        """
        if self.keypoints is None:
            return PoseCache(self.cache, sampling, self.model, person=self.person)
        return KeypointFolder(
            self.keypoints, sampling, rate=self.keypoints_rate, person=self.person, threshold=self.threshold
        )

    def describe(self) -> dict[str, object]:
        """Everything that decides the vectors, as a key."""
        files = None if self.keypoints is None else content_of(self.keypoints)
        return {
            "features": self.kind, "options": vars(self.options), "keypoints": files, "rate": self.keypoints_rate,
            "threshold": self.threshold, "person": self.person, "model": self.model,
        }  # fmt: skip

    def remarks(self, videos: Sequence[Video]) -> list[str]:
        """Warnings about the poses of the videos embedded last."""
        if self.folder is None:
            return []
        said = []
        mirrored = [video.name for video, yes in zip(videos, self.folder.mirrored, strict=True) if yes]
        if mirrored:
            said.append(f"mirrored, left for right: {_first(mirrored)}")
        missing = {
            video.name: float(1 - known.mean()) if len(known) else 1.0
            for video, known in zip(videos, self.folder.known, strict=True)
        }
        bad = [f"{name} ({share:.0%})" for name, share in missing.items() if share > 0.2]
        if bad:
            said.append(f"no pose in more than a fifth of the frames, which match nothing there: {_first(bad)}")
        return said


def untrained_embeddings(
    videos: Sequence[Video],
    kind: Kind = "pictures",
    *,
    rate: float | None = None,
    keypoints: Path | None = None,
    keypoints_rate: float | None = None,
    threshold: float = THRESHOLD,
    model: Model = "body",
    person: tuple[float, float] | None = None,
    options: PoseOptions | None = None,
    cache: Path | None = None,
    callback: Callback = silent,
) -> list[Embedding]:
    """Embeddings of the videos' frames without any training, one a video; arguments as of `syncline.features`."""
    if keypoints_rate is not None and not 0 < keypoints_rate < 1e4:
        raise SynclineError(f"keypoints_rate must be above 0, got {keypoints_rate}")
    bodies = FolderBodies(
        kind, keypoints, keypoints_rate, threshold, person, model, PoseOptions() if options is None else options, cache
    )
    sampling = Sampling(choose_rate(videos) if rate is None else rate)
    chosen = bodies.decide(videos, callback=callback)
    if chosen in ("pose", "keypoints"):
        return bodies.embed(videos, sampling, callback=callback)
    pictures = frozen_embeddings(videos, FeatureCache(cache, sampling=sampling), callback=callback)
    if chosen == "pictures":
        return pictures
    return side_by_side(pictures, bodies.embed(videos, sampling, callback=callback))


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


def _first(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
