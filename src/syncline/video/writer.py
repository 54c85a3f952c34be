"""Frames with times -> an H.264 mp4 that every browser plays; whole or not at all."""

from __future__ import annotations

import contextlib
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import av.error
import numpy as np
from numpy.typing import NDArray

from syncline.errors import SynclineError
from syncline.files import replacing
from syncline.video.reader import VideoReader
from syncline.video.sound import Sound, encode_sound

TIME_BASE = 90_000
"""Ticks a second of the written time stamps."""


class VideoWriter:
    """A context manager that writes an mp4 (H.264, yuv420p, index in front).

    Args:
        path: the file; it appears when the block ends without an error.
        height, width: of the pictures; odd ones are cut by one row or column, which the codec needs.
        rate: nominal frames a second; the times given to `write` are what counts.
        sound: samples to write instead.
        quick: for half the time, and files that are a third larger.
        reorders: whether B-frames may be used, with which browsers miss frames of a variable rate.
        audio_from: a file whose sound is copied, cut to the length of the pictures; left out from where that fails.

    Examples:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "a.mp4"
        >>> with VideoWriter(path, height=32, width=32, rate=10) as writer:
        ...     for k in range(3):
        ...         writer.write(np.full((32, 32, 3), 80 * k, np.uint8), k / 10)
        >>> VideoReader(path).num_frames
        3
    """

    def __init__(
        self,
        path: str | Path,
        *,
        height: int,
        width: int,
        rate: float,
        audio_from: str | Path | None = None,
        sound: Sound | None = None,
        quick: bool = False,
        reorders: bool = True,
    ) -> None:
        self.path, self.height, self.width = Path(path), height - height % 2, width - width % 2
        if self.height < 2 or self.width < 2:
            raise SynclineError(f"{path}: cannot write pictures of {height} x {width}")
        self._rate = Fraction(rate).limit_denominator(1001)
        self._audio_from, self._samples = audio_from, sound
        self._preset = "superfast" if quick else "veryfast"
        self._reorders = reorders
        self._last, self._end = -1, 0.0
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> VideoWriter:
        temporary = self._stack.enter_context(replacing(self.path))
        try:
            self._container = self._stack.enter_context(
                av.open(str(temporary), "w", format="mp4", options={"movflags": "+faststart"})
            )
            self._stream: Any = self._container.add_stream("libx264", rate=self._rate)
            self._stream.height, self._stream.width, self._stream.pix_fmt = self.height, self.width, "yuv420p"
            self._stream.codec_context.time_base = Fraction(1, TIME_BASE)
            self._stream.codec_context.bit_rate = 0  # crf alone decides
            # x264's AVX-512 code for mbtree reads memory that nobody wrote: the same pictures would give other files.
            # Without it, a crf of 22 makes files as large as 20 did with it.
            self._stream.options = {"crf": "22", "preset": self._preset, "x264-params": "mbtree=0"}
            if not self._reorders:
                self._stream.options |= {"bf": "0"}
            self._sound = _CopiedSound(self._audio_from, self._container) if self._audio_from is not None else None
            self._sound_stream: Any = None
            if self._samples is not None:
                self._sound_stream = self._container.add_stream("aac", rate=self._samples.rate)
                self._sound_stream.layout = "mono" if len(self._samples.samples) == 1 else "stereo"
        except BaseException as error:
            if not self._stack.__exit__(type(error), error, error.__traceback__):
                raise
        return self

    def write(self, pixels: NDArray[np.uint8], pts_seconds: float) -> None:
        """One picture (h, w, 3) uint8 RGB and when it is shown; times must ascend by at least 1 / 90,000 s.

        Raises:
            SynclineError: a picture of another size, or a time that does not ascend.
        """
        if (
            pixels.ndim != 3
            or pixels.shape[0] - self.height not in (0, 1)
            or pixels.shape[1] - self.width not in (0, 1)
        ):
            raise SynclineError(f"{self.path}: a picture of {pixels.shape}, expected {(self.height, self.width, 3)}")
        frame = av.VideoFrame.from_ndarray(
            np.ascontiguousarray(pixels[: self.height, : self.width], dtype=np.uint8), format="rgb24"
        )
        self._encode(frame, pts_seconds)

    def write_planes(self, planes: NDArray[np.uint8], pts_seconds: float) -> None:
        """As `write`, of a picture that is yuv420p already: (3 h / 2, w) uint8 for even sides.

        Raises:
            SynclineError: a picture of another size, or a time that does not ascend.
        """
        if planes.shape != (self.height * 3 // 2, self.width):
            raise SynclineError(f"{self.path}: planes of {planes.shape}, expected {(self.height * 3 // 2, self.width)}")
        self._encode(av.VideoFrame.from_ndarray(planes, format="yuv420p"), pts_seconds)

    def _encode(self, frame: av.VideoFrame, pts_seconds: float) -> None:
        pts = round(pts_seconds * TIME_BASE)
        if pts <= self._last:
            raise SynclineError(f"{self.path}: the frame at {pts_seconds:.4f} s does not come after the one before")
        frame.pts, frame.time_base = pts, Fraction(1, TIME_BASE)
        self._container.mux(self._stream.encode(frame))
        self._last, self._end = pts, pts_seconds

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._stack:  # closes the container, then puts the file in place; on an error neither
            if error is not None:
                raise error
            if self._last < 0:
                raise SynclineError(f"{self.path}: not a single frame was written")
            self._container.mux(self._stream.encode(None))
            if self._samples is not None:
                encode_sound(self._container, self._sound_stream, self._samples)
            if self._sound is not None:
                with contextlib.suppress(av.error.FFmpegError):  # stamps that go back: the rest of it is left out
                    self._sound.copy(until=self._end + float(1 / self._rate))


class _CopiedSound:
    """The first sound stream of a file, copied packet by packet; its time counts from the first picture."""

    def __init__(self, path: str | Path, target: Any) -> None:
        self._path, self._target = str(Path(path).absolute()), target
        self._start = VideoReader(path).first_pts_seconds
        with av.open(self._path, metadata_errors="ignore") as source:
            self._stream: Any = None
            if source.streams.audio:
                with contextlib.suppress(ValueError, av.error.FFmpegError):  # a codec that mp4 cannot hold
                    self._stream = target.add_stream_from_template(source.streams.audio[0])

    def copy(self, until: float) -> None:
        if self._stream is None:
            return
        with av.open(self._path, metadata_errors="ignore") as source:
            stream = source.streams.audio[0]
            offset = round(self._start / float(stream.time_base or 1))
            for packet in source.demux(stream):
                if packet.dts is None or packet.pts is None:
                    continue
                packet.pts, packet.dts = packet.pts - offset, packet.dts - offset
                if packet.pts < 0 or float(packet.pts * packet.time_base) > until:
                    continue
                packet.stream = self._stream
                self._target.mux(packet)
