"""Decodes a video file: its frames as displayed, by exact index.

Notable choices:
- Seconds count from the first picture. Where a container begins earlier (with sound) or gives the first picture a later
  time, nothing moves when the sound is dropped or the file is packed anew; `container_offset` says by how much the two
  differ.
- A packet scan without decoding gives the time stamp of every frame. A decoded frame is recognised by its stamp.
- The decoder runs on from where it is and seeks only to a key frame that is well ahead: a seek empties its pipeline.
- Scaling happens while converting to RGB, by one reformatter with one thread (a pool a frame costs several times more).
- Opening decodes pictures of its own, so a file is opened once to be known and once for each pass over its frames.
- Where the container has no usable stamps (B-frames in AVI, bare H.264), frames are known by their order and reached by
  decoding from the start. So are those of an MPEG program stream, where several pictures share one stamp and those
  after a seek may get that of another; where packs hold several pictures, these lie at the even rate that they name.
- Pictures are turned, mirrored and widened as the file's metadata ask for.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av.error
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from numpy.typing import NDArray

from syncline.errors import SynclineError
from syncline.video.frame_source import MAX_PIXELS, MAX_SIDE, Form
from syncline.video.geometry import UPRIGHT, Orientation, displayed_width, split_planes
from syncline.video.packets import frame_of, scan_packets
from syncline.video.picture_streams import decodable, decoded_from, films, find_film, opened, reason

_TAGGED = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)")
_HDR = {16: "PQ", 18: "HLG"}
_SEEK_AHEAD = 8
"""Frames: about as many are decoded in vain after a seek as before the next one is needed."""
_SLIGHT = 5e-4  # seconds between container and first picture that nobody can tell


class VideoFile:
    """The frames of a file, see `FrameSource`.

    Attributes:
        container_offset: seconds by which the first picture comes after the container's beginning; 0 where they agree.
        seeks_astray: whether a player that looks for a frame by when it is decoded finds another one: frames are
            stored in another order than they are shown, and the rate varies.
        stored_sizes: of the pictures that were read so far; more than one where a stream changes its size.

    Raises:
        SynclineError: one line naming the file and what is wrong with it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with opened(path) as container:
            self.stream_index = find_film(path, container)
            self._first_index, self._films = container.streams.video[0].index, len(films(container))
            stream = decodable(container, self.stream_index, path)
            context = stream.codec_context
            self.codec = context.codec.canonical_name
            self.has_audio = bool(container.streams.audio)
            width, height = context.width, context.height
            if not width and not height:
                raise SynclineError(
                    f"{path}: {self.codec} pictures of unknown size, which FFmpeg cannot decode; give the file as MP4 "
                    "or GIF"
                )
            if not 0 < width <= MAX_SIDE or not 0 < height <= MAX_SIDE or width * height > MAX_PIXELS:
                raise SynclineError(
                    f"{path}: pictures of {width} x {height}; sides from 1 to {MAX_SIDE} and up to {MAX_PIXELS} "
                    "pixels are read"
                )
            self._coded = int(height), int(width)
            self._aspect = stream.sample_aspect_ratio
            self._transfer = _HDR.get(int(context.color_trc or 0))
            packets = scan_packets(path, container, stream)
            unsure = container.format.name == "avi" and context.has_b_frames
            self._counted, self._guessed = not packets.stamped or packets.counted or unsure, packets.counted
            self._seeks = not self._counted and container.format.name != "mpeg"
            start = container.start_time
            self._tagged = _seconds_tagged(stream)
            time_base = float(stream.time_base)
            nominal_rate = float(stream.guessed_rate or 25)  # a stream is gone with its container
        self._pts, self.repeated, self._stamped = packets.pts, packets.repeated, packets.stamped
        self.first_pts_seconds = float(self._pts[0]) * time_base
        self.pts_seconds: NDArray[np.float64] = (self._pts - self._pts[0]) * time_base
        known = packets.stamped and start is not None
        self.container_offset = self.first_pts_seconds - start / 1_000_000 if known else 0.0
        steps = np.diff(self.pts_seconds)
        uneven = bool(len(steps)) and float(np.abs(steps - np.median(steps)).max()) > 0.1 * float(np.median(steps))
        self.seeks_astray = packets.reordered and uneven
        self.stored_sizes: dict[tuple[int, int], None] = {}
        self._keys = np.searchsorted(self._pts, np.array(packets.keys, dtype=np.int64))
        span = float(self.pts_seconds[-1])
        self.frame_rate = (len(self._pts) - 1) / span if span > 0 else nominal_rate

    @property
    def display_size(self) -> tuple[int, int]:
        """(height, width) as displayed; decodes the first frame when it is first asked for."""
        height, width = self._coded
        return self._orientation.sides((height, displayed_width(height, width, self._aspect)))

    @property
    def rotation(self) -> int:
        """Degrees clockwise that the metadata ask for."""
        return self._orientation.rotation

    @property
    def _orientation(self) -> Orientation:
        return self._first[0]

    @functools.cached_property
    def _first(self) -> tuple[Orientation, bool]:
        """Inspects the first decoded frame: its layout, and whether it is interlaced."""
        with opened(self.path) as container:
            stream = decodable(container, self.stream_index, self.path)
            try:
                for packet in container.demux(stream):
                    frame = frame_of(self.path, packet, lenient=not packet.is_keyframe)
                    if frame is not None:
                        return Orientation.of(frame), bool(frame.interlaced_frame)
            except av.error.FFmpegError as error:
                raise SynclineError(f"{self.path}: its first frame cannot be decoded ({reason(error)})") from error
        raise SynclineError(f"{self.path}: its first frame cannot be decoded (no packet gives a picture)")

    @property
    def reading(self) -> int:
        """2 where version 1 took another stream or rate, left the picture unmirrored or missed a frame after a seek."""
        exact = self.stream_index == self._first_index and (self._seeks or self._counted) and not self._guessed
        exact = exact and self._stamped
        return 1 if exact and not self._orientation.mirrored else 2

    def remarks(self) -> list[str]:
        """What is unusual about the file and how it is read."""
        said = []
        orientation, interlaced = self._first
        if orientation.rotation:
            said.append(f"rotated by {orientation.rotation} degrees (applied)")
        if orientation.mirrored:
            said.append("mirrored by its display matrix (applied)")
        height, width = self._coded
        wide = displayed_width(height, width, self._aspect)
        if wide != width:
            said.append(f"stored as {width}x{height} with pixels of aspect {self._aspect}, shown as {wide}x{height}")
        if abs(self.container_offset) > _SLIGHT:
            when = "after" if self.container_offset > 0 else "before"
            said.append(
                f"its first picture comes {abs(self.container_offset):.3f} s {when} the container's beginning; seconds "
                "count from the picture"
            )
        end = float(self.pts_seconds[-1]) + 1 / self.frame_rate
        if self._tagged is not None and self._tagged - end > max(2 / self.frame_rate, 0.05 * self._tagged):
            said.append(
                f"its pictures end at {end:.2f} s, its header says {self._tagged:.2f} s: the file may be cut off"
            )
        if not self._stamped:
            said.append(f"a bare stream without times; counted at {self.frame_rate:.4g} frames a second")
        if self._films > 1:
            said.append(f"{self._films} picture streams in one file; stream {self.stream_index} is read")
        if self._transfer:
            said.append(f"HDR ({self._transfer}); its colours are read as stored, not tone-mapped")
        if interlaced:
            said.append("interlaced; both fields are in one picture")
        return said

    def pictures(
        self, frame_indices: NDArray[np.int64], size: tuple[int, int], form: Form = "rgb24"
    ) -> Iterator[NDArray[np.uint8]]:
        """The wanted frames in one pass; each is valid until the next one is asked for."""
        if not len(frame_indices):
            return
        reformatter = VideoReformatter()
        before = np.searchsorted(self._keys, frame_indices, side="right") - 1
        keys = self._keys[np.maximum(0, before)]
        with opened(self.path) as container:
            stream = decodable(container, self.stream_index, self.path)
            stream.thread_type = "AUTO"
            decoder = container.decode(stream)
            at = -1  # index of the last decoded frame
            fresh = True
            for target, key in zip(frame_indices.tolist(), keys.tolist()):
                away = self._seeks and key > (0 if fresh else at + _SEEK_AHEAD)
                fresh = False
                try:
                    if away:
                        decoder = decoded_from(container, stream, int(self._pts[key]))
                    frame = self._until(decoder, target, at)
                    if (
                        frame is None and self._seeks
                    ):  # a seek that fell late, as in files with a wrong index: once more from the start
                        decoder = decoded_from(container, stream, int(self._pts[0]))
                        frame = self._until(decoder, target, -1)
                except av.error.FFmpegError as error:
                    raise SynclineError(f"{self.path}: frame {target} cannot be decoded ({reason(error)})") from error
                if frame is None:
                    raise SynclineError(
                        f"{self.path}: frame {target} cannot be decoded (it is missing in the stream; the file may be "
                        "cut off)"
                    )
                at = target
                self.stored_sizes[frame.height, frame.width] = None
                yield _picture(frame, size, reformatter) if form == "rgb24" else _planes(frame, size, reformatter)

    def _until(self, decoder: Any, target: int, at: int) -> Any:
        """Decode on from frame `at` to frame `target`; None if the decoder has passed it or the stream ends."""
        if self._counted:
            return next(itertools.islice(decoder, target - at - 1, None), None)
        wanted = int(self._pts[target])
        for frame in decoder:
            if frame.pts is not None and frame.pts >= wanted:
                return frame if frame.pts == wanted else None
        return None


def _picture(frame: Any, size: tuple[int, int], reformatter: VideoReformatter) -> NDArray[np.uint8]:
    orientation = Orientation.of(frame)
    height, width = orientation.sides(size)
    converted = reformatter.reformat(frame, width=width, height=height, format="rgb24", threads=1)
    plane = converted.planes[0]  # looked at in place: whoever takes the picture copies it, once
    buffer: Any = memoryview(plane)
    return orientation.apply(np.ndarray((height, width, 3), np.uint8, buffer=buffer, strides=(plane.line_size, 3, 1)))


def _planes(frame: Any, size: tuple[int, int], reformatter: VideoReformatter) -> NDArray[np.uint8]:
    orientation = Orientation.of(frame)
    height, width = orientation.sides(size)
    converted = reformatter.reformat(
        frame,
        width=width,
        height=height,
        format="yuv420p",
        dst_colorspace=Colorspace.ITU601,
        dst_color_range=ColorRange.MPEG,
        threads=1,
    )
    found: NDArray[Any] = converted.to_ndarray()
    if orientation == UPRIGHT:
        return found
    turned = np.empty((size[0] * 3 // 2, size[1]), np.uint8)
    for source, target in zip(split_planes(found), split_planes(turned)):
        target[:] = orientation.apply(source)
    return turned


def _seconds_tagged(stream: Any) -> float | None:
    """How long the stream is by its tag, as Matroska and WebM have one (`00:00:03.000000000`); None without one."""
    parts = _TAGGED.fullmatch(stream.metadata.get("DURATION", ""))
    return None if parts is None else 3600.0 * int(parts[1]) + 60 * int(parts[2]) + float(parts[3])
