"""What a reader needs from a file or a folder of pictures, and the limits for both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Form = Literal["rgb24", "yuv420p"]
MAX_SIDE = 16_384
READING = 2
"""Counts up when the pictures of some files change: 1 up to version 0.1.0; 2 mirrors as the display matrix says,
chooses the film among several streams and reads MPEG program streams exactly."""
MAX_PIXELS = 1 << 26
MAX_FRAMES = 20_000_000


class FrameSource(Protocol):
    """Frames in the order in which they are shown: a video file, or a folder of pictures.

    Attributes:
        path: the file or folder. codec: of the pictures. has_audio: whether there is sound.
        pts_seconds: (num_frames,) float64 ascending from 0, when each frame is shown after the first.
        frame_rate: mean frames a second.
        first_pts_seconds: the time stamp of the first frame in its container.
        container_offset: seconds by which the first frame comes after the container's beginning.
        repeated: frames that are left out because another one has their time.
        seeks_astray: whether a player that looks for a frame by when it is decoded finds another one.
        stored_sizes: (height, width) of the stored pictures that were read so far, in order; one unless it changes.
    """

    path: Path
    codec: str
    has_audio: bool
    pts_seconds: NDArray[np.float64]
    frame_rate: float
    first_pts_seconds: float
    container_offset: float
    repeated: int
    seeks_astray: bool
    stored_sizes: dict[tuple[int, int], None]

    @property
    def display_size(self) -> tuple[int, int]:
        """(height, width) of a frame as it is displayed."""

    @property
    def stream_index(self) -> int | None:
        """Which stream of the file it is; None of a folder."""

    @property
    def reading(self) -> int:
        """The first `READING` that gives the pictures it gives."""

    def remarks(self) -> list[str]:
        """What is unusual about the source and how it is read, a line each."""

    @property
    def rotation(self) -> int:
        """Degrees clockwise by which the stored pictures are turned for display: 0, 90, 180 or 270."""

    def pictures(
        self, frame_indices: NDArray[np.int64], size: tuple[int, int], form: Form = "rgb24"
    ) -> Iterator[NDArray[np.uint8]]:
        """The frames of ascending distinct indices as displayed, scaled to ``size`` (h, w).

        Each is valid until the next one is asked for: (h, w, 3) uint8 RGB, or, as yuv420p, (3 h / 2, w) uint8: the
        plane of brightness, then those of colour, at half the size.
        """
