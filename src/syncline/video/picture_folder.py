"""A folder of numbered pictures read as if it were a video file.

Notable choices:
- Which pictures belong together, their order and their times are told by their names (`picture_names`). Numbers count
  frames: a missing number is a gap in time, and of every tenth picture each stays ten frames from the next.
- Numbers are taken to count 25 frames a second, or the rate that a file `frame_rate.txt` in the folder gives (one
  number).
- Two sequences in one folder (two cameras) are refused, not interleaved; so are pictures of different sizes.
- Photos that say how the camera was held are turned upright; of 16 bits of grey the upper 8 are shown.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from syncline.errors import SynclineError
from syncline.video.discovery import is_result_folder
from syncline.video.frame_source import MAX_FRAMES, Form
from syncline.video.picture_names import PICTURE_SUFFIXES, PictureSequence, is_picture_name, picture_sequences
from syncline.video.still import opened_still, orientation_of, upright_pixels, upright_size

RATE_FILE = "frame_rate.txt"
DEFAULT_RATE = 25.0


class PictureFolder:
    """The frames of a folder, see `FrameSource`.

    Raises:
        SynclineError: no picture there, one that cannot be read, or several sequences.
    """

    codec, has_audio, repeated, seeks_astray = "pictures", False, 0, False
    first_pts_seconds, container_offset, stream_index = 0.0, 0.0, None

    def __init__(self, path: Path) -> None:
        self.path = path
        self._sequence, self._left_out = _only_sequence(path)
        self._files = [path / name for name in self._sequence.names]
        with opened_still(self._files[0]) as first:
            self.display_size = upright_size(first)
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
            remarks.append(f"{gaps} gaps in the numbers ({missing} pictures missing), kept as gaps in time")
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


def _only_sequence(folder: Path) -> tuple[PictureSequence, int]:
    """The sequence of a folder, and how many pictures belong to no sequence."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if is_picture_name(entry.name) and entry.is_file()]
    except OSError as error:
        raise SynclineError(f"{folder}: cannot be read as a folder of pictures ({error.strerror})") from error
    if len(names) > MAX_FRAMES:
        raise SynclineError(f"{folder}: more than {MAX_FRAMES} frames")
    if not names:
        raise SynclineError(f"{folder}: holds no numbered pictures ({', '.join(sorted(PICTURE_SUFFIXES))})")
    sequences = picture_sequences(sorted(names))
    several = [sequence for sequence in sequences if len(sequence.names) > 1]
    if len(several) > 1:
        patterns = ", ".join(sequence.pattern for sequence in several[:4])
        raise SynclineError(
            f"{folder}: {len(several)} sequences of pictures side by side ({patterns}), as of several cameras; put "
            "each into a folder of its own"
        )
    chosen = sequences[0]
    doubled = [a for a, b in zip(chosen.numbers or (), (chosen.numbers or ())[1:], strict=False) if a == b]
    if doubled or (chosen.seconds is not None and (np.diff(chosen.seconds) <= 0).any()):
        raise SynclineError(f"{folder}: two pictures of {chosen.pattern} have the same number or time")
    return chosen, len(names) - len(chosen.names)


def frame_files(folder: Path) -> list[Path]:
    """The pictures of a folder in order.

    Raises:
        SynclineError: as `PictureFolder`.
    """
    return [folder / name for name in _only_sequence(folder)[0].names]


def find_frame_folders(root: Path) -> list[Path]:
    """Folders with at least two pictures of one sequence, sorted; neither hidden ones nor our results."""
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(
            name for name in folders if not (name.startswith(".") or is_result_folder(Path(folder) / name))
        )
        names = [name for name in files if is_picture_name(name)]
        if len(names) > 1 and len(picture_sequences(names)[0].names) > 1:
            found.append(Path(folder))
    return found


def frame_rate(folder: Path) -> float:
    """Frames a second of a folder: the number in its `frame_rate.txt`, 25 without one.

    Raises:
        SynclineError: the file holds no rate.
    """
    try:
        rate = float((folder / RATE_FILE).read_text(encoding="utf-8-sig")[:100])
    except FileNotFoundError:
        return DEFAULT_RATE
    except (OSError, ValueError) as error:
        raise SynclineError(f"{folder / RATE_FILE}: expected one number, frames a second") from error
    if not 0 < rate < 1e4:
        raise SynclineError(f"{folder / RATE_FILE}: {rate} frames a second is no frame rate")
    return rate
