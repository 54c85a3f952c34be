"""`VideoReader`: frames of a video by index or by time, exactly.

A frame's index is its position in the order of presentation, whatever B-frames, variable rates or edit lists do.
`open_video` decides what gives the frames: a file (`video_file`) or a folder of pictures (`picture_folder`).
"""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from syncline.errors import SynclineError
from syncline.video.frame_source import MAX_SIDE, FrameSource
from syncline.video.on_display import frames_on_display

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, eq=False)
class Frames:
    """Decoded frames with their times.

    Attributes:
        pixels: (k, h, w, 3) uint8 RGB as displayed.
        pts_seconds: (k,) float64, when they are shown.
        indices: (k,) int64 frame indices.
    """

    pixels: NDArray[np.uint8]
    pts_seconds: NDArray[np.float64]
    indices: NDArray[np.int64]


def open_video(path: str | Path) -> FrameSource:
    """Opens a path: a file, or a folder of pictures.

    Raises:
        SynclineError: one line naming the path and what is wrong with it.
    """
    path = Path(path)  # the decoders are imported here, as who finds all in caches needs none
    if os.path.isdir(path):
        from syncline.video.picture_folder import PictureFolder

        return PictureFolder(path)
    from syncline.video.video_file import VideoFile

    return VideoFile(path)


class VideoReader:
    """The frames of one video file or one folder of pictures.

    Args:
        path: the file or folder.
        size: (h, w) as displayed to scale to; None keeps the video's size.

    Attributes:
        num_frames: frames that can be shown.
        repeated: frames of the file that are left out, because another one has their time: many where two recordings
            were put into one file whose times start anew.
        pts_seconds: (num_frames,) float64 ascending from 0, when each frame is shown after the first.
        frame_rate: mean frames a second.
        height, width: of the frames returned.
        codec, has_audio: as the file says.
        duration: seconds until the end of the last frame.

    Raises:
        SynclineError: one line naming the path and what is wrong with it.
    """

    def __init__(self, path: str | Path, *, size: tuple[int, int] | None = None) -> None:
        self.path = Path(path)
        self._source = open_video(path)
        self.pts_seconds = self._source.pts_seconds
        self.frame_rate = self._source.frame_rate
        self.codec, self.has_audio, self.repeated = self._source.codec, self._source.has_audio, self._source.repeated
        self.num_frames = len(self.pts_seconds)
        self.duration = float(self.pts_seconds[-1]) + 1.0 / self.frame_rate
        self.height, self.width = self._source.display_size if size is None else size
        if not 0 < self.height <= MAX_SIDE or not 0 < self.width <= MAX_SIDE:
            raise SynclineError(f"{self.path}: cannot scale to {self.height} x {self.width}")

    def scaled(self, size: tuple[int, int]) -> VideoReader:
        """A reader of the same video that scales to (h, w), without opening it anew.

        Raises:
            SynclineError: a size that cannot be had.
        """
        height, width = size
        if not 0 < height <= MAX_SIDE or not 0 < width <= MAX_SIDE:
            raise SynclineError(f"{self.path}: cannot scale to {height} x {width}")
        other = copy.copy(self)
        other.height, other.width = height, width
        return other

    @property
    def rotation(self) -> int:
        """Degrees clockwise that the metadata asks for (0, 90, 180, 270), already applied."""
        return self._source.rotation

    @property
    def stream_index(self) -> int | None:
        """Which stream of the file is the film; None of a folder of pictures."""
        return self._source.stream_index

    @property
    def first_pts_seconds(self) -> float:
        """The time stamp of the first frame in its container, which other streams of it count from, too."""
        return self._source.first_pts_seconds

    @property
    def container_offset(self) -> float:
        """Seconds by which the first frame comes after the container's beginning."""
        return self._source.container_offset

    @property
    def seeks_astray(self) -> bool:
        """Whether a player that looks for a frame by when it is decoded finds another one."""
        return self._source.seeks_astray

    @property
    def stored_sizes(self) -> list[tuple[int, int]]:
        """(height, width) of the stored pictures that were read so far, before they are laid out for display."""
        return list(self._source.stored_sizes)

    @property
    def reading(self) -> int:
        """The first `READING` that gives the same pictures, so that what was made of them can be kept."""
        return self._source.reading

    def remarks(self) -> list[str]:
        """What is unusual about the video and how it is read, a line each."""
        return self._source.remarks()

    def __len__(self) -> int:
        return self.num_frames

    def index_at(self, seconds: ArrayLike) -> NDArray[np.int64]:
        """The frame on display at each moment, by the rule of `on_display`: (k,) int64."""
        return frames_on_display(self.pts_seconds, seconds)

    def frames_at(self, seconds: ArrayLike) -> Frames:
        """The frames on display at the given moments."""
        return self.frames(self.index_at(seconds))

    def frames(self, indices: Sequence[int] | NDArray[np.integer]) -> Frames:
        """Frames by index, in the order asked for; repeats are allowed.

        Raises:
            SynclineError: an index outside the video, or a file that cannot be decoded there.
        """
        wanted = np.asarray(indices, dtype=np.int64).reshape(-1)
        if len(wanted) and (wanted.min() < 0 or wanted.max() >= self.num_frames):
            raise SynclineError(
                f"{self.path}: frame {int(wanted.max() if wanted.max() >= self.num_frames else wanted.min())} "
                f"was asked for, frames 0 to {self.num_frames - 1} exist"
            )
        distinct, rows = np.unique(wanted, return_inverse=True)
        pixels = np.empty((len(distinct), self.height, self.width, 3), dtype=np.uint8)
        for row, picture in enumerate(self._pictures(distinct)):
            pixels[row] = picture
        if len(distinct) != len(wanted) or (rows != np.arange(len(wanted))).any():
            pixels = pixels[rows]
        return Frames(pixels, self.pts_seconds[wanted], wanted)

    def chunks(
        self, indices: Sequence[int] | NDArray[np.integer] | None = None, *, chunk_size: int | None = None
    ) -> Iterator[Frames]:
        """Ascending frames in chunks of at most `chunk_size`, decoded in one pass; memory does not grow with the video.

        Args:
            indices: strictly ascending frame indices; None for all.
            chunk_size: frames a chunk; None for about `CHUNK_BYTES`, which stay in the processor's cache.
        """
        if chunk_size is None:
            chunk_size = max(1, CHUNK_BYTES // (self.height * self.width * 3))
        wanted = np.arange(self.num_frames) if indices is None else np.asarray(indices, dtype=np.int64).reshape(-1)
        if len(wanted) and ((np.diff(wanted) <= 0).any() or wanted[0] < 0 or wanted[-1] >= self.num_frames):
            raise SynclineError(f"{self.path}: chunks takes ascending frame indices from 0 to {self.num_frames - 1}")
        pictures = self._pictures(wanted)
        for start in range(0, len(wanted), chunk_size):
            part = wanted[start : start + chunk_size]
            pixels = np.empty((len(part), self.height, self.width, 3), dtype=np.uint8)
            for row in range(len(part)):
                pixels[row] = next(pictures)
            yield Frames(pixels, self.pts_seconds[part], part)

    def planes(self, indices: Sequence[int] | NDArray[np.integer]) -> Iterator[NDArray[np.uint8]]:
        """Ascending distinct frames as encoders take them, one at a time, for readers with even sides.

        Each is valid until the next one is asked for: (3 h / 2, w) uint8, brightness above, at half the size the two
        planes of colour (ITU-R BT.601, limited range).
        """
        return self._source.pictures(np.asarray(indices, dtype=np.int64), (self.height, self.width), "yuv420p")

    def _pictures(self, wanted: NDArray[np.int64]) -> Iterator[NDArray[np.uint8]]:
        return self._source.pictures(wanted, (self.height, self.width))
