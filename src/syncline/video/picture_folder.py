"""Reads a folder of numbered pictures as a video.

Notable choices:
- Which pictures form a sequence, their order and their times are told by their names (`picture_names`). Numbers count
  frames: a missing number is a gap in time, and of every tenth picture each stays ten frames from the next.
- Numbers are taken to count 25 frames a second, or the rate that a file `frame_rate.txt` in the folder gives (one
  number).
- Two sequences in one folder (two cameras) are refused, not interleaved; so are pictures of different sizes.
- Photos that say how the camera was held are turned upright; of 16 bits of grey the upper 8 are shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from syncline.errors import SynclineError
from syncline.video.frame_folders import frame_rate, only_sequence
from syncline.video.frame_source import Form
from syncline.video.picture_file import opened_still, orientation_of, upright_pixels, upright_size
from syncline.wording import counted


class PictureFolder:
    """The frames of a folder, see `FrameSource`.

    Raises:
        SynclineError: no picture there, one that cannot be read, or several sequences.
    """

    codec, has_audio, repeated, seeks_astray = "pictures", False, 0, False
    first_pts_seconds, container_offset, stream_index = 0.0, 0.0, None

    def __init__(self, path: Path) -> None:
        self.path = path
        self._sequence, self._left_out = only_sequence(path)
        self._files = [path / name for name in self._sequence.names]
        with opened_still(self._files[0]) as first:
            self.display_size = upright_size(first)
            self.stored_sizes = {(first.height, first.width): None}  # others are refused
            self._orientation = orientation_of(first)
        self._counting_rate = frame_rate(path)
        if self._sequence.seconds is not None:
            self.pts_seconds = np.array(self._sequence.seconds)
        else:
            numbers = np.array(self._sequence.numbers, dtype=np.float64)
            self.pts_seconds = (numbers - numbers[0]) / self._counting_rate
        span = float(self.pts_seconds[-1])
        self.frame_rate = (len(self._files) - 1) / span if span > 0 else self._counting_rate

    @property
    def rotation(self) -> int:
        """Degrees clockwise by which the first picture is turned."""
        return self._orientation.rotation

    @property
    def reading(self) -> int:
        """2 where version 1 showed them in another order, or knew no such pictures."""
        steps = np.diff(self._sequence.numbers or ())
        return 1 if self._sequence.numbers is not None and (steps == 1).all() else 2

    def remarks(self) -> list[str]:
        """What is unusual about the pictures and how they are read.

        Raises:
            SynclineError: pictures of different sizes.
        """
        sizes: Counter[tuple[int, int]] = Counter()
        for file in self._files:
            with opened_still(file) as picture:
                sizes[upright_size(picture)] += 1
        if len(sizes) > 1:
            said = ", ".join(f"{count} of {w} x {h}" for (h, w), count in sizes.most_common(3))
            raise SynclineError(f"{self.path}: pictures of {len(sizes)} sizes ({said}); bring them to one size")
        remarks = [f"rotated by {self.rotation} degrees (applied)"] if self.rotation else []
        if self._orientation.mirrored:
            remarks.append("mirrored by EXIF (applied)")
        if self._sequence.seconds is not None:
            remarks.append("times from the names of the pictures")
        elif len(self._files) > 1:
            remarks += self._about_numbers()
        if self._left_out:
            remarks.append(f"{self._left_out} other pictures in the folder are left out")
        return remarks

    def _about_numbers(self) -> list[str]:
        steps = np.diff(np.array(self._sequence.numbers))
        step = int(np.gcd.reduce(steps))
        remarks = []
        if step > 1:
            remarks.append(f"numbered in steps of {step}, taken as every {step}th of {self._counting_rate:g} a second")
        gaps = int((steps > step).sum())
        if gaps:
            missing = int((steps // step - 1).sum())
            remarks.append(
                f"{counted(gaps, 'gap')} in the numbers ({counted(missing, 'picture')} missing), kept in time"
            )
        return remarks

    def pictures(
        self, frame_indices: NDArray[np.int64], size: tuple[int, int], form: Form = "rgb24"
    ) -> Iterator[NDArray[np.uint8]]:
        """The wanted pictures, scaled; a generator that opens a file at a time."""
        reformatter = VideoReformatter()
        for index in frame_indices.tolist():
            file = self._files[index]
            with opened_still(file) as picture:
                if upright_size(picture) != self.display_size:
                    own, first = (f"{w} x {h} pixels" for h, w in (upright_size(picture), self.display_size))
                    raise SynclineError(f"{file}: {own}, the first frame has {first}")
                pixels: NDArray[Any] = upright_pixels(picture, file)
            if pixels.shape[:2] != size or form != "rgb24":
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
                pixels = reformatter.reformat(frame, width=size[1], height=size[0], format=form, threads=1).to_ndarray()
            yield pixels
