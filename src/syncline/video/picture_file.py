"""Reads one picture file as it is displayed: upright, in colour, 8 bits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from syncline.errors import SynclineError
from syncline.video.frame_source import MAX_SIDE
from syncline.video.geometry import UPRIGHT, Orientation

_FORMATS = ("JPEG", "PNG", "TIFF", "WEBP", "BMP")
_ORIENTATIONS = {
    1: UPRIGHT,
    2: Orientation(False, True, False),
    3: Orientation(False, True, True),
    4: Orientation(False, False, True),
    5: Orientation(True, False, False),
    6: Orientation(True, True, False),
    7: Orientation(True, True, True),
    8: Orientation(True, False, True),
}


def read_still(path: str | Path) -> NDArray[np.uint8]:
    """The picture of a file, turned as its EXIF entry says: (h, w, 3) uint8 RGB.

    Raises:
        SynclineError: one line naming the file and what is wrong with it.
    """
    with opened_still(Path(path)) as picture:
        return upright_pixels(picture, Path(path))


def opened_still(path: Path) -> Image.Image:
    """The picture, of which only the head has been read.

    Raises:
        SynclineError: no picture, or a larger one than is read.
    """
    try:
        picture = Image.open(path, formats=_FORMATS)
    except Exception as error:  # damaged pictures raise nearly every type there is
        raise SynclineError(f"{path}: is no picture that can be read ({_line(error)})") from error
    if not max(picture.size) <= MAX_SIDE:
        picture.close()
        raise SynclineError(f"{path}: {picture.size[0]} x {picture.size[1]} pixels; up to {MAX_SIDE} is read")
    return picture


def orientation_of(picture: Image.Image) -> Orientation:
    """How the camera was held, as EXIF says; upright where no photo and no damaged one says it."""
    if picture.format == "TIFF" or (picture.format == "PNG" and "exif" not in picture.info):
        return UPRIGHT  # Pillow turns the first itself, and would decode the second to be asked
    try:
        return _ORIENTATIONS.get(int(picture.getexif().get(ExifTags.Base.Orientation, 1)), UPRIGHT)
    except Exception:  # damaged metadata raise nearly every type there is
        return UPRIGHT


def upright_size(picture: Image.Image) -> tuple[int, int]:
    """(height, width) of the picture once it is turned."""
    return orientation_of(picture).sides((picture.height, picture.width))


def upright_pixels(picture: Image.Image, path: Path) -> NDArray[np.uint8]:
    """The picture as displayed, (h, w, 3) uint8.

    Raises:
        SynclineError: the picture cannot be decoded.
    """
    orientation = orientation_of(picture)
    try:
        if picture.mode.startswith("I"):  # 16 bits of grey, which conversion would cut off at 255
            grey = (np.asarray(picture).clip(0, 65_535) >> 8).astype(np.uint8)
            pixels: NDArray[Any] = np.repeat(grey[:, :, None], 3, axis=2)
        else:
            pixels = np.asarray(picture.convert("RGB"))
    except Exception as error:  # zlib's, struct's and more
        raise SynclineError(f"{path}: cannot be decoded ({_line(error)})") from error
    return orientation.apply(pixels)


def _line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]
