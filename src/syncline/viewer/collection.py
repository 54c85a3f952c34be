"""What the viewer knows about one folder: its videos, their pictures and clocks, and the people's marks."""

from __future__ import annotations

import functools
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from syncline.data import VideoSet
from syncline.errors import SynclineError
from syncline.files import content_hash, replacing
from syncline.tasks.tables import at_frames
from syncline.video import VideoReader
from syncline.viewer.journal import Journal

PLAYABLE = {"h264", "vp8", "vp9", "av1"}
PLAYABLE_SUFFIXES = {".mp4", ".m4v", ".webm", ".mov"}
JUST_PAST = 1e-4
"""Seconds added before asking which frame is on display, so that rounding never gives the frame before."""


class Library:
    """One folder in the browser. Videos are named by their number in the set, never by a path.

    Args:
        videos: what is served; nothing else ever is.
        work: a folder for the journal, proxies and runs.
        broken: (name, reason) of files that cannot be used, to be shown.
        event_names: names of the key events; taken from the set if None.
    """

    def __init__(
        self,
        videos: VideoSet,
        work: Path,
        *,
        broken: Sequence[tuple[str, str]] = (),
        event_names: Sequence[str] | None = None,
    ) -> None:
        self.videos, self.work, self.broken = videos, work, list(broken)
        self.journal = Journal(work / "labels.jsonl")
        self._event_names = list(videos.event_names if event_names is None else event_names)
        self._real = [video.path.resolve() for video in videos]
        self.places = {video.name: i for i, video in enumerate(videos)}
        self.reader = functools.lru_cache(maxsize=256)(self._reader)
        self.strip = functools.lru_cache(maxsize=1024)(self._strip)
        self.picture = functools.lru_cache(maxsize=2048)(self._picture)

    def __len__(self) -> int:
        return len(self.videos)

    def place(self, number: int) -> int:
        """The number itself, if it is one of a served video."""
        if not 0 <= number < len(self.videos):
            raise SynclineError(f"there is no video {number}; the library has {len(self.videos)}")
        return number

    def file(self, number: int) -> Path:
        """The file of a video, as long as it is the one that the library was opened with.

        Raises:
            SynclineError: no such video, or its path has since become a link to another place.
        """
        path = self.videos[self.place(number)].path
        if path.resolve() != self._real[number]:
            raise SynclineError(f"{self.videos[number].name} now leads to another place; open the folder again")
        return path

    @property
    def event_names(self) -> list[str]:
        """Names of the key events: those of the set, changed by what people wrote."""
        names = list(self._event_names)
        for event, name in sorted(self.journal.names().items()):
            names += [f"event {k + 1}" for k in range(len(names), event + 1)]
            names[event] = name
        return names

    def describe(self) -> list[dict[str, Any]]:
        """One dictionary a video, for the library page; no file is opened for it."""
        marks = self.journal.marks()
        return [
            {
                "id": i,
                "name": video.name,
                "split": video.split,
                "duration": round(video.num_frames / video.frame_rate, 3),
                "frames": video.num_frames,
                "rate": round(video.frame_rate, 3),
                "phases": None if video.phases is None or not len(video.phases) else int(video.phases.max()) + 1,
                "starts": self._phase_starts(i),
                "marks": {str(k): seconds for k, seconds in marks.get(video.name, {}).items()},
            }
            for i, video in enumerate(self.videos)
        ]

    def _phase_starts(self, number: int) -> list[float]:
        """Where a new phase begins, as shares of the video."""
        phases = self.videos[number].phases
        if phases is None or not len(phases):
            return []
        return [round(float(k + 1) / len(phases), 4) for k in np.flatnonzero(np.diff(phases))]

    def phase_at(self, number: int, seconds: NDArray[np.float64]) -> NDArray[np.int64]:
        """Phase at each moment, -1 where unknown."""
        video = self.videos[number]
        if video.phases is None or not len(video.phases):
            return np.full(len(seconds), -1)
        return np.asarray(video.phases[at_frames(seconds, self.clock(number)[: len(video.phases)])])

    def events(self, number: int) -> list[list[float]]:
        """Known key events of a video as [event, second]: marked by hand, else where its phases begin."""
        video = self.videos[number]
        marked = self.journal.marks().get(video.name, {})
        found = {k: second for k, second in marked.items() if second is not None}
        if not found and video.phases is not None:
            clock = self.clock(number)
            starts = (np.flatnonzero(np.diff(video.phases[: len(clock)]) > 0) + 1).tolist()
            found = {int(video.phases[start]) - 1: float(clock[start]) for start in starts}
        return [[k, found[k]] for k in sorted(found)]

    def plays(self, number: int) -> bool:
        """Whether browsers play the file itself; otherwise a proxy is made."""
        path = self.file(number)
        return path.suffix.lower() in PLAYABLE_SUFFIXES and self.reader(number).codec in PLAYABLE

    def clock(self, number: int) -> NDArray[np.float64]:
        """When each frame is shown: (num_frames,) seconds on the player's clock."""
        return self.reader(number).pts_seconds

    def _reader(self, number: int, height: int | None = None) -> VideoReader:
        path = self.file(number)
        if height is None:
            return VideoReader(path)
        full = self.reader(number)
        height = min(height, full.height - full.height % 2)
        return VideoReader(path, size=(height, max(2, round(full.width / full.height * height / 2) * 2)))

    def _strip(self, number: int, count: int = 6, height: int = 90) -> bytes:
        """`count` evenly spaced pictures in one JPEG, kept on disk."""
        kept = self.work / "strips" / f"{content_hash(self.file(number))}.jpg"
        if kept.exists():
            return kept.read_bytes()
        reader = self.reader(number, height)
        seconds = np.linspace(reader.pts_seconds[0], reader.pts_seconds[-1], count + 2)[1:-1]
        content = _jpeg(np.concatenate(list(reader.frames_at(seconds).pixels), axis=1))
        with replacing(kept) as temporary:
            temporary.write_bytes(content)
        return content

    def _picture(self, number: int, second: float, height: int = 160) -> bytes:
        """The frame on display at a moment, as JPEG."""
        return _jpeg(self.reader(number, height).frames_at(np.array([second + JUST_PAST])).pixels[0])


def _jpeg(pixels: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=82)
    return buffer.getvalue()
