"""`Library`: the videos of a folder, their pictures and times, and the marks on them."""

from __future__ import annotations

import functools
import io
import logging
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from syncline.data import VideoSet, open_videos
from syncline.errors import SynclineError
from syncline.files import content_hash, replacing
from syncline.video import VideoReader, frames_on_display, plays_in_step
from syncline.viewer.marks_journal import Journal, Marks

_log = logging.getLogger(__name__)

ADDED = "added"
"""Name of the folder of videos that were added in the browser, beside the marks."""


class Library:
    """One folder in the browser. Videos are named by their number in the set, never by a path.

    A video that is a part of a longer file (`Video.span`) is shown as one of its own, whose time starts at 0.

    Args:
        videos: what is served; nothing else ever is.
        work: a folder for the journal, proxies and runs.
        broken: (name, reason) of files that cannot be used, to be shown.
        event_names: names of the key events; taken from the set if None.
        read_only: whether the folder of the videos cannot be written, so that `work` lies elsewhere.
        time_origin: what seconds of label files count from: "picture", the first one, or "container", its beginning.
            Marks and everything else count from the first picture.
        label_rate: frames a second that label files count, as of `read_labels`.
    """

    def __init__(
        self,
        videos: VideoSet,
        work: Path,
        *,
        broken: Sequence[tuple[str, str]] = (),
        event_names: Sequence[str] | None = None,
        read_only: bool = False,
        time_origin: str = "picture",
        label_rate: float | None = None,
    ) -> None:
        self.time_origin, self.label_rate = time_origin, label_rate
        self.videos, self.work, self.broken, self.read_only = videos, work, list(broken), read_only
        self.journal = Journal(work / "labels.jsonl")
        self._event_names = list(videos.event_names if event_names is None else event_names)
        self._real = [video.path.resolve() for video in videos]
        self.numbers = {video.name: i for i, video in enumerate(videos)}
        self._told: set[int] = set()  # whose marks behind their end have been logged
        self._open = functools.lru_cache(maxsize=256)(VideoReader)  # parts of one file share its reader
        self.strip = functools.lru_cache(maxsize=1024)(self._strip)
        self.picture = functools.lru_cache(maxsize=2048)(self._picture)

    def __len__(self) -> int:
        return len(self.videos)

    def add(self, path: Path) -> int:
        """Take in a file; the videos that are there keep their numbers. Returns its own.

        Raises:
            SynclineError: no video that can be read, or a name that is there already.
        """
        video = open_videos(path)[0]
        self.videos = replace(self.videos, videos=(*self.videos, video))  # refuses a name that is there already
        self._real.append(video.path.resolve())
        self.numbers[video.name] = len(self) - 1
        return len(self) - 1

    def checked(self, number: int) -> int:
        """The number, if there is such a video.

        Raises:
            SynclineError: no served video has it.
        """
        if not 0 <= number < len(self.videos):
            raise SynclineError(f"there is no video {number}; the library has {len(self.videos)}")
        return number

    @property
    def title(self) -> str:
        """The name of the folder, for names of files."""
        return _for_files(self.videos.name) or "videos"

    def stem(self, number: int) -> str:
        """The name of a video for names of files: without its suffix, and without what file names do not take."""
        return _for_files(Path(self.videos[self.checked(number)].name).stem)

    def file(self, number: int) -> Path:
        """The file of a video, as long as it is the one that the library was opened with.

        Raises:
            SynclineError: no such video, or its path has since become a link to another file.
        """
        path = self.videos[self.checked(number)].path
        if path.resolve() != self._real[number]:
            raise SynclineError(f"{self.videos[number].name} now leads elsewhere; open the folder again")
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
        marks = self.marks()
        return [
            {
                "id": i,
                "name": video.name,
                "split": video.split,
                "duration": round(length / video.frame_rate, 3),
                "frames": length,
                "rate": round(video.frame_rate, 3),
                "phases": None if phases is None or not len(phases) else int(phases.max()) + 1,
                "starts": _phase_starts(phases),
                "marks": {str(k): seconds for k, seconds in marks.get(video.name, {}).items()},
            }
            for i, video in enumerate(self.videos)
            for length, phases in [(self.num_frames(i), self.phases(i))]
        ]

    def num_frames(self, number: int) -> int:
        """The number of frames of a video."""
        first, end = self._span(number)
        return end - first

    def phases(self, number: int) -> NDArray[np.int64] | None:
        """Phase of every frame of a video, None without labels."""
        phases, (first, end) = self.videos[number].phases, self._span(number)
        return None if phases is None else phases[first:end]

    def _span(self, number: int) -> tuple[int, int]:
        video = self.videos[number]
        return video.span or (0, video.num_frames)

    def phase_at(self, number: int, seconds: NDArray[np.float64]) -> NDArray[np.int64]:
        """Phase at each moment, -1 where unknown."""
        phases = self.phases(number)
        if phases is None or not len(phases):
            return np.full(len(seconds), -1)
        return np.asarray(phases[frames_on_display(self.pts_seconds(number)[: len(phases)], seconds)])

    def marks(self) -> Marks:
        """The marks of people, without impossible ones: moments after the end of a part of a file.

        Such marks were made by versions that counted from the start of the file.
        """
        marks = self.journal.marks()
        for name in marks.keys() & self.numbers.keys():
            number = self.numbers[name]
            if self.videos[number].span is not None:
                marks[name] = self._within(number, marks[name])
        return {name: events for name, events in marks.items() if events}

    def _within(self, number: int, events: dict[int, float | None]) -> dict[int, float | None]:
        end = (self.num_frames(number) + 1) / self.videos[number].frame_rate  # a frame more: rounding costs no mark
        kept = {k: second for k, second in events.items() if second is None or second < end}
        if len(kept) < len(events) and number not in self._told:
            self._told.add(number)
            _log.warning(
                "%s: %d of %d marks lie behind its end and are ignored; mark them again",
                self.videos[number].name, len(events) - len(kept), len(events),
            )  # fmt: skip
        return kept

    def events(self, number: int) -> list[list[float]]:
        """Known key events of a video as [event, second]: marked by hand, else where its phases begin."""
        marked, phases = self.marks().get(self.videos[number].name, {}), self.phases(number)
        found = {k: second for k, second in marked.items() if second is not None}
        if not found and phases is not None:
            pts_seconds = self.pts_seconds(number)
            starts = (np.flatnonzero(np.diff(phases[: len(pts_seconds)]) > 0) + 1).tolist()
            found = {int(phases[start]) - 1: float(pts_seconds[start]) for start in starts}
        return [[k, found[k]] for k in sorted(found)]

    def pin(self, a: int, seconds_a: float, b: int, seconds_b: float, number: int | None = None) -> None:
        """Say that a moment of A belongs to one of B, or move the pin of that number.

        Raises:
            SynclineError: a moment outside its video, a pin that crosses another one, or as `Journal.pin`.
        """
        for video, seconds in ((a, seconds_a), (b, seconds_b)):
            end = float(self.pts_seconds(video)[-1])
            if not 0 <= seconds <= end + 0.5:
                raise SynclineError(f"{self.videos[video].name} has no moment {seconds:.2f} s; it ends at {end:.2f} s")
        for pin in self.pins_between(a, b):
            if pin["number"] != number and (pin["a"] - seconds_a) * (pin["b"] - seconds_b) <= 0:
                raise SynclineError(
                    f"this pin would cross the one at {pin['a']:.2f} s and {pin['b']:.2f} s: what comes first in one "
                    "video would come later in the other; move or remove that one first"
                )
        self.journal.pin(self.videos[a].name, seconds_a, self.videos[b].name, seconds_b, number=number)

    def pins_between(self, a: int, b: int) -> list[dict[str, Any]]:
        """Pins of two videos as `{"number", "a", "b"}` with the seconds of each, whichever way round they were made."""
        first, second = (self.videos[self.checked(number)].name for number in (a, b))
        found = []
        for pin in self.journal.pins():
            moments = {pin.video_a: pin.seconds_a, pin.video_b: pin.seconds_b}
            if moments.keys() == {first, second}:
                found.append({"number": pin.number, "a": moments[first], "b": moments[second]})
        return found

    def plays(self, number: int) -> bool:
        """Whether browsers play the file itself; otherwise a proxy is made, as for every part of a longer file."""
        return self.videos[number].span is None and plays_in_step(self.reader(number))

    def pts_seconds(self, number: int) -> NDArray[np.float64]:
        """When each frame is shown: (num_frames,) seconds from the start of the video."""
        return self.videos[number].own_pts_seconds(self.reader(number).pts_seconds)

    def begins(self, number: int) -> float:
        """When a video begins within its file, in seconds: 0, except for a part of a longer one."""
        span = self.videos[number].span
        return 0.0 if span is None else float(self.reader(number).pts_seconds[span[0]])

    def content(self, number: int) -> str:
        """A name for files that are made of a video: other videos have another."""
        span = self.videos[number].span
        return content_hash(self.file(number)) + ("" if span is None else f"-{span[0]}-{span[1]}")

    def reader(self, number: int, height: int | None = None) -> VideoReader:
        """A reader of the file of a video, scaled to a height, at most its own."""
        path = self.file(number)
        full = self._open(path)
        if height is None:
            return full
        height = max(2, min(height, full.height - full.height % 2))
        return full.scaled((height, max(2, round(full.width / full.height * height / 2) * 2)))

    def _strip(self, number: int, count: int = 6, height: int = 90) -> bytes:
        """`count` evenly spaced pictures in one JPEG, kept on disk."""
        kept = self.work / "strips" / f"{self.content(number)}.jpg"
        if kept.exists():
            return kept.read_bytes()
        pts_seconds = self.pts_seconds(number)
        wanted = np.linspace(pts_seconds[0], pts_seconds[-1], count + 2)[1:-1]
        pictures = self._pictures(number, wanted, height)
        content = _jpeg(np.concatenate(list(pictures), axis=1))
        try:
            with replacing(kept) as temporary:
                temporary.write_bytes(content)
        except OSError as error:
            _log.warning("the pictures of %s are not kept for the next time: %s", self.videos[number].name, error)
        return content

    def _picture(self, number: int, second: float, height: int = 160) -> bytes:
        """The frame on display at a moment, as JPEG."""
        return _jpeg(self._pictures(number, np.array([second]), height)[0])

    def _pictures(self, number: int, seconds: NDArray[np.float64], height: int) -> NDArray[np.uint8]:
        frames = self._span(number)[0] + frames_on_display(self.pts_seconds(number), seconds)
        return self.reader(number, height).frames(frames).pixels


def _for_files(name: str) -> str:
    """A name without what names of files do not take."""
    return re.sub(r"[^\w.-]+", "_", name).strip("._")


def _phase_starts(phases: NDArray[np.int64] | None) -> list[float]:
    """Beginnings of the phases, as fractions of the video."""
    if phases is None:
        return []
    return [round(float(k + 1) / len(phases), 4) for k in np.flatnonzero(np.diff(phases))]


def _jpeg(pixels: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=82)
    return buffer.getvalue()
