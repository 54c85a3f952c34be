"""A video file -> its frames, exactly.

Notable choices:
- A packet scan without decoding gives the presentation time of every frame. A decoded frame is recognised by its pts.
- The decoder runs on from where it is and seeks only past the next key frame.
- Scaling happens while converting to RGB, by one reformatter with one thread (a pool a frame costs several times more).
- Opening decodes pictures of its own, so a file is opened once to be known and once for each pass over its frames.
- Where the container has no usable presentation times (B-frames in AVI, bare H.264), frames are known by their order
  and reached by decoding from the start.
- Rotation in the file's metadata is applied: everything is as displayed.
- A header may claim anything: pictures above `MAX_PIXELS`, more than `MAX_FRAMES` frames and sample tables longer than
  their file are refused before memory is taken, and the decoder holds to the same limit.
"""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from syncline.errors import SynclineError
from syncline.video.frame_source import MAX_FRAMES, MAX_PIXELS, MAX_SIDE
from syncline.video.mp4_boxes import refuse_false_tables

_PATIENCE = 60.0  # seconds that opening, or reading one packet, may take


class VideoFile:
    """The frames of a file, see `FrameSource`.

    Raises:
        SynclineError: one line naming the file and what is wrong with it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with _opened(path) as container:
            stream = container.streams.video[0]
            self.codec = stream.codec_context.codec.canonical_name
            self.has_audio = bool(container.streams.audio)
            width, height = stream.codec_context.width, stream.codec_context.height
            if not 0 < width <= MAX_SIDE or not 0 < height <= MAX_SIDE or width * height > MAX_PIXELS:
                raise SynclineError(
                    f"{path}: pictures of {width} x {height}; sides from 1 to {MAX_SIDE} and up to {MAX_PIXELS} "
                    "pixels are read"
                )
            self._coded_size = int(height), int(width)
            start = (container.start_time or 0) / 1_000_000
            packets = _scan_packets(path, container, stream)
            self._counted = not packets.stamped or (
                container.format.name == "avi" and stream.codec_context.has_b_frames
            )
            time_base = float(stream.time_base)
            nominal_rate = float(stream.average_rate or 25)  # a stream is gone with its container
        self._pts, self.repeated = packets.pts, packets.repeated
        self.pts_seconds: NDArray[np.float64] = self._pts * time_base - start
        self._key_indices = np.searchsorted(self._pts, np.array(packets.keys, dtype=np.int64))
        span = float(self.pts_seconds[-1] - self.pts_seconds[0])
        self.frame_rate = (len(self._pts) - 1) / span if span > 0 else nominal_rate

    @property
    def display_size(self) -> tuple[int, int]:
        """(height, width) after turning; decodes the first frame when it is first asked for."""
        height, width = self._coded_size
        return (width, height) if self.rotation in (90, 270) else (height, width)

    @functools.cached_property
    def rotation(self) -> int:
        """Degrees clockwise, of the display matrix that every decoded frame carries."""
        with _opened(self.path) as container:
            return _degrees(self._first_frame(container))

    def _first_frame(self, container: Any) -> Any:
        """The first frame that the decoder gives; packets before the first key frame give none."""
        stream = container.streams.video[0]
        try:
            for packet in container.demux(stream):
                frame = _frame_of(self.path, packet, lenient=not packet.is_keyframe)
                if frame is not None:
                    return frame
        except av.error.FFmpegError as error:
            raise SynclineError(f"{self.path}: its first frame cannot be decoded ({_said(error)})") from error
        raise SynclineError(f"{self.path}: its first frame cannot be decoded (no packet gives a picture)")

    def pictures(self, frame_indices: NDArray[np.int64], size: tuple[int, int]) -> Iterator[NDArray[np.uint8]]:
        """The wanted frames in one pass; each is valid until the next one is asked for."""
        if not len(frame_indices):
            return
        reformatter = VideoReformatter()
        before = np.searchsorted(self._key_indices, frame_indices, side="right") - 1
        keys = self._key_indices[np.maximum(0, before)]
        with _opened(self.path) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            decoder = container.decode(stream)
            at = -1  # index of the last decoded frame
            fresh = True
            for target, key in zip(frame_indices.tolist(), keys.tolist()):
                away = not self._counted and ((fresh and key > 0) or key > at + 1)
                fresh = False
                try:
                    if away:
                        decoder = self._seek(container, stream, int(self._pts[key]))
                    frame = self._until(decoder, target, at)
                    if (
                        frame is None and not self._counted
                    ):  # a seek that fell late, as in files with a wrong index: once more from the start
                        decoder = self._seek(container, stream, int(self._pts[0]))
                        frame = self._until(decoder, target, -1)
                except av.error.FFmpegError as error:
                    raise SynclineError(f"{self.path}: frame {target} cannot be decoded ({_said(error)})") from error
                if frame is None:
                    raise SynclineError(f"{self.path}: frame {target} cannot be decoded (it is missing in the stream)")
                at = target
                yield _picture(frame, size, reformatter)

    @staticmethod
    def _seek(container: Any, stream: Any, pts: int) -> Any:
        container.seek(pts, stream=stream, backward=True, any_frame=False)
        return container.decode(stream)

    def _until(self, decoder: Any, target: int, at: int) -> Any:
        """Decode on from frame `at` to frame `target`; None if the decoder has passed it or the stream ends."""
        if self._counted:
            return next(itertools.islice(decoder, target - at - 1, None), None)
        wanted = int(self._pts[target])
        for frame in decoder:
            if frame.pts is not None and frame.pts >= wanted:
                return frame if frame.pts == wanted else None
        return None


def _opened(path: Path) -> Any:
    if not os.path.isfile(path):  # which, unlike Path.is_file, takes a name that is too long
        raise SynclineError(f"{path}: no such file")
    try:
        refuse_false_tables(path)
        # the whole path: what stands before a colon at the beginning would be the name of a protocol
        container = av.open(str(path.absolute()), metadata_errors="ignore", timeout=(_PATIENCE, _PATIENCE))
    except (av.error.FFmpegError, ValueError, OSError) as error:
        raise SynclineError(f"{path}: is no video that can be opened ({_said(error)})") from error
    if not container.streams.video:
        sound = bool(container.streams.audio)
        container.close()
        raise SynclineError(f"{path}: holds no video stream{' (only sound)' if sound else ''}")
    decoder: Any = container.streams.video[0].codec_context
    if decoder is None:
        container.close()
        raise SynclineError(f"{path}: its codec is not known")
    decoder.options = {"max_pixels": str(MAX_PIXELS)}
    return container


def _said(error: BaseException) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).splitlines()[0]


@dataclass(frozen=True, eq=False)
class _Packets:
    """What a scan of the packets finds.

    Attributes:
        pts: (n,) int64 time stamps of all frames that are shown, ascending. keys: those of the key frames.
        stamped: whether the file gave them. repeated: how many stamps came twice.
    """

    pts: NDArray[np.int64]
    keys: list[int]
    stamped: bool
    repeated: int


def _scan_packets(path: Path, container: Any, stream: Any) -> _Packets:
    """Read all packets; decode none, unless the file does not begin with a key frame.

    A recording cut out of a longer one begins without a key frame, or with one that an edit list hides: frames before
    the first that the decoder gives are left out, and a hidden key frame counts as one at the first that is shown.
    """
    shown: list[int] = []
    keys: list[int] = []
    unstamped = 0
    first: Any = None  # frame that the decoder gives
    headless: bool | None = None  # whether the first packet holds no key frame
    hidden_key = False
    try:
        for packet in container.demux(stream):
            if headless is None and packet.size:
                headless = not packet.is_keyframe
            if first is None and headless:
                first = _frame_of(path, packet, lenient=True)
            if packet.is_discard or not packet.size:
                hidden_key = hidden_key or (bool(packet.size) and packet.is_keyframe and not shown)
                continue
            if packet.pts is None:
                unstamped += 1
            else:
                shown.append(packet.pts)
                if packet.is_keyframe:
                    keys.append(packet.pts)
            if len(shown) + unstamped > MAX_FRAMES:
                raise SynclineError(f"{path}: more than {MAX_FRAMES} frames")
    except av.error.FFmpegError as error:
        if not shown and not unstamped:
            raise SynclineError(f"{path}: cannot be read ({_said(error)})") from error
    if not shown and not unstamped:
        raise SynclineError(f"{path}: holds no frame")
    if unstamped > len(shown):  # a bare stream: the nominal rate is all there is
        step = 1.0 / (float(stream.average_rate or 25) * float(stream.time_base))
        pts = np.unique(np.round(np.arange(unstamped + len(shown)) * max(1.0, step)).astype(np.int64))
        return _Packets(pts, [0], False, 0)
    if headless and first is not None and first.pts is not None:
        shown = [pts for pts in shown if pts >= first.pts] or shown
    pts = np.unique(np.array(shown, dtype=np.int64))
    if hidden_key or not keys:
        keys.append(int(pts[0]))
    return _Packets(pts, sorted(keys), True, len(shown) - len(pts))


def _frame_of(path: Path, packet: Any, *, lenient: bool) -> Any:
    """The first frame that the packet gives, None without one; the empty packet at the end flushes the decoder.

    ``lenient`` of packets that cannot be decoded: they give none, as what precedes the first key frame does.
    """
    try:
        return next(iter(packet.decode()), None)
    except av.error.FFmpegError as error:
        if lenient:
            return None
        raise SynclineError(f"{path}: its first frame cannot be decoded ({_said(error)})") from error


def _picture(frame: Any, size: tuple[int, int], reformatter: VideoReformatter) -> NDArray[np.uint8]:
    rotation = _degrees(frame)
    height, width = size[::-1] if rotation in (90, 270) else size
    converted = reformatter.reformat(frame, width=width, height=height, format="rgb24", threads=1)
    plane = converted.planes[0]  # looked at in place: whoever takes the picture copies it, once
    buffer: Any = memoryview(plane)
    picture = np.ndarray((height, width, 3), np.uint8, buffer=buffer, strides=(plane.line_size, 3, 1))
    return np.rot90(picture, -rotation // 90) if rotation else picture


def _degrees(frame: Any) -> int:
    """Clockwise, of the display matrix that every decoded frame carries."""
    return -round(getattr(frame, "rotation", 0) or 0) % 360 // 90 * 90
