"""A video file -> frames by number or by time, exactly.

Notable choices:
- A packet scan without decoding gives the presentation time of every frame; a frame's number is its place in the order
  of presentation, whatever B-frames, variable rates or edit lists do. A decoded frame is recognised by its pts.
- Requests are sorted; the decoder runs on from where it is and seeks only past the next key frame.
- Scaling happens while converting to RGB, by one reformatter with one thread (a pool a frame costs several times more).
- Opening decodes pictures of its own, so a file is opened once to be known and once for each pass over its frames.
- Where the container has no usable presentation times (B-frames in AVI, bare H.264), frames are known by their order
  and reached by decoding from the start.
- Rotation in the file's metadata is applied: everything is in display orientation.
- A header may claim anything: pictures above `MAX_PIXELS`, more than `MAX_FRAMES` frames and sample tables longer than
  their file are refused before memory is taken, and the decoder holds to the same limit.
"""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import ArrayLike, NDArray

from syncline.errors import SynclineError
from syncline.video.tables import refuse_false_tables

MAX_SIDE = 16_384
MAX_PIXELS = 1 << 26
MAX_FRAMES = 20_000_000
CHUNK_BYTES = 1 << 20
_PATIENCE = 60.0  # seconds that opening, or reading one packet, may take


@dataclass(frozen=True, eq=False)
class Frames:
    """Decoded frames with their times.

    Attributes:
        pixels: (k, h, w, 3) uint8 RGB in display orientation.
        pts_seconds: (k,) float64 on the player's clock.
        indices: (k,) int64 frame numbers.
    """

    pixels: NDArray[np.uint8]
    pts_seconds: NDArray[np.float64]
    indices: NDArray[np.int64]


class VideoReader:
    """One video file, or one folder of numbered pictures (see `syncline.video.frames`).

    Args:
        path: the file or folder.
        size: (h, w) in display orientation to scale to; None keeps the file's size.

    Attributes:
        num_frames: frames that can be shown.
        repeated: frames of the file that are left out, because another one has their time: many where two recordings
            were put into one file whose clock starts anew.
        pts_seconds: (num_frames,) float64 ascending, on the player's clock (0 = the container's start).
        frame_rate: mean frames a second.
        height, width: of the frames returned.
        rotation: degrees clockwise that the metadata asks for (0, 90, 180, 270), already applied.
        codec, has_audio, duration: as the file says; duration in seconds runs to the end of the last frame.

    Raises:
        SynclineError: one line naming the file and what is wrong with it.
    """

    repeated = 0

    def __new__(cls, path: str | Path, *, size: tuple[int, int] | None = None) -> VideoReader:
        """A reader of the kind that the path needs."""
        if cls is VideoReader and os.path.isdir(path):
            from syncline.video.frames import FrameFolder

            return super().__new__(FrameFolder)
        return super().__new__(cls)

    def __init__(self, path: str | Path, *, size: tuple[int, int] | None = None) -> None:
        self.path = Path(path)
        with _opened(self.path) as container:
            stream = container.streams.video[0]
            self.codec = stream.codec_context.codec.canonical_name
            self.has_audio = bool(container.streams.audio)
            width, height = stream.codec_context.width, stream.codec_context.height
            if not 0 < width <= MAX_SIDE or not 0 < height <= MAX_SIDE or width * height > MAX_PIXELS:
                raise SynclineError(
                    f"{self.path}: pictures of {width} x {height}; sides from 1 to {MAX_SIDE} and up to {MAX_PIXELS} "
                    "pixels are read"
                )
            start = (container.start_time or 0) / 1_000_000
            self._pts, keys, stamped, rotation, self.repeated = _packet_scan(
                self.path, container, stream, turned=size is None
            )
            if rotation is not None:
                self.rotation = rotation
            self._counted = not stamped or (container.format.name == "avi" and stream.codec_context.has_b_frames)
            self._time_base = float(stream.time_base)
            nominal_rate = float(stream.average_rate or 25)  # a stream is gone with its container
        self.pts_seconds: NDArray[np.float64] = self._pts * self._time_base - start
        self._key_places = np.searchsorted(self._pts, np.array(keys, dtype=np.int64))
        self.num_frames = len(self._pts)
        span = float(self.pts_seconds[-1] - self.pts_seconds[0])
        self.frame_rate = (self.num_frames - 1) / span if span > 0 else nominal_rate
        self.duration = float(self.pts_seconds[-1]) + 1.0 / self.frame_rate
        if rotation in (90, 270):
            width, height = height, width
        self.height, self.width = size or (int(height), int(width))
        if self.height < 1 or self.width < 1 or self.height > MAX_SIDE or self.width > MAX_SIDE:
            raise SynclineError(f"{self.path}: cannot scale to {self.height} x {self.width}")

    @functools.cached_property
    def rotation(self) -> int:
        """Known from the start where the size of the pictures depends on it, otherwise found when asked for."""
        return VideoReader(self.path).rotation

    def __len__(self) -> int:
        return self.num_frames

    def index_at(self, seconds: ArrayLike) -> NDArray[np.int64]:
        """The frame on display at each moment: (k,) int64; the first frame before the start, the last after the end."""
        wanted = np.atleast_1d(np.asarray(seconds, dtype=np.float64))
        place = np.searchsorted(self.pts_seconds, wanted + 1e-9, side="right") - 1
        return np.asarray(place.clip(0, self.num_frames - 1), dtype=np.int64)

    def frames_at(self, seconds: ArrayLike) -> Frames:
        """The frames on display at the given moments."""
        return self.frames(self.index_at(seconds))

    def frames(self, indices: Sequence[int] | NDArray[np.integer]) -> Frames:
        """Frames by number, in the order asked for; repeats are allowed.

        Raises:
            SynclineError: a number outside the video, or a file that cannot be decoded there.
        """
        wanted = np.asarray(indices, dtype=np.int64).reshape(-1)
        if len(wanted) and (wanted.min() < 0 or wanted.max() >= self.num_frames):
            raise SynclineError(
                f"{self.path}: frame {int(wanted.max() if wanted.max() >= self.num_frames else wanted.min())} "
                f"was asked for, frames 0 to {self.num_frames - 1} exist"
            )
        distinct, places = np.unique(wanted, return_inverse=True)
        pixels = np.empty((len(distinct), self.height, self.width, 3), dtype=np.uint8)
        for place, picture in enumerate(self._decode(distinct)):
            pixels[place] = picture
        if len(distinct) != len(wanted) or (places != np.arange(len(wanted))).any():
            pixels = pixels[places]
        return Frames(pixels, self.pts_seconds[wanted], wanted)

    def chunks(
        self, indices: Sequence[int] | NDArray[np.integer] | None = None, *, chunk_size: int | None = None
    ) -> Iterator[Frames]:
        """Ascending frames in chunks of at most `chunk_size`, decoded in one pass; memory does not grow with the video.

        Args:
            indices: strictly ascending frame numbers; None for all.
            chunk_size: frames a chunk; None for about `CHUNK_BYTES`, which stay in the processor's cache.
        """
        if chunk_size is None:
            chunk_size = max(1, CHUNK_BYTES // (self.height * self.width * 3))
        wanted = np.arange(self.num_frames) if indices is None else np.asarray(indices, dtype=np.int64).reshape(-1)
        if len(wanted) and ((np.diff(wanted) <= 0).any() or wanted[0] < 0 or wanted[-1] >= self.num_frames):
            raise SynclineError(f"{self.path}: chunks takes ascending frame numbers from 0 to {self.num_frames - 1}")
        pictures = self._decode(wanted)
        for start in range(0, len(wanted), chunk_size):
            part = wanted[start : start + chunk_size]
            pixels = np.empty((len(part), self.height, self.width, 3), dtype=np.uint8)
            for place in range(len(part)):
                pixels[place] = next(pictures)
            yield Frames(pixels, self.pts_seconds[part], part)

    def _decode(self, wanted: NDArray[np.int64]) -> Iterator[NDArray[np.uint8]]:
        """Pictures of ascending distinct frame numbers."""
        if not len(wanted):
            return
        reformatter = VideoReformatter()
        keys = self._key_places[np.maximum(0, np.searchsorted(self._key_places, wanted, side="right") - 1)]
        with _opened(self.path) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            decoder = container.decode(stream)
            at = -1  # number of the last decoded frame
            fresh = True
            for target, key in zip(wanted.tolist(), keys.tolist()):
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
                yield self._picture(frame, reformatter)

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

    def _picture(self, frame: Any, reformatter: VideoReformatter) -> NDArray[np.uint8]:
        rotation = _degrees(frame)
        height, width = (self.width, self.height) if rotation in (90, 270) else (self.height, self.width)
        converted = reformatter.reformat(frame, width=width, height=height, format="rgb24", threads=1)
        plane = converted.planes[0]  # looked at in place: whoever takes the picture copies it, once
        buffer: Any = memoryview(plane)
        picture = np.ndarray((height, width, 3), np.uint8, buffer=buffer, strides=(plane.line_size, 3, 1))
        return np.rot90(picture, -rotation // 90) if rotation else picture


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


def _packet_scan(
    path: Path, container: Any, stream: Any, *, turned: bool
) -> tuple[NDArray[np.int64], list[int], bool, int | None, int]:
    """Time stamps of all frames that are shown, ascending, those of the key frames, whether the file gave them, if
    ``turned`` is asked for, how the first frame is turned (no other is decoded), and how many stamps were repeated.

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
            if first is None and (turned or headless):
                first = _first_frame(path, packet, lenient=bool(headless))
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
    if turned and first is None:
        raise SynclineError(f"{path}: its first frame cannot be decoded (no packet gives a picture)")
    rotation = _degrees(first) if turned else None
    if unstamped > len(shown):  # a bare stream: the nominal rate is all there is
        step = 1.0 / (float(stream.average_rate or 25) * float(stream.time_base))
        pts = np.unique(np.round(np.arange(unstamped + len(shown)) * max(1.0, step)).astype(np.int64))
        return pts, [0], False, rotation, 0
    if headless and first is not None and first.pts is not None:
        shown = [pts for pts in shown if pts >= first.pts] or shown
    pts = np.unique(np.array(shown, dtype=np.int64))
    if hidden_key or not keys:
        keys.append(int(pts[0]))
    return pts, sorted(keys), True, rotation, len(shown) - len(pts)


def _first_frame(path: Path, packet: Any, *, lenient: bool) -> Any:
    """The first frame that the packet gives, None without one; the empty packet at the end flushes the decoder.

    ``lenient`` of packets that cannot be decoded: they give none, as what precedes the first key frame does.
    """
    try:
        return next(iter(packet.decode()), None)
    except av.error.FFmpegError as error:
        if lenient:
            return None
        raise SynclineError(f"{path}: its first frame cannot be decoded ({_said(error)})") from error


def _degrees(frame: Any) -> int:
    """Clockwise, of the display matrix that every decoded frame carries."""
    return -round(getattr(frame, "rotation", 0) or 0) % 360 // 90 * 90
