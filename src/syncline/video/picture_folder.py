"""A folder of numbered pictures read as if it were a video file.

Notable choices:
- The pictures are shown in the order of the numbers in their names: `frame_2` comes before `frame_10`.
- Pictures carry no times. They are taken to be shown at 25 a second, or at the rate that a file `frame_rate.txt` in the
  folder gives (one number).
- All pictures have the size of the first; one that has not is an error, not a guess.
- Photos that say how the camera was held are turned upright; of 16 bits of grey the upper 8 are shown.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps

from syncline.errors import SynclineError
from syncline.video.frame_source import MAX_FRAMES, MAX_SIDE

PICTURES = frozenset([".jpg", ".jpeg", ".png"])
RATE_FILE = "frame_rate.txt"
DEFAULT_RATE = 25.0
_DEGREES = {3: 180, 6: 90, 8: 270}  # clockwise


class PictureFolder:
    """The frames of a folder, see `FrameSource`.

    Raises:
        SynclineError: no picture there, one that cannot be read or has another size than the first.
    """

    codec, has_audio, repeated = "pictures", False, 0

    def __init__(self, path: Path) -> None:
        self.path = path
        self._files = frame_files(path)
        if not self._files:
            raise SynclineError(f"{path}: holds no numbered pictures ({', '.join(sorted(PICTURES))})")
        with _picture(self._files[0]) as first:
            self._size = _upright_size(first)
            self.rotation = _DEGREES.get(_orientation(first), 0)
        self.frame_rate = frame_rate(path)
        self.pts_seconds = np.arange(len(self._files)) / self.frame_rate

    @property
    def display_size(self) -> tuple[int, int]:
        """(height, width) of the first picture."""
        return self._size[1], self._size[0]

    def pictures(self, frame_indices: NDArray[np.int64], size: tuple[int, int]) -> Iterator[NDArray[np.uint8]]:
        """The wanted pictures, scaled; a generator that opens a file at a time."""
        reformatter = VideoReformatter()
        for index in frame_indices.tolist():
            file = self._files[index]
            with _picture(file) as picture:
                if _upright_size(picture) != self._size:
                    own = _said(_upright_size(picture))
                    raise SynclineError(f"{file}: {own}, the first frame has {_said(self._size)}")
                try:
                    pixels: NDArray[Any] = _upright_pixels(picture)
                except Exception as error:  # see below: zlib's, struct's and more
                    raise SynclineError(f"{file}: cannot be decoded ({_line(error)})") from error
            if pixels.shape[:2] != size:
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
                pixels = reformatter.reformat(
                    frame, width=size[1], height=size[0], format="rgb24", threads=1
                ).to_ndarray()
            yield pixels


def frame_files(folder: Path) -> list[Path]:
    """The numbered pictures of a folder in the order of their numbers; pictures without a number are left out.

    Raises:
        SynclineError: the folder cannot be listed, holds two kinds of pictures, or more than can be read.
    """
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if is_frame_name(entry.name) and entry.is_file()]
    except OSError as error:
        raise SynclineError(f"{folder}: cannot be read as a folder of pictures ({error.strerror})") from error
    if len(names) > MAX_FRAMES:
        raise SynclineError(f"{folder}: more than {MAX_FRAMES} frames")
    suffixes = {Path(name).suffix.lower() for name in names}
    if len(suffixes) > 1:
        raise SynclineError(f"{folder}: {' and '.join(sorted(suffixes))} pictures side by side; expected one kind")
    return [folder / name for name in sorted(names, key=_in_numbers)]


def find_frame_folders(root: Path) -> list[Path]:
    """Folders with at least two numbered pictures, `root` among them, sorted; hidden ones are left out."""
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if sum(1 for name in files if is_frame_name(name)) > 1:
            found.append(Path(folder))
    return found


def is_frame_name(name: str) -> bool:
    """Whether a file's name is that of a frame: a picture whose name ends in a digit."""
    stem, suffix = os.path.splitext(name)
    return suffix.lower() in PICTURES and not name.startswith(".") and stem[-1:].isdigit()


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


def _picture(file: Path) -> Image.Image:
    """The picture, of which only the head has been read."""
    try:
        picture = Image.open(file, formats=("JPEG", "PNG"))
    except Exception as error:  # damaged pictures raise nearly every type there is
        raise SynclineError(f"{file}: is no picture that can be read ({_line(error)})") from error
    if not max(picture.size) <= MAX_SIDE:
        picture.close()
        raise SynclineError(f"{file}: {_said(picture.size)}; up to {MAX_SIDE} is read")
    return picture


def _orientation(picture: Image.Image) -> int:
    """How the camera was held, as EXIF counts it; 1 is upright, and what no photo and no damaged one says."""
    if picture.format == "PNG":  # which would be decoded to be asked
        return 1
    try:
        return int(picture.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # damaged metadata raise nearly every type there is
        return 1


def _upright_size(picture: Image.Image) -> tuple[int, int]:
    """(width, height) of the picture once it is turned."""
    return picture.size[::-1] if _orientation(picture) in range(5, 9) else picture.size


def _upright_pixels(picture: Image.Image) -> NDArray[np.uint8]:
    """(h, w, 3) uint8."""
    if picture.mode.startswith("I"):  # 16 bits of grey, which conversion would cut off at 255
        grey = (np.asarray(picture).clip(0, 65_535) >> 8).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)
    upright = picture if _orientation(picture) == 1 else ImageOps.exif_transpose(picture)
    return np.asarray(upright.convert("RGB"))


def _in_numbers(name: str) -> tuple[list[tuple[int, int, str]], str]:
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts], name


def _said(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]} pixels"


def _line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]
