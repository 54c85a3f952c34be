"""Turns stored pictures into displayed ones: rotation, mirroring, pixels that are not square."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

_WIDEST = 8  # pixels wider or higher than that are a damaged header
_SEEN = 0.01  # of the width; a smaller correction is rounding by whoever wrote the file


@dataclass(frozen=True)
class Orientation:
    """How a stored picture is laid out for display: rows and columns exchanged first, then flipped.

    Examples:
        >>> quarter = Orientation(transposed=True, flipped_x=True)
        >>> quarter.apply(np.array([[1, 2], [3, 4]])).tolist(), quarter.rotation, quarter.mirrored
        ([[3, 1], [4, 2]], 90, False)
    """

    transposed: bool = False
    flipped_x: bool = False
    flipped_y: bool = False

    @classmethod
    def of(cls, frame: Any) -> Orientation:
        """The nearest of the eight to the display matrix of a decoded frame."""
        data = frame.side_data.get("DISPLAYMATRIX")
        if data is None:
            return UPRIGHT
        # a stored point (x, y) is displayed at (a x + c y, b x + d y), of the matrix [a b u; c d v; ...]
        a, b, _, c, d = np.frombuffer(bytes(data), dtype=np.int32)[:5].tolist()
        if abs(a) + abs(d) >= abs(b) + abs(c):
            return cls(False, a < 0, d < 0)
        return cls(True, c < 0, b < 0)

    def apply(self, picture: NDArray[Any]) -> NDArray[Any]:
        """The picture (h, w, ...) as displayed; a view."""
        if self.transposed:
            picture = picture.swapaxes(0, 1)
        return picture[:: -1 if self.flipped_y else 1, :: -1 if self.flipped_x else 1]

    def sides(self, size: tuple[int, int]) -> tuple[int, int]:
        """(h, w) stored -> displayed, and back."""
        return size[::-1] if self.transposed else size

    @property
    def mirrored(self) -> bool:
        """Whether left and right are exchanged, apart from any rotation."""
        return (self.transposed + self.flipped_x + self.flipped_y) % 2 == 1

    @property
    def rotation(self) -> int:
        """Degrees clockwise, after mirroring left and right where `mirrored`: 0, 90, 180 or 270."""
        if self.transposed:
            return 90 if self.flipped_x and (self.mirrored or not self.flipped_y) else 270
        return 180 if self.flipped_y else 0


UPRIGHT = Orientation()


def displayed_width(height: int, width: int, aspect: Fraction | None) -> int:
    """Columns of a picture whose pixels are `aspect` times as wide as high, where they are square.

    Examples:
        >>> displayed_width(576, 720, Fraction(64, 45)), displayed_width(480, 853, Fraction(1280, 1279))
        (1024, 853)
    """
    if not aspect or not 1 / _WIDEST <= aspect <= _WIDEST or height < 1:
        return width
    wide = max(1, round(width * aspect))
    return wide if abs(wide - width) > _SEEN * width else width


def split_planes(planes: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """Views of brightness (h, w) and the two colours (h / 2, w / 2) of a yuv420p picture (3 h / 2, w).

    Examples:
        >>> [plane.shape for plane in split_planes(np.zeros((6, 8), np.uint8))]
        [(4, 8), (2, 4), (2, 4)]
    """
    height, width = len(planes) * 2 // 3, planes.shape[1]
    flat = planes.reshape(-1)
    colours = flat[height * width :].reshape(2, height // 2, width // 2)
    return flat[: height * width].reshape(height, width), colours[0], colours[1]
