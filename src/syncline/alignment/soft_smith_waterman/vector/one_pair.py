"""One pair through the blocks of the vector kernel, down and up: what a streamed and a banded score share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from syncline.alignment.soft_smith_waterman.vector.entry import COLDEST, FAINTEST, HOTTEST, LEAST, MOST

_PADDING = 48


def in_range(go: float, ge: float, gamma: float) -> bool:
    """Whether prices are in the kernel's range."""
    return COLDEST <= gamma <= HOTTEST and all(LEAST <= gap / gamma <= MOST for gap in (go, ge))


class OnePair:
    """A pair of n and m frames, both above 0, with prices go, ge and gamma, and what is kept of it between blocks.

    Attributes:
        whole: log2 of the sum whose logarithm is the score, after all rows went down.
        gaps: (2,), the gradient in go and ge, after all rows went up.
    """

    def __init__(self, n: int, m: int, go: float, ge: float, gamma: float, band: int = -1) -> None:
        from syncline.alignment.soft_smith_waterman.vector import blocks

        self._blocks, self._pair = blocks, ((n, m), (go, ge, gamma), band)
        strips, width = (n + 15) // 16, m + _PADDING
        self._rows = np.empty(strips * 2 * width, np.float32), np.empty(strips * width, np.int32)
        self._sums = np.empty(16, np.float32), np.empty(16, np.int32)
        self._below, self.gaps, self.whole = np.zeros(2 * width, np.float32), np.zeros(2), -np.inf
        blocks.begin(*self._rows, m, *self._sums)

    def down(self, s: NDArray[np.float32], stride: int, top: int, stop: int) -> bool:
        """Rows top (a multiple of 16) to stop; s, flat, begins with row top, rows ``stride`` apart.

        False where a similarity is out of range, or, after the last row, the whole pair.
        """
        (n, _), _, _ = self._pair
        good = bool(self._blocks.descend(s, stride, top, stop, *self._pair, self._rows, *self._sums))
        if good and stop == n:
            self.whole = float(self._blocks.whole_of(*self._sums))
            good = self.whole >= FAINTEST
        return good

    def up(self, s: NDArray[np.float32], stride: int, top: int, stop: int, g: float, ds: NDArray[np.float32]) -> None:
        """The same blocks, last rows first: g times the gradient of the score, into ds, laid out as s, zeros before."""
        if stop == self._pair[0][0]:
            self._below[:], self.gaps[:] = 0.0, 0.0
        arguments: Any = (*self._pair, self._rows, self.whole, g, self._below, ds, self.gaps)
        self._blocks.ascend(s, stride, top, stop, *arguments)
