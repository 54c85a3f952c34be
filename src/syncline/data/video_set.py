"""`Video` and `VideoSet`: the videos, which frames of them are sampled, their labels and splits."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from syncline.data.phases import events_from_phases
from syncline.errors import SynclineError
from syncline.video.on_display import nearest_frames


@dataclass(frozen=True, eq=False)
class Video:
    """One video, or a re-cut of one.

    Attributes:
        path: the file.
        name: unique in its set.
        source: name of the source video; re-cuts of one video share it, so that they are never compared.
        num_frames: frames of the file.
        frame_rate: mean frames a second of the file.
        split: "train", "val" or "".
        action: name of the activity, or "".
        phases: (num_frames,) int64 phase of every source frame, -1 unknown; None without labels.
        events: frame of the file at which each key event happens, None where it is absent; None altogether where only
            phases are known. An absent event is one that phases cannot tell from one that happens with the next.
        frames: source frame numbers of a re-cut in order of showing; None for the whole video.
        span: (first, one past the last) frame, where the video is one part of a longer file; it is sampled like a whole
            one, and its times are those of the file. None for the whole file.
    """

    path: Path
    name: str
    source: str
    num_frames: int
    frame_rate: float
    split: str = ""
    action: str = ""
    phases: NDArray[np.int64] | None = None
    frames: NDArray[np.int64] | None = None
    span: tuple[int, int] | None = None
    events: tuple[int | None, ...] | None = None

    @property
    def video_id(self) -> str:
        """The identity of the video: the path of a whole file, the name of a part or re-cut."""
        return str(self.path) if self.frames is None and self.span is None else self.name

    @property
    def identity(self) -> str:
        """`video_id`, as version 0.1.0 named it."""
        warnings.warn("Video.identity is video_id now", DeprecationWarning, stacklevel=2)
        return self.video_id

    def key_events(self, num_phases: int) -> tuple[int | None, ...]:
        """Frame of the file of every key event, None where it is absent: num_phases - 1 of them, () without labels."""
        if self.phases is None:
            return ()
        if self.events is not None:
            return (*self.events, *[None] * (num_phases - 1 - len(self.events)))[: max(num_phases - 1, 0)]
        return events_from_phases(self.phases, num_phases)

    @property
    def absent_events(self) -> frozenset[int]:
        """Numbers, from 0, of the key events that are marked as not happening."""
        return frozenset(k for k, event in enumerate(self.events or ()) if event is None)

    def own_pts_seconds(self, pts_seconds: NDArray[np.float64]) -> NDArray[np.float64]:
        """When each of its frames is shown, of the times of the file's: those of a part count from where it begins."""
        if self.span is None:
            return pts_seconds
        first, end = self.span
        own: NDArray[np.float64] = pts_seconds[first:end] - pts_seconds[first]
        return own


@dataclass(frozen=True, eq=False)
class VideoSet:
    """Videos of one collection, with its name and the names of its key events (often one fewer than phases)."""

    videos: tuple[Video, ...]
    name: str
    event_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        doubled = [name for name, count in Counter(video.name for video in self.videos).items() if count > 1]
        if doubled:
            raise SynclineError(f"{self.name}: the video name {doubled[0]!r} occurs more than once")

    def __len__(self) -> int:
        return len(self.videos)

    def __iter__(self) -> Iterator[Video]:
        return iter(self.videos)

    def __getitem__(self, index: int) -> Video:
        return self.videos[index]

    @property
    def num_phases(self) -> int:
        """Phases of the set: one more than the highest label, 0 without labels."""
        highest = [int(video.phases.max()) for video in self.videos if video.phases is not None and len(video.phases)]
        return max([*highest, len(self.event_names) if highest else -1]) + 1 if highest else 0

    def split(self, name: str) -> VideoSet:
        """The videos of one split, under the same name."""
        return replace(self, videos=tuple(video for video in self.videos if video.split == name))


@dataclass(frozen=True)
class Sampling:
    """Which frames of a video are looked at: every `stride`-th if given, else those nearest to `rate_hz` a second."""

    rate_hz: float = 7.5
    stride: int | None = None

    def __post_init__(self) -> None:
        if self.stride is not None and self.stride < 1:
            raise SynclineError(f"stride must be at least 1, got {self.stride}")
        if not 0 < self.rate_hz < 1e4:
            raise SynclineError(f"rate_hz must be above 0, got {self.rate_hz}")

    def indices(self, pts_seconds: NDArray[np.float64]) -> NDArray[np.int64]:
        """Frame numbers, ascending, without repeats: (k,) int64 of (t,) times.

        Examples:
            >>> Sampling(10).indices(np.arange(60) / 30.0)[:4].tolist()
            [0, 3, 6, 9]
        """
        if self.stride is not None:
            return np.arange(0, len(pts_seconds), self.stride, dtype=np.int64)
        if not len(pts_seconds):
            return np.zeros(0, dtype=np.int64)
        start, end = float(pts_seconds[0]), float(pts_seconds[-1])
        last = int((end - start) * self.rate_hz + 1e-6)
        # of the moments wanted only those beside a frame: between two frames there may be years, where time stamps leap
        beside = ((pts_seconds - start) * self.rate_hz).astype(np.int64)
        wanted = start + np.unique(np.concatenate([beside - 1, beside, beside + 1]).clip(0, last)) / self.rate_hz
        return np.unique(nearest_frames(pts_seconds, wanted))


def sampled_frames(video: Video, pts_seconds: NDArray[np.float64], sampling: Sampling) -> NDArray[np.int64]:
    """The frames of a re-cut as they are, otherwise those that `sampling` chooses: (k,) int64 source frame numbers."""
    if video.frames is not None:
        return video.frames
    first, end = video.span or (0, len(pts_seconds))
    return first + sampling.indices(pts_seconds[first:end])


def seconds_of(video: Video, shown: NDArray[np.float64], frame_indices: NDArray[np.int64]) -> NDArray[np.float64]:
    """When the sampled frames are shown: as the source's (``shown``), or of a re-cut its own (position / rate)."""
    if video.frames is None:
        return shown[frame_indices]
    return np.arange(len(frame_indices), dtype=np.float64) / video.frame_rate


def unique_names(paths: Sequence[Path]) -> list[str]:
    """Short names of files: the file's own, with as many parent folders as it takes to tell equal ones apart."""
    names = [path.name for path in paths]
    depth = 2
    while len(set(names)) < len(names) and depth < 16:
        counts = Counter(names)
        names = [
            "/".join(path.parts[-depth:]) if counts[name] > 1 else name for path, name in zip(paths, names, strict=True)
        ]
        depth += 1
    return names
